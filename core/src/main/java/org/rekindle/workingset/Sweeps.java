package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;

/**
 * What scanning saw of a guest's memory accesses up to its save: for each sweep over the memory,
 * the pages that were accessed since the sweep before it. Immutable.
 *
 * <p>Times are nanoseconds since the observation began; the guest is saved at the last sweep.
 */
public final class Sweeps {
  /**
   * Pages a second that the scanner of VEE'11 visits: as many as its restore fills in the
   * background, so that a sweep lasts one restore and the pages it finds are as many as one restore
   * touches (section 4.1.1).
   */
  public static final int PAGES_PER_SECOND = 4096;

  static final int MAX_SWEEPS = 1 << 24;

  private final int memoryPages;
  private final int[] pages;
  private final int[] begins; // one more than sweeps: those of sweep i are begins[i]..begins[i + 1]
  private final long[] atNs;

  private Sweeps(int memoryPages, int[] pages, int[] begins, long[] atNs) {
    this.memoryPages = memoryPages;
    this.pages = pages;
    this.begins = begins;
    this.atNs = atNs;
  }

  /** Sweeps over a guest with pages 0 to {@code memoryPages - 1}, none yet. */
  public static Builder of(int memoryPages) {
    return new Builder(memoryPages);
  }

  /** How long one sweep lasts by the rate rule of VEE'11. */
  public static long sweepNs(int memoryPages) {
    return memoryPages * 1_000_000_000L / PAGES_PER_SECOND;
  }

  /** Number of sweeps. */
  public int size() {
    return atNs.length;
  }

  /** When sweep number {@code sweep} was. */
  public long atNs(int sweep) {
    return atNs[sweep];
  }

  /** The pages that sweep number {@code sweep} found accessed, ascending; a copy. */
  public int[] pages(int sweep) {
    return Arrays.copyOfRange(pages, begins[sweep], begins[sweep + 1]);
  }

  /** How many pages sweep number {@code sweep} found accessed. */
  public int found(int sweep) {
    return begins[sweep + 1] - begins[sweep];
  }

  /** Every page number is less than this. */
  public int memoryPages() {
    return memoryPages;
  }

  /** The instant of the save: that of the last sweep. */
  public long endNs() {
    return atNs.length == 0 ? 0 : atNs[atNs.length - 1];
  }

  /**
   * These sweeps as a trace: each page that a sweep found was touched at the time of that sweep.
   *
   * <p>In which order the pages of one sweep were touched is not known. The trace has them in
   * descending order, so that whoever goes by recency gets those of one sweep in ascending order,
   * in which they lie together in memory and on the disk.
   */
  public AccessTrace coarseTrace() {
    AccessTrace.Builder trace = AccessTrace.of(memoryPages);
    for (int sweep = 0; sweep < atNs.length; sweep++) {
      for (int i = begins[sweep + 1] - 1; i >= begins[sweep]; i--) {
        trace.touch(pages[i], atNs[sweep], Access.UNKNOWN);
      }
    }
    return trace.savedAt(endNs());
  }

  /** Collects sweeps in their order. */
  public static final class Builder {
    private final int memoryPages;
    private int[] pages = new int[1024];
    private int[] begins = new int[16];
    private long[] atNs = new long[16];
    private int sweeps;

    private Builder(int memoryPages) {
      if (memoryPages < 0) {
        throw new IllegalArgumentException("a guest cannot have " + memoryPages + " pages");
      }
      this.memoryPages = memoryPages;
    }

    /**
     * Adds a sweep that found these pages accessed.
     *
     * @throws IllegalArgumentException if the guest has not all of them, if the time is before that
     *     of the last sweep, or if there are 2^24 sweeps
     */
    public Builder sweep(long sweepNs, BitSet accessed) {
      if (accessed.length() > memoryPages) {
        throw new IllegalArgumentException(
            "sweep "
                + sweeps
                + " found page "
                + (accessed.length() - 1)
                + "; the guest has "
                + memoryPages);
      }
      if (sweepNs < (sweeps == 0 ? 0 : atNs[sweeps - 1])) {
        throw new IllegalArgumentException(
            "sweep " + sweeps + " is earlier than the one before it");
      }
      if (sweeps == MAX_SWEEPS) {
        throw new IllegalArgumentException("more than 2^24 sweeps");
      }
      if (sweeps == atNs.length) {
        atNs = Arrays.copyOf(atNs, 2 * sweeps);
        begins = Arrays.copyOf(begins, 2 * sweeps);
      }
      int end = begins[sweeps];
      int needed = Math.addExact(end, accessed.cardinality());
      if (needed > pages.length) {
        pages = Arrays.copyOf(pages, Math.max(needed, Math.addExact(end, end >> 1)));
      }
      for (int page = accessed.nextSetBit(0); page >= 0; page = accessed.nextSetBit(page + 1)) {
        pages[end++] = page;
      }
      atNs[sweeps] = sweepNs;
      sweeps++;
      if (sweeps == begins.length) {
        begins = Arrays.copyOf(begins, 2 * sweeps);
      }
      begins[sweeps] = end;
      return this;
    }

    public Sweeps build() {
      return new Sweeps(
          memoryPages,
          Arrays.copyOf(pages, begins[sweeps]),
          Arrays.copyOf(begins, sweeps + 1),
          Arrays.copyOf(atNs, sweeps));
    }
  }
}
