package org.rekindle.restore;

import java.io.IOException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;
import org.rekindle.workingset.SetSample;

/**
 * One restore: a plan, carried out on a guest from an image. The thread that calls {@link #run} is
 * the pager thread.
 */
public final class Restore {
  /** How often a waiting pager looks whether it has been cancelled. */
  private static final long MAX_IDLE_NS = 100_000_000;

  private final PageStore base;
  private final Guest guest;
  private final Plan plan;
  private final BlockSource.Opener opener;
  private final LongSupplier nanoClock;
  private final Tally tally = new Tally();
  private volatile boolean cancelled;

  /** A restore by itself. */
  public Restore(Image image, Guest guest, Plan plan) {
    this(image, guest, plan, null);
  }

  /**
   * @param shared what other restores have read and decoded of the same image
   * @throws IllegalArgumentException if image and guest have different memory
   */
  public Restore(Image image, Guest guest, Plan plan, @Nullable DecodedBlocks shared) {
    if (!image.memory().equals(guest.memory())) {
      throw new IllegalArgumentException(
          "the image's memory is " + image.memory() + ", the guest's " + guest.memory());
    }
    PageStore imageBase = image.base();
    this(
        imageBase,
        guest,
        plan,
        (sequence, claims, wakePager) ->
            new FileSource(imageBase, plan.hot(), shared, () -> {}, sequence, claims, wakePager),
        System::nanoTime);
  }

  /**
   * A restore that gets its blocks elsewhere than from files, by another clock: for simulations.
   *
   * @param base the layout of all pages that are not zero
   * @param nanoClock the clock of all times in the outcome; the guest's faults are on the same
   */
  public Restore(
      PageStore base, Guest guest, Plan plan, BlockSource.Opener opener, LongSupplier nanoClock) {
    this.base = base;
    this.guest = guest;
    this.plan = plan;
    this.opener = opener;
    this.nanoClock = nanoClock;
  }

  /** Pages placed so far; for any thread. */
  public Tally tally() {
    return tally;
  }

  /**
   * Ends {@link #run} soon, with {@link java.util.concurrent.CancellationException}; for any
   * thread.
   */
  public void cancel() {
    cancelled = true;
    guest.wake();
  }

  /** Restores until every page is in and the VMM has confirmed it. */
  public Outcome run() throws IOException {
    return run(Long.MAX_VALUE);
  }

  /**
   * Restores until every page is in and the VMM has confirmed it, or until the guest has run for so
   * long.
   *
   * @throws GuestGoneException if the VMM ends before that
   * @throws java.util.concurrent.CancellationException after {@link #cancel}
   */
  public Outcome run(long atMostRunningNs) throws IOException {
    ClaimBitmap claims = new ClaimBitmap(guest.memory().pages());
    FetchSequence sequence = FetchSequence.of(plan, base);
    try (BlockSource source = opener.open(sequence, claims, guest::wake)) {
      Pager pager = new Pager(guest, base, plan, claims, sequence, source, nanoClock, tally);
      source.start();
      drive(pager, atMostRunningNs);
      return new Outcome(
          plan,
          pager.startedNs(),
          guest.firstInstructionNs(),
          pager.allInNs(),
          nanoClock.getAsLong(),
          pager.log(),
          pager.dutyCycle(),
          tally,
          pager.prefetched(),
          SetSample.NONE,
          pager.inOneGo(),
          source.bytesRead(),
          source.reads());
    }
  }

  private void drive(Pager pager, long atMostRunningNs) throws IOException {
    while (!guest.finished()) {
      if (cancelled) {
        throw new java.util.concurrent.CancellationException("the restore was cancelled");
      }
      if (pager.running() && nanoClock.getAsLong() - pager.startedNs() >= atMostRunningNs) {
        return;
      }
      if (pager.gone()) {
        throw new GuestGoneException(tally.placed(), guest.memory().pages());
      }
      if (!pager.doWork()) {
        pager.idle(MAX_IDLE_NS);
      }
    }
  }
}
