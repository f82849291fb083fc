package org.rekindle.responsiveness;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/*
 * From stalls to utilisation.
 *
 * The mutator of the garbage collection literature is here the guest, and its pauses are the times
 * in which it waits for a page. Zhang, Garthwaite, Baskakov and Barr ("Fast Restore of Checkpointed
 * Memory using Working Set Estimation", VEE'11) took the measure over from there: the utilisation of
 * a window is the share of it in which the guest could run, and MMU(w), the minimum mutator
 * utilisation of Cheng and Blelloch ("A Parallel, Real-Time Garbage Collector", PLDI 2001), is the
 * lowest utilisation of any window of length w.
 *
 * All stalls are reduced to one step function: how many of the n virtual CPUs stand still at time t.
 * Overlapping stalls of one virtual CPU are united first (it can't wait twice at once), then begins
 * and ends are sorted and swept. With its integral C(t), in CPU-nanoseconds and therefore whole
 * numbers, the stall inside a window is one subtraction, F(t) = C(t + w) - C(t), and the
 * utilisation is 1 - F(t) / (n * w). If the VMM does not say who waits, n is 1 and the "virtual CPU"
 * is the guest.
 *
 * F is continuous and piecewise linear; it can bend only where a window's begin or its end passes an
 * edge e of the step function, that is at t = e and t = e - w. Its minimum and maximum over any range
 * are therefore found at those points and at the ends of the range: no grid, no sampling. Two
 * pointers walk both sequences, which are sorted already, in one pass.
 *
 * Before its first instruction the guest does not exist for its user: that time is one stall of all
 * virtual CPUs.
 */

/**
 * When a restored guest stood still, on a clock whose 0 is the restore command. Immutable.
 *
 * <p>Exact: all times and sums are whole nanoseconds. Building it takes O(n log n) for n stalls.
 */
public final class StallTimeline {
  /** Most virtual CPUs of one guest: above what any VMM offers; keeps all sums inside a long. */
  public static final int MAX_VCPUS = 4096;

  private final StallScope scope;
  private final int vcpus;
  private final long firstInstructionNs;
  private final long[] edgeNs; // strictly increasing, the first is 0
  private final int[] stalled; // virtual CPUs that stand still from that edge on; the last is 0
  private final long[] integral; // stalled CPU-nanoseconds before that edge

  private StallTimeline(StallScope scope, int vcpus, long firstInstructionNs, Edges edges) {
    this.scope = scope;
    this.vcpus = vcpus;
    this.firstInstructionNs = firstInstructionNs;
    this.edgeNs = Arrays.copyOf(edges.ns, edges.size);
    this.stalled = Arrays.copyOf(edges.stalled, edges.size);
    this.integral = new long[edges.size];
    for (int i = 1; i < edges.size; i++) {
      integral[i] = integral[i - 1] + stalled[i - 1] * (edgeNs[i] - edgeNs[i - 1]);
    }
  }

  /**
   * The guest counts as stalled while any stall lasts.
   *
   * @param firstInstructionNs when the guest executed its first instruction
   * @param stalls in any order; they may overlap; what lies before the first instruction or has no
   *     length is of no account
   */
  public static StallTimeline perGuest(long firstInstructionNs, List<Stall> stalls) {
    return build(StallScope.PER_GUEST, 1, firstInstructionNs, stalls);
  }

  /**
   * Per virtual CPU where every stall says which one it stopped, otherwise per guest; {@link
   * #scope} tells which it became.
   *
   * @param vcpus number of virtual CPUs of the guest, or 0 if it is not known
   * @throws IllegalArgumentException if a stall names a virtual CPU that the guest does not have
   */
  public static StallTimeline of(long firstInstructionNs, int vcpus, List<Stall> stalls) {
    boolean known = vcpus > 0 && stalls.stream().allMatch(s -> s.vcpu() != Stall.VCPU_UNKNOWN);
    if (!known) {
      return perGuest(firstInstructionNs, stalls);
    }
    if (vcpus > MAX_VCPUS) {
      throw new IllegalArgumentException(vcpus + " virtual CPUs; at most " + MAX_VCPUS);
    }
    for (Stall stall : stalls) {
      if (stall.vcpu() >= vcpus) {
        throw new IllegalArgumentException(
            "a stall of virtual CPU " + stall.vcpu() + " in a guest that has " + vcpus);
      }
    }
    return build(StallScope.PER_VCPU, vcpus, firstInstructionNs, stalls);
  }

