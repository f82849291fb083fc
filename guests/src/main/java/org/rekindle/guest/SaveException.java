package org.rekindle.guest;

import java.io.IOException;

/** A save failed or was cancelled; no image was made. Says how the guest is now. */
public final class SaveException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What is known of the guest after a failed save. */
  public enum GuestState {
    /** It runs, as before. */
    RUNS,
    /** It does not run, and did not before. */
    STAYS_PAUSED,
    /** It ran before, and could not be resumed. */
    STANDS_STILL,
    /** The VMM does not answer. */
    UNKNOWN
  }

  private final GuestState guest;

  /**
   * @param vmm its name
   * @param howToResume by hand, in words
   */
  public SaveException(IOException cause, GuestState guest, String vmm, String howToResume) {
    super(
        "not saved: %s (%s)".formatted(cause.getMessage(), sentence(guest, vmm, howToResume)),
        cause);
    this.guest = guest;
  }

  private static String sentence(GuestState guest, String vmm, String howToResume) {
    return switch (guest) {
      case RUNS -> "the guest runs";
      case STAYS_PAUSED -> "the guest is paused, as it was before";
      case STANDS_STILL -> "the guest is STOPPED and could not be resumed; " + howToResume;
      case UNKNOWN -> vmm + " does not answer, so whether the guest runs is not known";
    };
  }

  public GuestState guest() {
    return guest;
  }
}
