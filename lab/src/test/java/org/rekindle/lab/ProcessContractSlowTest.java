package org.rekindle.lab;

import java.util.stream.Stream;
import org.rekindle.guest.process.inside.Backing;

/**
 * The store in a process of ours: what it goes on to read, beat by beat, says that it is the guest
 * that was saved; it looks through its memory itself, and that is compared page by page from
 * outside.
 */
class ProcessContractSlowTest extends GuestContract {
  static Stream<GuestUnderTest> guests() {
    return Stream.of(
        new ProcessGuestUnderTest(Backing.MEMFD, 1),
        new ProcessGuestUnderTest(Backing.ANONYMOUS, 1),
        new ProcessGuestUnderTest(Backing.MEMFD, 2));
  }

  @Override
  GuestUnderTest plainest() {
    return guests().findFirst().orElseThrow();
  }
}
