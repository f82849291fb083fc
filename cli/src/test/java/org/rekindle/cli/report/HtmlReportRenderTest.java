package org.rekindle.cli.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.Results;

/** Lets a real browser draw the page. */
@Tag("slow")
class HtmlReportRenderTest {
  @TempDir Path directory;

  @Test
  void aBrowserDrawsEveryPlotWithoutAnError() throws IOException, InterruptedException {
    Path report = directory.resolve("report.html");
    HtmlReport.write(Results.read(SyntheticResults.write(directory)), report);
    String dom = rendered(report);
    assertThat(dom).contains("data-plots=\"2\"").contains("data-maps=\"5\"");
    assertThat(dom).contains("<td data-label=\"demand faults\">");
    assertThat(dom).doesNotContain("data-error");
  }

  @Test
  void resultsOfTwoSessionsAreShownOneAtATime() throws IOException, InterruptedException {
    Path report = directory.resolve("report.html");
    Path results = SyntheticResults.write(directory);
    HtmlReport.write(Results.read(results, results), report);
    String dom = rendered(report);
    assertThat(dom).contains("session 1</option>").contains("session 2</option>");
    assertThat(dom).contains("data-maps=\"5\"").doesNotContain("data-error");
  }

  @Test
  void aBrowserDrawsResultsThatKnowAlmostNothing() throws IOException, InterruptedException {
    Path report = directory.resolve("report.html");
    HtmlReport.write(new Results(java.util.List.of()), report);
    assertThat(rendered(report)).contains("data-maps=\"0\"").contains("hold no run");
  }

  /** The page after its scripts have run. */
  private String rendered(Path page) throws IOException, InterruptedException {
    Optional<Path> browser =
        Stream.of("chromium", "chromium-browser", "google-chrome")
            .map(name -> Path.of("/usr/bin", name))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(browser.isPresent(), "no Chromium here to draw the report with");
    Path dom = directory.resolve("dom.html");
    Process process =
        new ProcessBuilder(
                browser.orElseThrow().toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--user-data-dir=" + directory.resolve("profile"),
                "--virtual-time-budget=5000",
                "--dump-dom",
                page.toUri().toString())
            .redirectOutput(dom.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("the browser ended").isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    return new String(Files.readAllBytes(dom), StandardCharsets.UTF_8);
  }
}
