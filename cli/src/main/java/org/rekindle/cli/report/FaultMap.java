package org.rekindle.cli.report;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.FaultRow;
import org.rekindle.lab.RunResult;

/*
 * A fault log, packed for the page-by-time map: 4 bytes for each point, base64.
 *
 *   bits 31..16  time of arrival on a logarithmic scale: 65535 * ln(1 + ms) / ln(1 + spanMs)
 *   bits 15..4   row: the page's place in guest memory, in 4096 equal parts
 *   bits  3..0   cause: 0 demand, 1 late, 2 zero
 *
 * For a minute of faults one step of time is 0.02 % of it: a sixth of a pixel on a linear axis of
 * 1000 pixels, and finer on a logarithmic one. A row is a twentieth of a pixel. So equal points can be
 * dropped and nobody sees it; 200,000 faults take at most 1.1 MB of page.
 */

/** Where in memory the guest waited, and when. */
final class FaultMap {
  private static final int TIME_STEPS = 0xffff;
  private static final int ROWS = 1 << 12;
  private static final long PAGE_BYTES = 4096;

  private FaultMap() {}

  /**
   * The map of a run as a JSON tree; null if it has no fault log.
   *
   * @param directory where the log is
   */
  static @Nullable Map<String, @Nullable Object> of(RunResult run, Path directory) {
    String name = run.evidence().faultLog();
    if (name == null) {
      return null;
    }
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("file", name);
    try {
      if (!Files.exists(directory.resolve(name))) {
        tree.put("problem", "The fault log " + name + " was not beside the results.");
        return tree;
      }
      fill(tree, FaultLogCsv.read(directory.resolve(name)), run.evidence().memoryBytes());
    } catch (IOException unreadable) {
      tree.put("problem", "The fault log could not be read: " + unreadable.getMessage());
    }
    return tree;
  }

  private static void fill(
      Map<String, @Nullable Object> tree, List<FaultRow> faults, Map<String, Long> memoryBytes) {
    Map<String, Long> pages = new LinkedHashMap<>(); // of each region, in its order
    memoryBytes.forEach((region, bytes) -> pages.put(region, Math.ceilDiv(bytes, PAGE_BYTES)));
    double spanMs = 1;
    for (FaultRow fault : faults) {
      pages.merge(fault.region(), fault.page() + 1, Math::max);
      spanMs = Math.max(spanMs, fault.arrivalNs() / 1e6);
    }
    Map<String, Long> firstPage = new LinkedHashMap<>();
    long allPages = 0;
    for (Map.Entry<String, Long> region : pages.entrySet()) {
      firstPage.put(region.getKey(), allPages);
      allPages += region.getValue();
    }
    int[] points = new int[faults.size()];
    int size = 0;
    double perTime = TIME_STEPS / Math.log1p(spanMs);
    for (FaultRow fault : faults) {
      long page = firstPage.getOrDefault(fault.region(), 0L) + fault.page();
      int time = (int) Math.round(Math.log1p(fault.arrivalNs() / 1e6) * perTime);
      int row = Math.clamp((long) (page * (double) ROWS / allPages), 0, ROWS - 1);
      points[size++] = time << 16 | row << 4 | code(fault.cause());
    }
    points = Arrays.stream(points).sorted().distinct().toArray();
    ByteBuffer bytes = ByteBuffer.allocate(points.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(points);
    tree.put("spanMs", spanMs);
    tree.put("memoryBytes", allPages * PAGE_BYTES);
    tree.put("regions", new ArrayList<>(pages.keySet()));
    List<Long> counts = new ArrayList<>();
    for (FaultRow.Cause cause : FaultRow.Cause.values()) {
      counts.add(faults.stream().filter(fault -> fault.cause() == cause).count());
    }
    tree.put("counts", counts);
    tree.put("points", Base64.getEncoder().encodeToString(bytes.array()));
  }

  private static int code(FaultRow.Cause cause) {
    return switch (cause) {
      case DEMAND -> 0;
      case LATE -> 1;
      case ZERO -> 2;
    };
  }
}
