package org.rekindle.guest.qemu;

import java.io.IOException;

/** A save failed or was cancelled; no image was made. Says how the guest is now. */
public final class SaveException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What is known of the guest after a failed save. */
  public enum GuestState {
    /** It runs, as before. */
    RUNS("the guest runs"),
    /** It does not run, and did not before. */
    STAYS_PAUSED("the guest is paused, as it was before"),
    /** It ran before, and could not be resumed. */
    STANDS_STILL("the guest is STOPPED and could not be resumed; \"cont\" in its monitor does it"),
    /** QEMU does not answer. */
    UNKNOWN("QEMU does not answer, so whether the guest runs is not known");

    private final String sentence;

    GuestState(String sentence) {
      this.sentence = sentence;
    }
  }

  private final GuestState guest;

  SaveException(IOException cause, GuestState guest) {
    super("not saved: " + cause.getMessage() + " (" + guest.sentence + ")", cause);
    this.guest = guest;
  }

  public GuestState guest() {
    return guest;
  }
}
