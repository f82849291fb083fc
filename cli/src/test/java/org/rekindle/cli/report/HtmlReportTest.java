package org.rekindle.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.json.Json;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.FaultRow;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.RunResult.Condition;
import org.rekindle.lab.RunResult.Evidence;

class HtmlReportTest {
  @TempDir static Path directory;
  private static Results results = new Results(List.of());
  private static String page = "";

  @BeforeAll
  static void writeOnce() throws IOException {
    results = Results.read(SyntheticResults.write(directory));
    page = report(results);
  }

  private static String report(Results results) throws IOException {
    Path file = directory.resolve("report.html");
    HtmlReport.write(results, file);
    return Files.readString(file);
  }

  /** The data of a page, parsed as its scripts do. */
  private static Map<?, ?> data(String page) {
    String begin = "<script type=\"application/json\" id=\"data\">";
    int from = page.indexOf(begin) + begin.length();
    return Json.parseObject(page.substring(from, page.indexOf("</script>", from)));
  }

  private static List<?> list(Map<?, ?> map, String name) {
    return map.get(name) instanceof List<?> list ? list : List.of();
  }

  private static List<Map<?, ?>> objects(Map<?, ?> map, String name) {
    List<Map<?, ?>> objects = new ArrayList<>();
    for (Object each : list(map, name)) {
      if (each instanceof Map<?, ?> object) {
        objects.add(object);
      }
    }
    return objects;
  }

  @Test
  void everyRunIsInThePage() {
    List<String> found = new ArrayList<>();
    for (Map<?, ?> condition : objects(data(page), "conditions")) {
      for (Map<?, ?> strategy : objects(condition, "strategies")) {
        for (Map<?, ?> run : objects(strategy, "runs")) {
          found.add(
              condition.get("guest")
                  + "/"
                  + strategy.get("name")
                  + "/"
                  + condition.get("storage")
                  + "/"
                  + run.get("repetition"));
        }
      }
    }
    assertThat(found)
        .containsExactlyInAnyOrderElementsOf(
            results.runs().stream()
                .map(RunResult::condition)
                .map(c -> c.guest() + "/" + c.strategy() + "/" + c.storage() + "/" + c.repetition())
                .toList());
    assertThat(found).hasSize(5 * SyntheticResults.REPETITIONS);
  }

  @Test
  void nothingIsLoadedFromAnywhere() {
    assertThat(page).doesNotContainPattern("(?i)https?:");
    assertThat(page).doesNotContainPattern("(?i)\\b(src|href|action|poster)\\s*=\\s*[\"']?+(?!#)");
    assertThat(page)
        .doesNotContainPattern("(?i)\\burl\\(|@import|\\bfetch\\(|XMLHttpRequest|WebSocket");
    assertThat(page).contains("Content-Security-Policy").contains("default-src 'none'");
    assertThat(page).doesNotContainPattern("@@[A-Z_]+@@");
  }

  @Test
  void thePageStaysSmall() {
    assertThat(page.length()).isLessThan(3_000_000);
  }

  @Test
  void hostileNamesStayText() throws IOException {
    String hostile = "</script><script>alert(1)</script> @@STYLE@@ $1 \\ <!-- \" '";
    RunResult run =
        RunResult.of(new Condition(hostile, hostile, hostile, 1))
            .with(new Evidence(null, null, Map.of(hostile, 4096L), hostile, null, hostile));
    String text =
        report(
            new Results(
                List.of(
                    new Results.Session(SyntheticResults.environment(), List.of(run), directory))));
    assertThat(text).doesNotContain("alert(1)</script>").doesNotContain("</script><script>alert");
    assertThat(objects(data(text), "conditions").getFirst().get("guest")).isEqualTo(hostile);
  }

  @Test
  void aMissingOrDamagedFaultLogIsSaidOnThePage() throws IOException {
    Files.writeString(
        directory.resolve("damaged.csv"), "arrivalNs,servedNs,region,page,cause,vcpu\nnonsense\n");
    for (String log : List.of("gone.csv", "damaged.csv")) {
      RunResult run =
          RunResult.of(new Condition("guest", "lazy", "disk", 1))
              .with(new Evidence(true, log, Map.of(), null, null, null));
      Map<?, ?> faults = FaultMap.of(run, directory);
      assertThat(String.valueOf(faults)).contains("problem=The fault log").contains(log);
    }
  }

  @Test
  void twoHundredThousandFaultsTakeAboutAMegabyte() throws IOException {
    Random random = new Random(7);
    List<FaultRow> faults = new ArrayList<>();
    for (int i = 0; i < 200_000; i++) {
      long arrival = random.nextLong(60_000_000_000L);
      faults.add(
          new FaultRow(
              arrival, arrival + 1, "pc.ram", random.nextInt(1 << 18), FaultRow.Cause.DEMAND, -1));
    }
    FaultLogCsv.write(faults, directory.resolve("many.csv"));
    RunResult run =
        RunResult.of(new Condition("guest", "lazy", "disk", 1))
            .with(new Evidence(true, "many.csv", Map.of("pc.ram", 1L << 30), null, null, null));
    assertThat(Json.compact(FaultMap.of(run, directory)).length()).isBetween(900_000, 1_100_000);
  }

  @Test
  void resultsWithoutAnyRunMakeAPage() throws IOException {
    assertThat(objects(data(report(new Results(List.of()))), "conditions")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "uPlot.iife.min.js, 19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css, df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE, 8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd"
  })
  void thePlotLibraryIsTheOneThatWasReviewed(String file, String sha256)
      throws IOException, NoSuchAlgorithmException {
    try (InputStream in = HtmlReport.class.getResourceAsStream("uplot/" + file)) {
      assertThat(in).isNotNull();
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(in.readAllBytes());
      assertThat(HexFormat.of().formatHex(digest)).isEqualTo(sha256);
    }
  }
}
