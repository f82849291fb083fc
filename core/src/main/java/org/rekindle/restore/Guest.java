package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/**
 * The machine that is being restored, as the pager sees it: faults come out, pages go in.
 *
 * <p>Life: pages may be placed, then {@link #start} lets the guest run, then more pages are placed
 * and faults answered, until every page is in; {@link #finish} says so, and {@link #finished} turns
 * true when the VMM has confirmed it. Faults may come before the start: a VMM touches guest memory
 * while it loads its devices, and some let the guest run as they like.
 *
 * <p>All methods are called by the one pager thread, except {@link #wake}. None of them blocks,
 * except {@link #await}; none allocates once the guest runs.
 */
public interface Guest extends AutoCloseable {
  /** The memory of the guest; equal to the image's. */
  MemoryMap memory();

  /**
   * How many pages one batch of prefetch should have: a fault that arrives meanwhile waits for one
   * batch.
   */
  int batchPages();

  /** Lets the guest run: device state goes over, virtual CPUs start. */
  void start() throws IOException;

  /**
   * Hands every fault that has arrived to the sink.
   *
   * @return false once the guest is gone: the VMM has died or has closed the connection
   */
  boolean drainFaults(FaultSink sink) throws IOException;

  /** Whether a batch may be placed now without piling it up in front of a later fault. */
  boolean ready();

  /**
   * Whether, for now, nothing may be placed but what a fault waits for; then {@link #ready} is
   * false as well. It is so from the beginning or never, and ends for good: a VMM that is still
   * arranging the guest's memory.
   */
  default boolean takesDemandOnly() {
    return false;
  }

  /**
   * Places a run of consecutive pages. Each page is placed once; the pager's claim bitmap sees to
   * it. (Only a page that the guest {@linkplain FaultSink#removed gave back} is placed again, as
   * zeros.)
   *
   * @param page dense page number of the first (see {@link MemoryMap}); the run may go on into the
   *     next region
   * @param pages how many, at least one
   * @param data native memory that holds the pages from {@code offset} on, or null for zeros; it is
   *     no longer looked at when this method returns
   * @param demanded whether the guest waits for these pages: they overtake what is not sent yet,
   *     where the VMM can
   * @return how many from the front are settled: in or on their way, there already, or no longer
   *     mapped. With 0 there is no room now, or the guest's address space is changing: drain the
   *     faults, and call again for what is still wanted then
   */
  int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException;

  /**
   * Whether a page is in when {@link #place} returns, and not only after {@link #flush}: then a
   * fault was served before the rest of a cycle's work.
   */
  default boolean placesAtOnce() {
    return false;
  }

  /**
   * Pushes out what was placed.
   *
   * @return whether everything placed so far has been handed to the kernel; if not, call again
   *     after {@link #await}
   */
  boolean flush() throws IOException;

  /**
   * Whether the pages that were placed as demanded have been handed over, after a {@link #flush}
   * that left others behind: then nobody waits for these any more.
   */
  default boolean demandedAreOut() {
    return false;
  }

  /** Says that every page has been placed; the VMM may now drop its fault handling. */
  void finish() throws IOException;

  /** Whether the VMM has confirmed the end of the restore. */
  boolean finished();

  /**
   * Waits until a fault may have arrived, room for unflushed data has come, {@link #wake} was
   * called, or the time is over. May return early.
   */
  void await(long timeoutNs) throws IOException;

  /** Ends a current or the next {@link #await}; callable from every thread. */
  void wake();

  /**
   * When the guest executed its first instruction, on the clock of {@link System#nanoTime}; -1 if
   * it has not run or the VMM does not tell.
   */
  long firstInstructionNs();

  @Override
  void close() throws IOException;
}
