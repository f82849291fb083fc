package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.cli.report.HtmlReport;
import org.rekindle.lab.Results;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Draws results as one HTML page that needs no network.",
    description =
        """

        Reads results.json files (as 'rekindle demo' and the benchmarks write them) with \
        the fault logs that they name, and draws them together: time-to-responsiveness curves, \
        the heartbeat of the guest, the page-by-time map of faults, prefetch coverage and \
        precision.
        """,
    footer =
        """

        Example
          rekindle report rekindle-demo/results.json -o report.html
          rekindle report monday/results.json tuesday/results.json -o both.html
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:written",
      "  1:a result could not be read, or the page not be written",
      "  2:the command line was not understood"
    })
final class ReportCommand extends Operation {
  @Parameters(arity = "1..*", paramLabel = "RESULTS", description = "results.json files.")
  private List<Path> results = List.of();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      defaultValue = "report.html",
      description = "The page to write (default: ${DEFAULT-VALUE}).")
  private Path output = Path.of("report.html");

  @Override
  void run(Cleanup cleanup) throws IOException {
    Results read = Results.read(results.toArray(Path[]::new));
    HtmlReport.write(read, output);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("report", output.toString());
    json.put("runs", read.runs().size());
    publish(new Result("wrote " + output + " with " + read.runs().size() + " runs", json));
  }
}
