package org.rekindle.lab.bench;

import java.util.Formatter;
import java.util.List;
import java.util.Locale;
import org.rekindle.lab.RunResult;
import org.rekindle.responsiveness.TtrCurve.Vertex;

/**
 * TTR curves of a comparison as an SVG: time on a logarithmic axis to the right, utilisation
 * upwards, for windows of a second; of each competitor the run in the middle.
 */
final class CurvePlot {
  private static final int WIDTH = 860;
  private static final int HEIGHT = 420;
  private static final int LEFT = 50;
  private static final int RIGHT = 240; // for the names
  private static final int TOP = 30;
  private static final int BOTTOM = 45;

  /** Told apart by those who see few colours, too (Okabe and Ito). */
  private static final List<String> COLOURS =
      List.of(
          "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d00", "#666666");

  private final Comparison comparison;
  private final double fromMs;
  private final double toMs;
  private final Formatter svg = new Formatter(Locale.ROOT);

  private CurvePlot(Comparison comparison) {
    this.comparison = comparison;
    double least = Double.MAX_VALUE;
    double most = 0;
    for (String strategy : comparison.strategies()) {
      RunResult run = comparison.typical(strategy);
      Double first = run == null ? null : run.responsiveness().ttrMs().get("1s@0.1");
      Double last = run == null ? null : run.responsiveness().ttrMs().get("1s@0.99");
      if (first != null && last != null) {
        least = Math.min(least, Math.max(1, first));
        most = Math.max(most, last);
      }
    }
    fromMs = least == Double.MAX_VALUE ? 1 : least * 0.8;
    toMs = Math.max(most * 1.2, fromMs * 10);
  }

  static String of(Comparison comparison) {
    return new CurvePlot(comparison).draw();
  }

  private String draw() {
    svg.format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n",
        WIDTH, HEIGHT);
    svg.format("<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, HEIGHT);
    svg.format(
        "<text x=\"%d\" y=\"18\" font-size=\"14\">%s, %s: from a time on, no second gives less than u</text>\n",
        LEFT, comparison.guest(), comparison.storage());
    axes();
    List<String> strategies =
        comparison.strategies().stream()
            .filter(each -> !comparison.robustness().contains(each))
            .toList();
    for (int i = 0; i < strategies.size(); i++) {
      curve(strategies.get(i), i);
    }
    svg.format("</svg>\n");
    return svg.toString();
  }

  private void axes() {
    for (int tenth = 0; tenth <= 10; tenth += 2) {
      double y = y(tenth / 10.0);
      svg.format("<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n", LEFT, y, WIDTH - RIGHT);
      svg.format(
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f</text>\n",
          LEFT - 6, y + 4, tenth / 10.0);
    }
    for (double decade = 1; decade <= toMs; decade *= 10) {
      for (int step : new int[] {1, 2, 5}) {
        double ms = decade * step;
        if (ms >= fromMs && ms <= toMs) {
          svg.format("<path d=\"M%.1f %dV%d\" stroke=\"#ddd\"/>\n", x(ms), TOP, HEIGHT - BOTTOM);
          svg.format(
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
              x(ms),
              HEIGHT - BOTTOM + 16,
              ms < 1000 ? "%.0f ms".formatted(ms) : "%.0f s".formatted(ms / 1000));
        }
      }
    }
    svg.format("<text x=\"%d\" y=\"%d\">time since the restore command</text>\n", LEFT, HEIGHT - 8);
  }

  private void curve(String strategy, int index) {
    RunResult run = comparison.typical(strategy);
    List<Vertex> curve = run == null ? null : run.responsiveness().ttrCurve().get("1s");
    if (curve == null) {
      return;
    }
    boolean oracle = strategy.equals(OracleRun.NAME);
    String colour = oracle ? "#000" : COLOURS.get(index % COLOURS.size());
    StringBuilder path = new StringBuilder("M%.1f %.1f".formatted(x(fromMs), y(0)));
    for (Vertex vertex : curve) {
      path.append("L%.1f %.1f".formatted(x(vertex.timeNs() / 1e6), y(vertex.utilisation())));
    }
    path.append("H%d".formatted(WIDTH - RIGHT));
    String dashes = oracle ? "6 4" : index < COLOURS.size() ? "none" : "2 3";
    double width = strategy.equals("adaptive") ? 3 : 1.5;
    svg.format(
        "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"/>\n",
        path, colour, width, dashes);
    int y = TOP + 10 + 20 * index;
    int x = WIDTH - RIGHT + 15;
    svg.format(
        "<path d=\"M%d %dh24\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-dasharray=\"%s\"/>\n",
        x, y - 4, colour, width, dashes);
    svg.format(
        "<text x=\"%d\" y=\"%d\">%s</text>\n",
        x + 30, y, strategy.replace("&", "&amp;").replace("<", "&lt;"));
  }

  private double x(double ms) {
    double share = Math.log(Math.clamp(ms, fromMs, toMs) / fromMs) / Math.log(toMs / fromMs);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
  }

  private static double y(double utilisation) {
    return HEIGHT - BOTTOM - utilisation * (HEIGHT - TOP - BOTTOM);
  }
}
