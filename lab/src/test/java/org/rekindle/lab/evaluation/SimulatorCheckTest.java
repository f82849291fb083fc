package org.rekindle.lab.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The measured restores that scripts/check-simulator has kept with the documentation, simulated by
 * the present code.
 */
class SimulatorCheckTest {
  private static final Path KEPT =
      Path.of(System.getProperty("rekindle.root", "..")).resolve("docs/evaluation/simulator-check");

  /** In the order in which they were measured: the first is the one that costs are taken from. */
  private static final List<String> GUESTS = List.of("small-192", "small-512", "mplayer");

  private final List<SimulatorCheck.Row> rows;

  SimulatorCheckTest() throws IOException {
    rows = SimulatorCheck.of(KeptRestores.read(GUESTS.stream().map(KEPT::resolve).toList()));
  }

  @Test
  void theFiguresInTheDocumentAreWhatTheSimulatorSaysOfTheKeptRestores() throws IOException {
    assertThat(Files.readString(KEPT.resolve("check.md")))
        .as("scripts/check-simulator --again; if restores are others now, measure: without --again")
        .contains(SimulatorTables.of(rows));
  }

  @Test
  void theMedianErrorOfGuestsOfWhichNothingWasTakenIsUnder15Percent() {
    List<SimulatorCheck.Row> heldOut = rows.stream().filter(row -> !row.isFixedOn()).toList();
    assertThat(heldOut).hasSizeGreaterThanOrEqualTo(8 * SimulatorCheck.UTILISATIONS.size());
    assertThat(SimulatorCheck.medianError(heldOut, SimulatorCheck.Row::error)).isLessThan(0.15);
    assertThat(SimulatorCheck.medianError(heldOut, SimulatorCheck.Row::errorSinceBegin))
        .isLessThan(0.15);
  }
}
