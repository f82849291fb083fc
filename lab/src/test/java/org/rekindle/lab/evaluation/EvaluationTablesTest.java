package org.rekindle.lab.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.lab.Environment;
import org.rekindle.lab.RunResult;
import org.rekindle.responsiveness.Stall;
import org.rekindle.responsiveness.StallTimeline;
import org.rekindle.workingset.Score;
import org.xml.sax.SAXException;

class EvaluationTablesTest {
  private static final Environment HERE =
      new Environment("CPU", "Linux", 2, "disk", "limits", "1", Instant.EPOCH, List.of());

  /** A guest that starts after a second and waits for half a second once. */
  private static RunResult run(int repetition, long waitsFromNs) {
    return RunResult.of(new RunResult.Condition("a guest", "eager", "disk", repetition))
        .with(
            new RunResult.Progress(null, 1000.0, null, null, 2000.0 * repetition, null, List.of()))
        .with(
            RunResult.Responsiveness.of(
                StallTimeline.of(
                    1_000_000_000,
                    1,
                    List.of(new Stall(waitsFromNs, waitsFromNs + 500_000_000, 0)))));
  }

  private static final List<RunResult> RUNS =
      List.of(run(1, 1_000_000_000), run(2, 2_000_000_000), run(3, 3_000_000_000L));

  @Test
  void repetitionsAreTheirMedianAndTheirRange() {
    String text = new EvaluationTables(HERE, RUNS, List.of(check(1, 1)), List.of()).text();
    assertThat(text)
        .contains("## a guest", "| eager | 3 |  | 1.00 (1.00 to 1.00) |  |", "4.00 (2.00 to 6.00)");
  }

  @Test
  void errorsOfTheSimulatorHaveTheirSignInTheRowsAndNoneInTheMedian() {
    SimulatorCheck.Row slow = check(1000, 1100);
    SimulatorCheck.Row fast = check(1000, 800);
    assertThat(slow.error()).isCloseTo(0.1, within(1e-9));
    assertThat(slow.errorSinceBegin()).isCloseTo(0.2, within(1e-9));
    assertThat(SimulatorCheck.medianError(List.of(slow, fast), SimulatorCheck.Row::error))
        .isCloseTo(0.15, within(1e-9));
    assertThat(new EvaluationTables(HERE, RUNS, List.of(slow, fast), List.of()).text())
        .contains(
            "+10 %, +20 %",
            "-20 %", "| a guest | 1 | **15.0 %** (10 to 20) | **30.0 %** (20 to 40) |");
  }

  private static SimulatorCheck.Row check(double measuredMs, double simulatedMs) {
    return new SimulatorCheck.Row(
        "a guest", false, "eager", 1, "0.9", 500, measuredMs, simulatedMs);
  }

  @Test
  void policiesAreComparedWithTheOracleOfTheSameBudget() {
    List<PolicyStudy.Row> rows = List.of(policy("lirs", 3000, 900), policy("oracle", 2000, 450));
    String text = new EvaluationTables(HERE, RUNS, List.of(check(1, 1)), rows).text();
    assertThat(text).contains("| lirs | trace | 50 %, 80 %; +1.00, +0.45 |");
  }

  private static PolicyStudy.Row policy(String name, double workingSetMs, double adaptiveMs) {
    return new PolicyStudy.Row(
        "a guest",
        name,
        PolicyStudy.Seen.TRACE,
        25,
        new Score(10, 8, 16),
        workingSetMs,
        adaptiveMs);
  }

  @Test
  void everyGuestHasAPlotThatIsXml(@TempDir Path folder)
      throws IOException, ParserConfigurationException, SAXException {
    CurvePlot.write(RUNS, folder);
    Path plot = folder.resolve("ttr-a-guest.svg");
    assertThat(Files.readString(plot)).contains("<polyline", "eager");
    DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(plot.toFile());
  }

  @Test
  void everyContenderHasAFolderOfItsOwn() {
    assertThat(Contender.STRATEGIES.stream().map(each -> each.folder(1)))
        .doesNotHaveDuplicates()
        .contains("working-set-access-bits-1");
    assertThat(Contender.estimates().stream().map(each -> each.folder(2))).doesNotHaveDuplicates();
  }
}
