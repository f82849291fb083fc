package org.rekindle.lab.evaluation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.rekindle.lab.Preparation;
import org.rekindle.lab.RunResult;
import org.rekindle.responsiveness.TtrCurve;

/**
 * TTR(1 s, u) over u of the strategies of one guest, as the paper's figures show it: one SVG for
 * each guest. A strategy is shown by the repetition in the middle.
 */
final class CurvePlot {
  private static final String WINDOW = "1s";
  private static final int WIDTH = 640;
  private static final int HEIGHT = 360;
  private static final int LEFT = 50;
  private static final int BOTTOM = 320;
  private static final int PLOT_WIDTH = 380;
  private static final int PLOT_HEIGHT = 290;
  private static final int LEGEND = LEFT + PLOT_WIDTH + 15;

  /** Distinguishable without red against green (Okabe and Ito). */
  private static final List<String> COLOURS =
      List.of("#000000", "#e69f00", "#56b4e9", "#0072b2", "#cc79a7", "#d55e00");

  private CurvePlot() {}

  static void write(List<RunResult> runs, Path folder) throws IOException {
    for (String guest : runs.stream().map(run -> run.condition().guest()).distinct().toList()) {
      List<RunResult> typical = new ArrayList<>();
      for (Contender contender : Contender.STRATEGIES) {
        List<RunResult> repetitions =
            runs.stream()
                .filter(run -> run.condition().guest().equals(guest))
                .filter(run -> run.condition().strategy().equals(contender.label()))
                .sorted(Comparator.comparingDouble(CurvePlot::endMs))
                .toList();
        if (!repetitions.isEmpty()) {
          typical.add(repetitions.get((repetitions.size() - 1) / 2));
        }
      }
      Files.writeString(folder.resolve(file(guest)), svg(guest, typical));
    }
  }

  /** The name of a guest's plot. */
  static String file(String guest) {
    return "ttr-" + Preparation.fileName(guest) + ".svg";
  }

  private static List<TtrCurve.Vertex> curve(RunResult run) {
    return run.responsiveness().ttrCurve().getOrDefault(WINDOW, List.of());
  }

  private static double endMs(RunResult run) {
    Double ms = run.responsiveness().ttrMs().get(WINDOW + "@0.99");
    return ms == null ? Double.POSITIVE_INFINITY : ms;
  }

  private static String svg(String guest, List<RunResult> runs) {
    double longestS = 1;
    for (RunResult run : runs) {
      for (TtrCurve.Vertex vertex : curve(run)) {
        longestS = Math.max(longestS, vertex.timeNs() / 1e9);
      }
    }
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            .formatted(WIDTH, HEIGHT));
    svg.append(text(LEFT, 20, "start", guest + ": TTR(1 s, u) in seconds"));
    for (int i = 0; i <= 4; i++) {
      int x = LEFT + PLOT_WIDTH * i / 4;
      int y = BOTTOM - PLOT_HEIGHT * i / 4;
      svg.append(line(LEFT, y, LEFT + PLOT_WIDTH, y));
      svg.append(text(x, BOTTOM + 16, "middle", "u = " + i * 25 + " %"));
      svg.append(
          text(LEFT - 5, y + 4, "end", String.format(Locale.ROOT, "%.1f", longestS * i / 4)));
    }
    for (int i = 0; i < runs.size(); i++) {
      String colour = COLOURS.get(i % COLOURS.size());
      StringBuilder points = new StringBuilder();
      for (TtrCurve.Vertex vertex : curve(runs.get(i))) {
        double x = LEFT + PLOT_WIDTH * vertex.utilisation();
        double y = BOTTOM - PLOT_HEIGHT * vertex.timeNs() / 1e9 / longestS;
        points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
      }
      svg.append(
          "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"%s\"/>\n"
              .formatted(colour, points));
      int y = 50 + 20 * i;
      svg.append(
          "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"4\" fill=\"%s\"/>\n"
              .formatted(LEGEND, y - 6, colour));
      svg.append(text(LEGEND + 20, y, "start", runs.get(i).condition().strategy()));
    }
    return svg.append("</svg>\n").toString();
  }

  private static String text(int x, int y, String anchor, String words) {
    return "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n".formatted(x, y, anchor, words);
  }

  private static String line(int fromX, int fromY, int toX, int toY) {
    return "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#ddd\"/>\n"
        .formatted(fromX, fromY, toX, toY);
  }
}
