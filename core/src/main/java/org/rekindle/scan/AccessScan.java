package org.rekindle.scan;

import java.io.IOException;
import java.util.BitSet;
import org.rekindle.workingset.Sweeps;

/** Sweeps over a running guest's memory, one every so often. */
public final class AccessScan {
  /**
   * Pages looked at in one call: 4 MiB, so that the process can change its mappings in between (one
   * call holds them still for 2 ms).
   */
  private static final int CHUNK_PAGES = 1024;

  private final AccessObserver observer;
  private final ScannedMemory memory;

  /**
   * @param observer of that memory; its owner's to close
   */
  public AccessScan(AccessObserver observer, ScannedMemory memory) {
    this.observer = observer;
    this.memory = memory;
  }

  /** Is told how many sweeps are done. */
  public interface Progress {
    void sweep(int done, int touchedPages);
  }

  /**
   * Scans.
   *
   * @param sweeps how many
   * @param everyNs how long each observes
   * @throws InterruptedException if the thread is interrupted; the guest is as it was
   */
  public Scan run(int sweeps, long everyNs, Progress progress)
      throws IOException, InterruptedException {
    Sweeps.Builder found = Sweeps.of(memory.pages());
    look(); // what was touched before does not count
    long beganNs = System.nanoTime();
    for (int done = 0; done < sweeps; done++) {
      sleepUntil(beganNs + (done + 1L) * everyNs);
      long atNs = System.nanoTime() - beganNs;
      BitSet touched = look();
      found.sweep(atNs, touched);
      progress.sweep(done + 1, touched.cardinality());
    }
    return new Scan(
        memory.region(), observer.name(), observer.readGranularityPages(), found.build());
  }

  private static void sleepUntil(long ns) throws InterruptedException {
    long leftNs = ns - System.nanoTime();
    if (leftNs > 0) {
      Thread.sleep(leftNs / 1_000_000, (int) (leftNs % 1_000_000));
    }
  }

  private BitSet look() throws IOException, InterruptedException {
    BitSet touched = new BitSet(memory.pages());
    for (int first = 0; first < memory.pages(); first += CHUNK_PAGES) {
      if (Thread.interrupted()) {
        throw new InterruptedException("interrupted in a sweep");
      }
      observer.look(first, Math.min(CHUNK_PAGES, memory.pages() - first), touched);
    }
    return touched;
  }
}
