package org.rekindle.restore;

import java.io.IOException;

/** The guest's VMM ended, or closed the connection, before all of its memory was in. */
public final class GuestGoneException extends IOException {
  private static final long serialVersionUID = 1L;

  GuestGoneException(long placed, long pages) {
    super(
        "the guest went away after "
            + placed
            + " of "
            + pages
            + " pages had been placed; look at the VMM's own messages");
  }
}
