package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rekindle.restore.Cause;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.ForwardingGuest;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;

/**
 * Stands between pager and guest and keeps its own account, to the last page; can do something at a
 * moment of the restore.
 */
final class AccountedGuest extends ForwardingGuest {
  private final BitSet placed = new BitSet();
  private final BitSet removed = new BitSet();
  private final BitSet faulted = new BitSet();
  private int faults;
  private int moment = Integer.MAX_VALUE;
  private Runnable action = () -> {};

  AccountedGuest(Guest guest) {
    super(guest);
  }

  /** Does something once so many pages have been placed; 0: before the guest starts. */
  AccountedGuest at(int pages, Runnable something) {
    moment = pages;
    action = something;
    return this;
  }

  private void actInTime() {
    if (placed.cardinality() >= moment) {
      moment = Integer.MAX_VALUE;
      action.run();
    }
  }

  @Override
  public void start() throws IOException {
    actInTime();
    super.start();
  }

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    actInTime();
    return super.drainFaults(
        new FaultSink() {
          @Override
          public void fault(int page, int pages, long arrivalNs, int vcpu, boolean write) {
            faults++;
            faulted.set(page, page + pages);
            sink.fault(page, pages, arrivalNs, vcpu, write);
          }

          @Override
          public void removed(int page, int pages) {
            removed.set(page, page + pages);
            sink.removed(page, pages);
          }
        });
  }

  @Override
  public int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    int settled = super.place(page, pages, data, offset, demanded);
    for (int i = page; i < page + settled; i++) {
      if (removed.get(i)) {
        assertThat(data).as("page %d was given back, and is placed with data", i).isNull();
      } else {
        assertThat(placed.get(i)).as("page %d was placed before", i).isFalse();
      }
      placed.set(i);
    }
    return settled;
  }

  /** Pages that the guest has given back. */
  BitSet removed() {
    return removed;
  }

  /** After a restore that went to its end: everything that happened is in its books, once. */
  void assertComplete(Outcome outcome) {
    int pages = memory().pages();
    BitSet all = (BitSet) placed.clone();
    all.or(removed);
    assertThat(all.cardinality()).as("pages placed or given back").isEqualTo(pages);
    assertThat(outcome.tally().placed()).as("pages by cause").isEqualTo(pages);
    assertThat(outcome.tally().placed(Cause.LATE)).isZero();
    assertThat(outcome.faults().size()).as("faults logged").isEqualTo(faults);
    assertLogged(outcome);
    if (removed.isEmpty() && hasSmallPages(outcome.faults())) {
      assertThat(demanded(outcome, Cause.DEMAND)).isEqualTo(outcome.tally().placed(Cause.DEMAND));
      assertThat(demanded(outcome, Cause.DEMAND_ZERO))
          .isEqualTo(outcome.tally().placed(Cause.DEMAND_ZERO));
    }
  }

  /** After any restore: the log has faults that were there, and each was served after it came. */
  void assertLogged(Outcome outcome) {
    FaultLog log = outcome.faults();
    assertThat(log.size()).isLessThanOrEqualTo(faults);
    for (int i = 0; i < log.size(); i++) {
      assertThat(log.servedNs(i)).as("fault %d", i).isGreaterThanOrEqualTo(log.arrivalNs(i));
      for (int page = log.page(i); page < log.page(i) + log.pages(i); page++) {
        assertThat(faulted.get(page)).as("page %d was faulted on", page).isTrue();
        assertThat(placed.get(page)).as("page %d was placed", page).isTrue();
      }
    }
  }

  private static boolean hasSmallPages(FaultLog log) {
    return IntStream.range(0, log.size()).allMatch(i -> log.pages(i) == 1);
  }

  private static long demanded(Outcome outcome, Cause cause) {
    FaultLog log = outcome.faults();
    return IntStream.range(0, log.size())
        .filter(i -> log.cause(i) == cause)
        .map(log::page)
        .distinct()
        .count();
  }
}
