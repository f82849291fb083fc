package org.rekindle.guest.criu;

import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.AddressSpace;
import org.rekindle.guest.uffd.PageRanges;
import org.rekindle.linux.PidFd;
import org.rekindle.linux.Poller;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultSink;

/**
 * One process that is being restored: one of the dump, or a descendant that it has forked since.
 */
final class RestoredTask implements AddressSpace.Listener, AutoCloseable {
  /**
   * Zeros that one fault brings where the image has no page: what the kernel maps around a fault on
   * a file (fault_around_bytes, 64 KiB). Such places are memory that the process begins to use, and
   * it mostly uses what follows, too.
   */
  private static final int ELSEWHERE_PAGES = 16;

  private final CriuGuest guest;
  private final int region;
  private final AddressSpace space;
  private final @Nullable PidFd process;
  private final Poller poller;
  private final int polledSpace;
  private final int polledEnd;

  /** Faults where the image has no page, that could not be answered yet. */
  private long[] elsewhere = new long[16];

  private int elsewheres;

  /**
   * @param region of the image, that has its pages
   * @param process null if we do not see it
   */
  RestoredTask(
      CriuGuest guest, int region, AddressSpace space, @Nullable PidFd process, Poller poller) {
    this.guest = guest;
    this.region = region;
    this.space = space;
    this.process = process;
    this.poller = poller;
    polledSpace = poller.add(space.fd());
    poller.interest(polledSpace, true, false);
    polledEnd = process == null ? -1 : poller.add(process.fd());
    if (polledEnd >= 0) {
      poller.interest(polledEnd, true, false);
    }
  }

  int region() {
    return region;
  }

  AddressSpace space() {
    return space;
  }

  /** The process, if it is one of the dump and we see it. */
  @Nullable PidFd process() {
    return process;
  }

  /** Whether the poller says that something has happened here. */
  boolean announced() {
    return poller.readable(polledSpace);
  }

  /** Whether the process has ended. */
  boolean ended() {
    return space.gone() || (polledEnd >= 0 && poller.readable(polledEnd));
  }

  /** Whether a fault waits that could not be answered when it came. */
  boolean owesZeros() {
    return elsewheres > 0;
  }

  /** Reads what has happened. */
  void drain() throws IOException {
    space.drain(this);
    int owed = elsewheres;
    elsewheres = 0;
    for (int i = 0; i < owed; i++) {
      faultElsewhere(elsewhere[i]); // those that are owed still go to the front again
    }
  }

  @Override
  public void fault(int page, int pages, long arrivalNs, int thread, boolean write) {
    guest.sink().fault(page, pages, arrivalNs, FaultSink.VCPU_UNKNOWN, write);
  }

  @Override
  public void faultElsewhere(long address) throws IOException {
    if (!space.placeElsewhere(address, ELSEWHERE_PAGES)) {
      if (elsewheres == elsewhere.length) {
        elsewhere = Arrays.copyOf(elsewhere, 2 * elsewheres);
      }
      elsewhere[elsewheres++] = address;
    }
  }

  /*
   * For the pager, a page that is removed is zeros from then on, for everybody. Where a fork has
   * left other processes that are to have the image's bytes, the page is taken out of this process's
   * ranges instead: a touch is then one "elsewhere", which is answered with zeros.
   */
  @Override
  public void removed(int page, int pages) {
    BitSet wanted = guest.wantedByOthers(this, page, pages);
    tellLost(wanted, page, pages);
    for (int i = wanted.nextSetBit(0); i >= 0; ) {
      int end = wanted.nextClearBit(i);
      for (PageRanges.Range part : space.ranges().withPages(page + i, end - i)) {
        space.forget(part.start(), part.end());
      }
      i = wanted.nextSetBit(end);
    }
  }

  @Override
  public void unmapped(int page, int pages) {
    tellLost(guest.wantedByOthers(this, page, pages), page, pages);
  }

  private void tellLost(BitSet wanted, int page, int pages) {
    for (int i = wanted.nextClearBit(0); i < pages; ) {
      int next = wanted.nextSetBit(i);
      int end = next < 0 ? pages : next;
      guest.sink().removed(page + i, end - i);
      i = wanted.nextClearBit(end);
    }
  }

  @Override
  public void forked(Userfaultfd child) throws IOException {
    guest.add(
        new RestoredTask(
            guest, region, new AddressSpace(child, space.ranges().copy()), null, poller));
  }

  /** Watches it no more; what is missing then reads as zeros. */
  @Override
  public void close() {
    poller.remove(polledSpace);
    if (polledEnd >= 0) {
      poller.remove(polledEnd);
    }
    space.close();
    if (process != null) {
      process.close();
    }
  }
}
