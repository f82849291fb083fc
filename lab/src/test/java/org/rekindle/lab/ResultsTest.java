package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.responsiveness.ResponsivenessClass;
import org.rekindle.responsiveness.StallScope;

class ResultsTest {
  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void writeSample() throws IOException {
    file = directory.resolve("results.json");
    Results.write(
        SampleResults.ENVIRONMENT, List.of(SampleResults.KNOWN, SampleResults.UNKNOWN), file);
  }

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    Results results = Results.read(file);
    assertThat(results.runs()).containsExactly(SampleResults.KNOWN, SampleResults.UNKNOWN);
    assertThat(results.sessions().getFirst().environment()).isEqualTo(SampleResults.ENVIRONMENT);
    assertThat(results.sessions().getFirst().directory()).isEqualTo(directory);
  }

  @Test
  void severalFilesAreOneSetOfResults() throws IOException {
    Path other = directory.resolve("more.json");
    Results.write(SampleResults.ENVIRONMENT, List.of(SampleResults.UNKNOWN), other);
    Results both = Results.read(file, other);
    assertThat(both.sessions()).hasSize(2);
    assertThat(both.runs())
        .containsExactly(SampleResults.KNOWN, SampleResults.UNKNOWN, SampleResults.UNKNOWN);
  }

  @Test
  void theNumbersOfTheSampleAreThoseComputedByHand() {
    // Two virtual CPUs, first instruction at 35.25 ms. cpu 0 stalls [40, 90), cpu 1 [50, 950) ms.
    // w = 1 s, budget 2000 CPU-ms. At 35.25 the window holds 50 + 900 = 950: u 0.525. From 90 ms on
    // it holds 950 - t: u = 0.9 allows 200, so 750 ms.
    var responsiveness = SampleResults.KNOWN.responsiveness();
    assertThat(responsiveness.stallScope()).isEqualTo(StallScope.PER_VCPU);
    assertThat(responsiveness.ttrMs()).containsEntry("1s@0.9", 750.0).hasSize(33);
    assertThat(responsiveness.ttrMs()).containsEntry("1s@0.5", 35.25);
    assertThat(responsiveness.responsivenessClass()).contains(ResponsivenessClass.NOTICEABLE);
    assertThat(SampleResults.KNOWN.paging().coverage()).isEqualTo(23_000 / 23_210.0);
    assertThat(SampleResults.KNOWN.paging().precision()).isEqualTo(23 / 24.0);
  }

  @Test
  void whatIsUnknownStaysUnknown() {
    var responsiveness = SampleResults.UNKNOWN.responsiveness();
    assertThat(responsiveness.ttrMs()).hasSize(33).containsEntry("1s@0.9", null);
    assertThat(responsiveness.responsivenessClass()).isEqualTo(Optional.empty());
    assertThat(SampleResults.UNKNOWN.paging().coverage()).isNull();
    assertThat(new RunResult.Paging(0L, 0L, 0L, 0L, 0L, 0L, 0L).precision()).isNull();
    assertThat(new RunResult.Paging(0L, 0L, 0L, 0L, 0L, 0L, 0L).coverage()).isNull();
  }

  @Test
  void whoMayReadOtherFilesMayReadThisOneAndNothingElseIsLeft() throws IOException {
    Path ordinary = Files.createFile(directory.resolve("ordinary"));
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(Files.getPosixFilePermissions(ordinary));
    Files.delete(ordinary);
    try (var files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void aFailedWriteLeavesTheOldFile() throws IOException {
    assertThatThrownBy(() ->
            WholeFile.write(
                file,
                out -> {
                  out.write("half");
                  throw new IOException("no space");
                }))
        .hasMessage("no space");
    assertThat(Results.read(file).runs()).hasSize(2);
    try (var files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          "rekindle-results"       | "criu-results"       | not a results file of Rekindle
          "version" : 1            | "version" : 2        | written by a newer Rekindle: version 2
          "version" : 1            | "version" : 0        | no version 0
          "version" : 1            | "version" : "1"      | version: expected a whole number, found "1"
          "cores" : 2              | "cores" : 0          | environment.cores: expected a whole number from 1
          2026-01-31T12:00:00Z     | last week            | environment.date: expected a date
          "runs" :                 | "laps" :             | runs: expected a list, found nothing
          "demandFaults" : 210     | "demandFaults" : -1  | runs[0].demandFaults: expected a whole number from 0 or null, found -1
          "demandFaults" : 210     | "demandFaults" : 2.5 | runs[0].demandFaults
          "bytesRead" : 190000000  | "bytesRead" : "many" | runs[0].bytesRead: expected a whole number from 0 or null, found "many"
          "memoryIdentical" : true | "memoryIdentical" : "yes" | runs[0].memoryIdentical: expected true, false or null
          "guest" : "1 GiB Linux, 2 vCPUs" | "guest" : "" | runs[0].guest: expected text
          "stallScope" : "vcpu"    | "stallScope" : "core" | runs[0].stallScope: expected "guest", "vcpu" or "client"
          "adaptive-1.csv"         | "../../etc/shadow"   | runs[0].faultLog: expected the name of a file beside results.json
          "adaptive-1.csv"         | "/etc/shadow"        | runs[0].faultLog
          "adaptive-1.csv"         | ".hidden"            | runs[0].faultLog
          "1s@0.9" : 750.0         | "1s@0.9" : "soon"    | runs[0].ttrMs.1s@0.9: expected a number or null
          "beatsMs" : [ 61.5       | "beatsMs" : [ null   | runs[0].beatsMs[0]: expected a number, found nothing
          "ttrCurve" : {           | "ttrCurve" : { "1s": [[1]], "x": { | malformed JSON
          "windowMs" : 1000.0      | "windowMs" : []      | runs[0].steadyState.windowMs: expected a number, found a list
          """)
  void aDamagedFileIsRefusedByTheNameOfThePlace(String from, String to, String complaint)
      throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    int at = text.indexOf(from);
    Files.writeString(file, text.substring(0, at) + to + text.substring(at + from.length()));
    assertThatThrownBy(() -> Results.read(file))
        .isInstanceOf(ResultsFormatException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(complaint);
  }

  @Test
  void truncatedFilesAreRefusedWhereverTheyEnd() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length - 2; length += 37) {
      Files.write(file, java.util.Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Results.read(file))
          .as("first %d of %d bytes", length, whole.length)
          .isInstanceOf(ResultsFormatException.class)
          .hasMessageStartingWith(file.toString());
    }
  }

  @Test
  void whatIsNoTextIsRefused() throws IOException {
    Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 0, 1});
    assertThatThrownBy(() -> Results.read(file)).isInstanceOf(ResultsFormatException.class);
    Files.writeString(file, "[]");
    assertThatThrownBy(() -> Results.read(file)).hasMessageContaining("not a results file");
    assertThatThrownBy(() -> Results.read(directory.resolve("none.json")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void membersOfALaterMinorReleaseAreIgnored() throws IOException {
    String text = Files.readString(file);
    Files.writeString(file, text.replaceFirst("\"guest\"", "\"humidity\" : [0.4], \"guest\""));
    assertThat(Results.read(file).runs()).hasSize(2);
  }

  @Test
  void thisMachineCanBeDescribed() {
    Environment here = Environment.here("a disk", null, "0.1.0", List.of());
    assertThat(here.cores()).isPositive();
    assertThat(here.kernel()).startsWith("Linux");
    assertThat(here.machine()).endsWith(" GiB");
  }
}
