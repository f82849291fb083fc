package org.rekindle.workingset;

import java.util.Arrays;
import java.util.BitSet;

/**
 * What was seen of a guest's memory accesses up to the instant of its save: touches in their order,
 * in columns (16 bytes a touch, so that tens of millions are no burden). Immutable.
 *
 * <p>Times are nanoseconds since the observation began; the save is at {@link #endNs()}.
 *
 * <p>A trace need not hold every touch. A read and write trace as in VEE'11 has the first touch of
 * each page, one that is armed again and again has the first in each interval. Who ranks pages by a
 * trace sees only what is in it: repeated touches that it lacks can neither count as frequency nor
 * renew recency.
 */
public final class AccessTrace {
  private final int memoryPages;
  private final int[] pages;
  private final long[] atNs;
  private final Access[] access;
  private final long endNs;

  private AccessTrace(int memoryPages, int[] pages, long[] atNs, Access[] access, long endNs) {
    this.memoryPages = memoryPages;
    this.pages = pages;
    this.atNs = atNs;
    this.access = access;
    this.endNs = endNs;
  }

  /** A trace of a guest with pages 0 to {@code memoryPages - 1}, still empty. */
  public static Builder of(int memoryPages) {
    return new Builder(memoryPages);
  }

  /** Number of touches. */
  public int size() {
    return pages.length;
  }

  /** The page that was touched as number {@code touch}. */
  public int page(int touch) {
    return pages[touch];
  }

  public long atNs(int touch) {
    return atNs[touch];
  }

  public Access access(int touch) {
    return access[touch];
  }

  /** Every page number is less than this. */
  public int memoryPages() {
    return memoryPages;
  }

  /** The instant of the save: how long the guest was observed. */
  public long endNs() {
    return endNs;
  }

  /** The pages in order of first touch: the profile that VEE'11 takes from a trace. */
  public Profile firstTouches(String source) {
    int[] first = new int[pages.length];
    int size = 0;
    BitSet seen = new BitSet(memoryPages);
    for (int touch = 0; touch < pages.length; touch++) {
      if (!seen.get(pages[touch])) {
        seen.set(pages[touch]);
        first[size++] = touch;
      }
    }
    int[] order = Arrays.copyOf(first, size);
    return new Profile(
        Arrays.stream(order).map(this::page).toArray(),
        Arrays.stream(order).mapToLong(this::atNs).toArray(),
        Arrays.stream(order).mapToObj(this::access).toArray(Access[]::new),
        endNs,
        source);
  }

  /**
   * What sweeps over the access bits would have seen of these touches: one sweep each {@code
   * intervalNs}, the last of them at the save, the first perhaps after less time. A touch at the
   * very time of a sweep is seen by it. (A real sweep takes time and meets each page at another
   * instant; these take none.)
   *
   * @throws IllegalArgumentException if the interval is not positive, or makes more than 2^24
   *     sweeps
   */
  public Sweeps sweeps(long intervalNs) {
    if (intervalNs <= 0) {
      throw new IllegalArgumentException(
          "sweeps need time between them, not " + intervalNs + " ns");
    }
    long count = endNs / intervalNs + (endNs % intervalNs == 0 ? 0 : 1);
    if (count > Sweeps.MAX_SWEEPS) {
      throw new IllegalArgumentException(count + " sweeps are too many: choose a longer interval");
    }
    Sweeps.Builder sweeps = Sweeps.of(memoryPages);
    BitSet accessed = new BitSet(memoryPages);
    int touch = 0;
    for (long before = Math.max(count, 1) - 1; before >= 0; before--) {
      long sweepNs = endNs - before * intervalNs;
      accessed.clear();
      for (; touch < pages.length && atNs[touch] <= sweepNs; touch++) {
        accessed.set(pages[touch]);
      }
      sweeps.sweep(sweepNs, accessed);
    }
    return sweeps.build();
  }

  /** Collects touches in their order. */
  public static final class Builder {
    private final int memoryPages;
    private int[] pages = new int[1024];
    private long[] atNs = new long[1024];
    private Access[] access = new Access[1024];
    private int size;

    private Builder(int memoryPages) {
      if (memoryPages < 0) {
        throw new IllegalArgumentException("a guest cannot have " + memoryPages + " pages");
      }
      this.memoryPages = memoryPages;
    }

    /**
     * Adds a touch.
     *
     * @throws IllegalArgumentException if the guest has no such page, or the time is before that of
     *     the last touch
     */
    public Builder touch(int page, long touchNs, Access kind) {
      if (page < 0 || page >= memoryPages) {
        throw new IllegalArgumentException(
            "touch " + size + " is of page " + page + "; the guest has " + memoryPages);
      }
      if (touchNs < (size == 0 ? 0 : atNs[size - 1])) {
        throw new IllegalArgumentException("touch " + size + " is earlier than the one before it");
      }
      if (size == pages.length) {
        int capacity = Math.addExact(size, size >> 1);
        pages = Arrays.copyOf(pages, capacity);
        atNs = Arrays.copyOf(atNs, capacity);
        access = Arrays.copyOf(access, capacity);
      }
      pages[size] = page;
      atNs[size] = touchNs;
      access[size] = kind;
      size++;
      return this;
    }

    /**
     * The trace of a guest that was saved at {@code endNs}.
     *
     * @throws IllegalArgumentException if there are touches after it
     */
    public AccessTrace savedAt(long endNs) {
      if (endNs < (size == 0 ? 0 : atNs[size - 1])) {
        throw new IllegalArgumentException("the save is before the last touch");
      }
      return new AccessTrace(
          memoryPages,
          Arrays.copyOf(pages, size),
          Arrays.copyOf(atNs, size),
          Arrays.copyOf(access, size),
          endNs);
    }
  }
}
