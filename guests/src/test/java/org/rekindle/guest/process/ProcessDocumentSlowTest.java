package org.rekindle.guest.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The program in docs/guests/process.md, as a reader would run it. */
@Tag("slow")
@Timeout(120)
class ProcessDocumentSlowTest {
  @TempDir Path directory;

  @Test
  void theProgramInTheDocumentRestoresAStore() throws IOException, InterruptedException {
    Path document = Path.of(System.getProperty("rekindle.root"), "docs/guests/process.md");
    String text = Files.readString(document);
    int begin = text.indexOf("```java\n") + "```java\n".length();
    Path program = directory.resolve("Embedded.java");
    Files.writeString(program, text.substring(begin, text.indexOf("```", begin)));
    Process java =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + directory,
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                program.toString())
            .redirectErrorStream(true)
            .start();
    String printed = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(java.waitFor()).as(printed).isZero();
    assertThat(printed).containsPattern("\\d+ demand faults; Verdict\\[.*failures=0, damage=]");
  }
}