  private static StallTimeline build(
      StallScope scope, int vcpus, long firstInstructionNs, List<Stall> stalls) {
    if (firstInstructionNs < 0 || firstInstructionNs > Stall.MAX_NS) {
      throw new IllegalArgumentException(
          "first instruction at " + firstInstructionNs + " ns; it lies between 0 and 2^50 ns");
    }
    Stall[] sorted = stalls.toArray(Stall[]::new);
    boolean each = scope == StallScope.PER_VCPU;
    Arrays.sort(
        sorted,
        Comparator.comparingInt((Stall s) -> each ? s.vcpu() : 0)
            .thenComparingLong(Stall::beginNs));

    // The unions of each virtual CPU, as two arrays: when one of them began and when one ended.
    long[] begins = new long[sorted.length];
    long[] ends = new long[sorted.length];
    int size = 0;
    for (int i = 0; i < sorted.length; ) {
      int vcpu = each ? sorted[i].vcpu() : 0;
      long begin = Math.max(sorted[i].beginNs(), firstInstructionNs);
      long end = sorted[i].endNs();
      for (i++;
          i < sorted.length
              && (!each || sorted[i].vcpu() == vcpu)
              && sorted[i].beginNs() <= Math.max(end, begin);
          i++) {
        end = Math.max(end, sorted[i].endNs());
      }
      if (end > begin) {
        begins[size] = begin;
        ends[size++] = end;
      }
    }
    Arrays.sort(begins, 0, size);
    Arrays.sort(ends, 0, size);

    Edges edges = new Edges(2 * size + 2);
    edges.add(0, firstInstructionNs > 0 ? vcpus : 0);
    edges.add(firstInstructionNs, 0);
    for (int begun = 0, ended = 0; ended < size; ) {
      long at = begun < size ? Math.min(begins[begun], ends[ended]) : ends[ended];
      while (begun < size && begins[begun] == at) {
        begun++;
      }
      while (ended < size && ends[ended] == at) {
        ended++;
      }
      edges.add(at, begun - ended);
    }
    return new StallTimeline(scope, vcpus, firstInstructionNs, edges);
  }

  /** The steps while they are found; one that comes at the time of the last replaces it. */
  private static final class Edges {
    final long[] ns;
    final int[] stalled;
    int size;

    Edges(int capacity) {
      ns = new long[capacity];
      stalled = new int[capacity];
    }

    void add(long atNs, int nowStalled) {
      if (size > 0 && ns[size - 1] == atNs) {
        size--;
      }
      if (size > 0 && stalled[size - 1] == nowStalled) {
        return; // no step: one stall ended as the next began
      }
      ns[size] = atNs;
      stalled[size++] = nowStalled;
    }
  }

  public StallScope scope() {
    return scope;
  }

  /** Number of virtual CPUs that utilisation is shared by; 1 if the scope is the guest. */
  public int vcpus() {
    return vcpus;
  }

  public long firstInstructionNs() {
    return firstInstructionNs;
  }

  /** The end of the last stall: from here on the utilisation is 1 for ever. */
  public long lastStallEndNs() {
    return edgeNs[edgeNs.length - 1];
  }

  /** Time stood still in {@code [fromNs, toNs)}, summed over the virtual CPUs. */
  public long stalledNs(long fromNs, long toNs) {
    if (fromNs < 0 || toNs < fromNs) {
      throw new IllegalArgumentException("not a span of time: [" + fromNs + ", " + toNs + ")");
    }
    return integralAt(toNs) - integralAt(fromNs);
  }

