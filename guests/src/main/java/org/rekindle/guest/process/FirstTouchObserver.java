package org.rekindle.guest.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.BitSet;
import java.util.concurrent.CompletableFuture;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UffdEvents;
import org.rekindle.scan.AccessObserver;
import org.rekindle.scan.ScannedMemory;

/*
 * An access bit is set by the processor at the first touch after it was cleared. Here a fault does that: a look drops the
 * pages from the guest's mapping, and the next touch of each is told (WatchedMemory). So what a sweep finds is what
 * access bits would say, exactly, reads and writes alike; not what fault-around or the kernel's batches leave of it
 * (UnmapAndObserve).
 *
 * A page's bit and its mapping change together, under one lock, and a look takes the bits before it drops the pages. So a
 * touch in between counts either for this look or for the next; none is lost.
 *
 * How it fails. Each page that the guest uses costs it a fault a sweep that another process answers, ten times what a
 * fault costs that the kernel answers alone: it is for measuring estimators, not for production.
 */

/** Sees exactly which pages of a process guest are touched between two looks. */
public final class FirstTouchObserver implements AccessObserver {
  /** Faults that are waiting at a time: one for each worker. */
  private static final int EVENTS = 64;

  private final ScannedMemory scanned;
  private final WatchedMemory watched;
  private final Poller poller;
  private final BitSet touched; // its own lock
  private final CompletableFuture<Void> serving;
  private volatile boolean closing;

  private FirstTouchObserver(ScannedMemory scanned, WatchedMemory watched, Poller poller) {
    this.scanned = scanned;
    this.watched = watched;
    this.poller = poller;
    this.touched = new BitSet(scanned.pages());
    this.serving =
        CompletableFuture.runAsync(
            this::serve, task -> Thread.ofPlatform().daemon().name("first touches").start(task));
  }

  /**
   * Begins to watch a guest, which stands still for a moment if it runs.
   *
   * @throws IOException if its memory is in no memory file
   */
  public static FirstTouchObserver of(ProcessGuest guest) throws IOException {
    ScannedMemory scanned = guest.scanned();
    boolean ran = guest.runs();
    guest.pause();
    try {
      WatchedMemory watched = WatchedMemory.of(guest);
      try {
        Poller poller = new Poller(1);
        poller.interest(poller.add(watched.fd()), true, false);
        return new FirstTouchObserver(scanned, watched, poller);
      } catch (IOException failed) {
        watched.close();
        throw failed;
      }
    } finally {
      if (ran) {
        guest.tellToRun();
      }
    }
  }

  /** What it observes. */
  public ScannedMemory memory() {
    return scanned;
  }

  private void serve() {
    UffdEvents events = new UffdEvents(EVENTS);
    try {
      while (!closing) {
        int count = watched.read(events);
        for (int i = 0; i < count; i++) {
          if (events.type(i) == UffdEvents.PAGEFAULT) {
            touch(watched.page(events, i), events.minor(i));
          }
        }
        if (count == 0) {
          poller.poll(-1);
        }
      }
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  private void touch(int page, boolean isInFile) throws IOException {
    synchronized (touched) {
      watched.map(page, isInFile);
      touched.set(page);
    }
    watched.wake(page);
  }

  @Override
  public String name() {
    return "first-touch faults";
  }

  @Override
  public int readGranularityPages() {
    return 1;
  }

  @Override
  public void look(int first, int pages, BitSet into) throws IOException {
    if (serving.isCompletedExceptionally()) {
      throw new IOException("the process guest's memory is not watched", serving.exceptionNow());
    }
    synchronized (touched) {
      BitSet range = touched.get(first, first + pages);
      range.stream().forEach(page -> into.set(first + page));
      touched.clear(first, first + pages);
    }
    watched.drop(first, pages);
  }

  /** Has nobody watch; the guest runs on. */
  @Override
  public void close() throws IOException {
    try {
      watched.letGo();
    } finally {
      closing = true;
      poller.wake();
      serving.handle((_, _) -> null).join(); // a look has told, or nobody asked
      watched.close();
      poller.close();
    }
  }
}
