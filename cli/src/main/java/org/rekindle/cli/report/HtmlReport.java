package org.rekindle.cli.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.rekindle.json.Json;
import org.rekindle.lab.Results;
import org.rekindle.lab.WholeFile;

/** Writes results as one HTML page that holds all it needs: styles, scripts, plots and data. */
public final class HtmlReport {
  /** In this order: later ones use what earlier ones define. */
  private static final List<String> SCRIPTS =
      List.of("format.js", "page.js", "table.js", "plots.js", "faultmap.js", "main.js");

  private static final Pattern PLACEHOLDER = Pattern.compile("@@(\\w+)@@");

  private HtmlReport() {}

  /**
   * Writes the report. The file is complete or not there.
   *
   * <p>Fault logs are read from where each session has them; one that is missing or damaged is said
   * so on the page.
   */
  public static void write(Results results, Path out) throws IOException {
    String page = page(results);
    WholeFile.write(out, file -> file.write(page));
  }

  private static String page(Results results) throws IOException {
    StringBuilder page = new StringBuilder();
    Matcher placeholder = PLACEHOLDER.matcher(resource("report.html"));
    while (placeholder.find()) {
      // Filled in one pass: what the data say is never searched for placeholders.
      placeholder.appendReplacement(
          page, Matcher.quoteReplacement(filling(placeholder.group(1), results)));
    }
    return placeholder.appendTail(page).toString();
  }

  private static String filling(String name, Results results) throws IOException {
    return switch (name) {
      case "STYLE" -> resource("uplot/uPlot.min.css") + "\n" + resource("report.css");
      case "DATA" -> inScript(Json.compact(ReportData.of(results)));
      case "PLOT_LICENCE" -> resource("uplot/LICENSE").strip();
      case "PLOT_SCRIPT" -> withoutBanner(resource("uplot/uPlot.iife.min.js"));
      case "SCRIPTS" -> {
        StringBuilder all = new StringBuilder();
        for (String script : SCRIPTS) {
          all.append(resource(script)).append('\n');
        }
        yield all.toString();
      }
      default -> throw new IllegalStateException("report.html asks for " + name);
    };
  }

  /** JSON that can't end the script element it stands in, whatever a guest is called. */
  private static String inScript(String json) {
    return json.replace("<", "\\u003c");
  }

  /** The comment with the project's address; the licence stands in the page in full. */
  private static String withoutBanner(String script) {
    return script.startsWith("/*!") ? script.substring(script.indexOf("*/") + 2).strip() : script;
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = HtmlReport.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException(name + " is missing in this build of Rekindle");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .collect(Collectors.joining("\n"));
    }
  }
}
