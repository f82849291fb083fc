package org.rekindle.lab;

import java.util.ArrayList;
import java.util.List;
import org.rekindle.image.MemoryMap;
import org.rekindle.restore.FaultLog;

/**
 * One fault of a restore, as a line of the fault log.
 *
 * @param arrivalNs when it arrived, in nanoseconds since the restore command
 * @param servedNs when its page was placed
 * @param region name of the region of guest memory, in one line
 * @param page page number inside that region
 * @param vcpu the virtual CPU that waited, or {@link #VCPU_UNKNOWN}
 */
public record FaultRow(
    long arrivalNs, long servedNs, String region, long page, Cause cause, int vcpu) {
  /** The VMM does not tell who waited. */
  public static final int VCPU_UNKNOWN = -1;

  /** What the fault waited for. */
  public enum Cause {
    /** The page had to be read. */
    DEMAND("demand"),
    /** The page was already on its way. */
    LATE("late"),
    /** The page is one of zeros: nothing had to be read. */
    ZERO("zero");

    private final String word;

    Cause(String word) {
      this.word = word;
    }

    /** As it is written in the fault log. */
    public String word() {
      return word;
    }
  }

  public FaultRow {
    if (region.indexOf('\n') >= 0 || region.indexOf('\r') >= 0) {
      throw new IllegalArgumentException("the name of a region has a line break in it");
    }
    if (arrivalNs < 0 || servedNs < arrivalNs || page < 0 || vcpu < VCPU_UNKNOWN) {
      throw new IllegalArgumentException(
          "a fault is served after it arrives, on a page and a virtual CPU that can exist: arrival "
              + arrivalNs
              + ", served "
              + servedNs
              + ", page "
              + page
              + ", vcpu "
              + vcpu);
    }
  }

  /**
   * The log of a restore.
   *
   * @param commandNs when the restore was commanded, on the log's clock
   */
  public static List<FaultRow> of(FaultLog log, MemoryMap memory, long commandNs) {
    List<FaultRow> rows = new ArrayList<>(log.size());
    for (int i = 0; i < log.size(); i++) {
      int region = memory.regionOf(log.page(i));
      rows.add(
          new FaultRow(
              log.arrivalNs(i) - commandNs,
              log.servedNs(i) - commandNs,
              memory.region(region).name(),
              log.page(i) - memory.firstPage(region),
              switch (log.cause(i)) {
                case LATE -> Cause.LATE;
                case DEMAND_ZERO -> Cause.ZERO;
                default -> Cause.DEMAND;
              },
              log.vcpu(i) < 0 ? VCPU_UNKNOWN : log.vcpu(i)));
    }
    return rows;
  }
}
