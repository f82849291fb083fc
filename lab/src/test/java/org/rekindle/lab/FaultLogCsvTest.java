package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.lab.FaultRow.Cause;

class FaultLogCsvTest {
  private static final List<FaultRow> ROWS =
      List.of(
          new FaultRow(1_000_000, 1_250_000, "pc.ram", 77, Cause.DEMAND, 0),
          new FaultRow(1_100_000, 1_300_000, "pc.ram", 78, Cause.LATE, FaultRow.VCPU_UNKNOWN),
          new FaultRow(9, 9, "vga \"one\", slot 2", 0, Cause.ZERO, 15));

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void name() {
    file = directory.resolve("faults.csv");
  }

  @Test
  void theFileIsAsDocumented() throws IOException {
    FaultLogCsv.write(ROWS, file);
    assertThat(Files.readString(file))
        .isEqualTo(
            """
            arrivalNs,servedNs,region,page,cause,vcpu
            1000000,1250000,pc.ram,77,demand,0
            1100000,1300000,pc.ram,78,late,
            9,9,"vga ""one"", slot 2",0,zero,15
            """);
    assertThat(FaultLogCsv.read(file)).isEqualTo(ROWS);
  }

  @Test
  void aLogWithoutFaultsHasItsHeader() throws IOException {
    FaultLogCsv.write(List.of(), file);
    assertThat(FaultLogCsv.read(file)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          1,2,pc.ram,3,demand          | expected six columns
          1,2                          | expected six columns
          1,2,pc.ram,3,eager,          | expected a cause of demand, late or zero, found: eager
          one,2,pc.ram,3,zero,         | expected a whole number, found: one
          1,2,pc.ram,99999999999999999999,zero, | expected a whole number
          1,2,pc.ram,3,zero,all        | expected a whole number, found: all
          5,2,pc.ram,3,zero,           | served after it arrives
          1,2,pc.ram,-3,zero,          | page -3
          1,2,"pc.ram,3,zero,          | a quote is not closed
          """)
  void aDamagedLineIsRefusedByItsNumber(String line, String complaint) throws IOException {
    Files.writeString(file, FaultLogCsv.HEADER + "\n1,2,pc.ram,3,zero,\n" + line + "\n");
    assertThatThrownBy(() -> FaultLogCsv.read(file))
        .isInstanceOf(ResultsFormatException.class)
        .hasMessageStartingWith(file + ": fault 2: ")
        .hasMessageContaining(complaint);
  }

  @Test
  void somethingElseIsRefused() throws IOException {
    Files.writeString(file, "root:x:0:0\n");
    assertThatThrownBy(() -> FaultLogCsv.read(file)).hasMessageContaining("not a fault log");
    Files.write(file, new byte[] {(byte) 0xff, 0, (byte) 0xc0});
    assertThatThrownBy(() -> FaultLogCsv.read(file)).hasMessageContaining("not a fault log");
    Files.writeString(file, "");
    assertThatThrownBy(() -> FaultLogCsv.read(file)).hasMessageContaining("not a fault log");
  }

  @Test
  void aRegionNameOfSeveralLinesIsRefused() {
    assertThatThrownBy(() -> new FaultRow(0, 0, "a\nb", 0, Cause.ZERO, 0))
        .hasMessageContaining("line break");
  }
}