  /** The share of {@code [fromNs, fromNs + windowNs)} in which the guest could run: 0 to 1. */
  public double utilisation(long fromNs, long windowNs) {
    return share(stalledNs(fromNs, fromNs + checked(windowNs)), windowNs);
  }

  /**
   * Minimum mutator utilisation: the lowest utilisation of any window of the given length that lies
   * inside {@code [fromNs, toNs)}.
   *
   * @throws IllegalArgumentException if the interval is shorter than the window
   */
  public double mmu(long windowNs, long fromNs, long toNs) {
    if (fromNs < 0 || toNs - fromNs < checked(windowNs)) {
      throw new IllegalArgumentException(
          "[" + fromNs + ", " + toNs + ") does not hold a window of " + windowNs + " ns");
    }
    long most = 0;
    for (long stalledNs : windows(windowNs, fromNs, toNs - windowNs).stalledNs) {
      most = Math.max(most, stalledNs);
    }
    return share(most, windowNs);
  }

  /** The time-to-responsiveness curve for windows of the given length. */
  public TtrCurve ttr(long windowNs) {
    long fromNs = firstInstructionNs;
    long toNs = Math.max(fromNs, lastStallEndNs());
    return TtrCurve.of(
        windows(checked(windowNs), fromNs, toNs), vcpus * windowNs, firstInstructionNs);
  }

  private static long checked(long windowNs) {
    if (windowNs <= 0 || windowNs > Stall.MAX_NS) {
      throw new IllegalArgumentException(
          "a window is longer than 0 and at most 2^50 ns: " + windowNs);
    }
    return windowNs;
  }

  private double share(long stalledNs, long windowNs) {
    long budgetNs = vcpus * windowNs;
    return (double) (budgetNs - stalledNs) / budgetNs;
  }

  /**
   * The stall inside a window as a function of the window's begin: piecewise linear between these
   * points, the first and last of which are the ends of the range asked for.
   */
  static final class Windows {
    final long[] beginNs;
    final long[] stalledNs;

    private Windows(long[] beginNs, long[] stalledNs, int size) {
      this.beginNs = Arrays.copyOf(beginNs, size);
      this.stalledNs = Arrays.copyOf(stalledNs, size);
    }
  }

  private Windows windows(long windowNs, long fromNs, long toNs) {
    long[] beginNs = new long[2 * edgeNs.length + 2];
    long[] stalledNs = new long[2 * edgeNs.length + 2];
    int size = 0;
    int passed = edgesUpTo(fromNs); // by the begin of the window
    int reached = edgesUpTo(fromNs + windowNs); // by its end
    for (long begin = fromNs; ; ) {
      beginNs[size] = begin;
      stalledNs[size++] = integral(reached, begin + windowNs) - integral(passed, begin);
      if (begin >= toNs) {
        return new Windows(beginNs, stalledNs, size);
      }
      long next = toNs;
      if (passed < edgeNs.length) {
        next = Math.min(next, edgeNs[passed]);
      }
      if (reached < edgeNs.length) {
        next = Math.min(next, edgeNs[reached] - windowNs);
      }
      begin = next;
      while (passed < edgeNs.length && edgeNs[passed] <= begin) {
        passed++;
      }
      while (reached < edgeNs.length && edgeNs[reached] <= begin + windowNs) {
        reached++;
      }
    }
  }

  private long integralAt(long ns) {
    return integral(edgesUpTo(ns), ns);
  }

  /** The integral at a time that has {@code edges} (at least one) at or before it. */
  private long integral(int edges, long ns) {
    return integral[edges - 1] + stalled[edges - 1] * (ns - edgeNs[edges - 1]);
  }

  private int edgesUpTo(long ns) {
    int found = Arrays.binarySearch(edgeNs, ns);
    return found >= 0 ? found + 1 : -found - 1;
  }
}
