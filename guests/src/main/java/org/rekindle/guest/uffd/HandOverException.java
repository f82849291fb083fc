package org.rekindle.guest.uffd;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What connected is not served: it sent something else than a VMM sends. */
public final class HandOverException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Enough to say what is wrong with what a stranger sent, and to show some of it. */
  private static final int MOST_CHARACTERS = 300;

  private final boolean guestWaits;

  HandOverException(String what, boolean guestWaits, @Nullable Exception cause) {
    super(printable(what), cause);
    this.guestWaits = guestWaits;
  }

  private static String printable(String what) {
    String line = what.replaceAll("\\p{Cntrl}+", " ");
    return line.length() <= MOST_CHARACTERS ? line : line.substring(0, MOST_CHARACTERS) + " ...";
  }

  /**
   * Whether it sent a descriptor: then there is a guest behind it, which waits for its pages for
   * ever.
   */
  public boolean guestWaits() {
    return guestWaits;
  }
}
