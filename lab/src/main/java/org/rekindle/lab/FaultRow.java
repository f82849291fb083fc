package org.rekindle.lab;

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
}
