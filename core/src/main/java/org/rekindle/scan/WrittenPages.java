package org.rekindle.scan;

import java.io.IOException;
import java.util.BitSet;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.PageMap;
import org.rekindle.linux.PidFd;

/*
 * A process can have its memory protected against writing such that nobody has to answer: the kernel notes the first write
 * to a page, lifts its protection and lets it through (userfaultfd with WP_ASYNC, Linux 6.7; 0.9 us a page). Which pages
 * were written, anybody may ask who may trace the process, and has them protected again in the same step (PAGEMAP_SCAN):
 * no write is lost, and none is counted twice.
 *
 * So what is found is exact, but it is half of the truth: reads cost nothing and are not seen. What a restored guest only
 * reads, its program and its tables, has to be known otherwise. And nobody can register the memory of another process: it
 * takes a guest that does that itself.
 *
 * How it fails. A page that the process gives back (MADV_DONTNEED of private memory) counts as written once more: its content
 * did change.
 */

/** Asks which pages were written, of a process that has that noted. */
public final class WrittenPages implements AccessObserver {
  static final String NAME = "written pages";

  private final ScannedMemory memory;
  private final PidFd process;
  private final PageMap pageMap;

  private WrittenPages(ScannedMemory memory, PidFd process, PageMap pageMap) {
    this.memory = memory;
    this.process = process;
    this.pageMap = pageMap;
  }

  /**
   * Makes sure that it can be done, and touches nothing.
   *
   * @throws IOException with the reason, if it cannot
   */
  public static WrittenPages of(ScannedMemory memory) throws IOException {
    PidFd process = memory.openProcess();
    try {
      WrittenPages pages = new WrittenPages(memory, process, memory.openPageMap());
      try {
        pages.ask(0, memory.pages(), false, new BitSet());
        return pages;
      } catch (IOException refused) {
        pages.pageMap.close();
        throw refused;
      }
    } catch (IOException refused) {
      process.close();
      throw refused;
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int readGranularityPages() {
    return 0;
  }

  @Override
  public void look(int first, int pages, BitSet touched) throws IOException {
    ask(first, pages, true, touched);
  }

  private void ask(int first, int pages, boolean protect, BitSet written) throws IOException {
    int result = pageMap.written(memory.address(first), pages, protect, written, first);
    if (process.ended()) {
      throw memory.ended(); // whatever was written, nobody told
    }
    switch (result) {
      case 0 -> {}
      case -Errno.EPERM ->
          throw new IOException(
              "process %d does not have writes to its memory noted (by registering it with a userfaultfd that has WP_ASYNC)"
                  .formatted(memory.pid()));
      case -Errno.ENOTTY ->
          throw new IOException("this kernel does not tell what was written; Linux 6.7 does");
      default ->
          throw new LinuxException(
              "ask what process %d has written".formatted(memory.pid()), -result);
    }
  }

  @Override
  public void close() {
    pageMap.close();
    process.close();
  }
}
