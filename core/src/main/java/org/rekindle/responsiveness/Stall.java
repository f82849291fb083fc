package org.rekindle.responsiveness;

/**
 * A time in which a virtual CPU, or the guest, stood still because a page was missing: half open,
 * {@code [beginNs, endNs)}, in nanoseconds since the restore command.
 *
 * @param vcpu which virtual CPU stood still, or {@link #VCPU_UNKNOWN}
 */
public record Stall(long beginNs, long endNs, int vcpu) {
  /** The VMM does not tell which virtual CPU waited. */
  public static final int VCPU_UNKNOWN = -1;

  /**
   * Latest time that is accepted: 2^50 ns, 13 days. It leaves room for sums over {@link
   * StallTimeline#MAX_VCPUS} virtual CPUs in a {@code long}, so that all arithmetic is exact.
   */
  public static final long MAX_NS = 1L << 50;

  public Stall {
    if (beginNs < 0 || endNs < beginNs || endNs > MAX_NS) {
      throw new IllegalArgumentException(
          "a stall lies between 0 and 2^50 ns and does not end before it begins: ["
              + beginNs
              + ", "
              + endNs
              + ")");
    }
    if (vcpu < VCPU_UNKNOWN) {
      throw new IllegalArgumentException("no such virtual CPU: " + vcpu);
    }
  }

  /** A stall of which it is not known who waited. */
  public Stall(long beginNs, long endNs) {
    this(beginNs, endNs, VCPU_UNKNOWN);
  }
}
