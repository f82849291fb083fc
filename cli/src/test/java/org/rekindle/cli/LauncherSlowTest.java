package org.rekindle.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./rekindle} as users type it; the first start builds what is missing. */
@Tag("slow")
class LauncherSlowTest {
  private static final Path ROOT =
      Path.of(System.getProperty("rekindle.root", "..")).toAbsolutePath().normalize();

  @TempDir private Path directory = Path.of("unset");

  private record Run(int status, String out, String errors) {}

  private Run run(Path launcher, String javaOptions) throws IOException, InterruptedException {
    return run(javaOptions, launcher.toString(), "--version");
  }

  private Run run(String javaOptions, String... command) throws IOException, InterruptedException {
    Path errors = directory.resolve("errors");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("REKINDLE_JAVA_OPTS", javaOptions);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Run(process.waitFor(), out, Files.readString(errors));
  }

  private void build() throws IOException, InterruptedException {
    Run run = run(ROOT.resolve("rekindle"), "");
    assertThat(run.status).as(run.errors).isZero();
  }

  @Test
  void itsClassesComeFromTheAotCache() throws Exception {
    build();
    Path log = directory.resolve("classes");
    String launcher = ROOT.resolve("rekindle").toString();
    run("-Xlog:class+load:file=" + log, launcher, "restore", "/no/such/image", "--", "true");
    assertThat(Files.readAllLines(log))
        .anyMatch(line -> line.contains("org.rekindle.cli.Main source: shared objects file"))
        .anyMatch(line -> line.contains("org.rekindle.restore.Pager source: shared objects file"))
        .as("loaded, verified and linked while a guest waits")
        .noneMatch(line -> line.contains(" source: file:"));
  }

  @Test
  void aCacheThatDoesNotFitIsNotUsedAndNotSpokenOf() throws Exception {
    build();
    Path log = directory.resolve("classes");
    Run run =
        run(ROOT.resolve("rekindle"), "-XX:-UseSerialGC -XX:+UseZGC -Xlog:class+load:file=" + log);
    assertThat(run.status).as(run.errors).isZero();
    assertThat(run.out).startsWith("rekindle ");
    assertThat(run.errors).isEmpty();
    assertThat(Files.readAllLines(log)).noneMatch(line -> line.contains("shared objects file"));
  }

  @Test
  void aLinkToItStartsTheSame() throws Exception {
    build();
    Path link = Files.createSymbolicLink(directory.resolve("link"), ROOT.resolve("rekindle"));
    Run run = run(link, "");
    assertThat(run.status).as(run.errors).isZero();
    assertThat(run.out).startsWith("rekindle ");
    assertThat(run.errors).isEmpty();
  }
}
