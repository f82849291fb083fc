package org.rekindle.guest.uffd;

import org.jspecify.annotations.Nullable;

/**
 * How it ended with a peer that had connected.
 *
 * @param pid its number; 0 if it runs where we see no processes
 * @param outcome what came of it
 * @param failure why, unless it was restored
 * @param fate what became of the VMM
 */
public record SessionEnd(int pid, Outcome outcome, @Nullable Throwable failure, Fate fate) {
  /** What came of it. */
  public enum Outcome {
    /** All memory is in. */
    RESTORED,
    /** What it handed over is not served: the failure is a {@link HandOverException}. */
    REFUSED,
    /** The restore began, and failed or was cancelled; or the VMM ended before its end. */
    FAILED
  }

  /** What became of the VMM. */
  public enum Fate {
    /** It runs on its own. */
    RUNS("it runs on"),
    /** It has ended by itself. */
    ENDED("the VMM has ended"),
    /** It has handed nothing over, so nothing of it waits for us. */
    UNTOUCHED("it handed no guest over, and was left alone"),
    /** We have killed it. */
    KILLED("the VMM was killed, lest its guest hang for ever (--on-failure kill)"),
    /** It was left as it is, as asked. */
    LEFT("THE VMM WAS LEFT, AND ITS GUEST HANGS FOR EVER at its next missing page"),
    /** We may not kill it, or do not see it. */
    OUT_OF_REACH("THE VMM COULD NOT BE KILLED, AND ITS GUEST HANGS FOR EVER; end it yourself");

    private final String words;

    Fate(String words) {
      this.words = words;
    }

    /** For people. */
    public String words() {
      return words;
    }
  }

  /** Whether there was a guest, of which one may say that it was restored or not. */
  public boolean hadGuest() {
    return fate != Fate.UNTOUCHED;
  }
}
