package org.rekindle.scan;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.PageMap;
import org.rekindle.linux.PidFd;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.ProcessMemory.Mapping;

/*
 * Access bits are the kernel's own: few kernels let others read them page by page (idle page
 * tracking, mostly not compiled in). But every kernel tells which pages a process has mapped, and a
 * page that was unmapped is mapped again by the next touch. So: unmap all, wait, and look what is
 * there.
 *
 * What unmaps the memory of another process without losing it is MADV_PAGEOUT, where that memory is
 * shared (a memfd, a file in /dev/shm) and there is no swap: the page cannot leave its file, so all
 * that is left of paging it out is the end of its mapping, for 2.2 us a page (Linux 6.18). With swap
 * the guest would wait for a disk; that is refused.
 *
 * How it fails. A read maps up to 16 pages that lie around it in the file, so that pages count as
 * read that were not (fault-around; a system can switch it off, by 4096 in
 * /sys/kernel/debug/fault_around_bytes); a write maps its page alone. Some pages stay mapped (those
 * that the kernel holds in its batches at that moment: 0.2 % in a trial) and count as touched. Every
 * page that the guest uses costs it one minor fault a sweep.
 */

/** Unmaps shared memory, and observes what the guest has mapped again. Needs root. */
public final class UnmapAndObserve implements AccessObserver {
  static final String NAME = "unmap and observe";

  /** What the kernel maps around a read where nobody has changed it. */
  private static final int USUAL_AROUND_BYTES = 65_536;

  private static final Path AROUND = Path.of("/sys/kernel/debug/fault_around_bytes");
  private static final Path SWAPS = Path.of("/proc/swaps");

  private final ScannedMemory memory;
  private final PidFd process;
  private final PageMap pageMap;
  private final int aroundPages;

  private UnmapAndObserve(ScannedMemory memory, PidFd process, PageMap pageMap, int aroundPages) {
    this.memory = memory;
    this.process = process;
    this.pageMap = pageMap;
    this.aroundPages = aroundPages;
  }

  /**
   * Makes sure that it can be done, and touches nothing.
   *
   * @throws IOException with what to do about it, if it cannot
   */
  public static UnmapAndObserve of(ScannedMemory memory) throws IOException {
    requireNoSwap(Files.readAllLines(SWAPS));
    requireShared(memory, ProcessMemory.mappings(memory.pid()));
    PidFd process = memory.openProcess();
    try {
      return new UnmapAndObserve(memory, process, memory.openPageMap(), aroundPages());
    } catch (IOException denied) {
      process.close();
      throw denied;
    }
  }

  /** The first line is a heading. */
  static void requireNoSwap(List<String> swaps) throws IOException {
    if (swaps.size() > 1) {
      throw new IOException(
          "this machine has swap, into which the scan would put the guest's memory: "
              + swaps.get(1).replaceAll("\\s+", " ")
              + "; switch it off for the time of the scan (swapoff -a)");
    }
  }

  static void requireShared(ScannedMemory memory, List<Mapping> mappings) throws IOException {
    long end = memory.address(memory.pages());
    for (Mapping mapping : mappings) {
      boolean within = mapping.start() < end && memory.address() < mapping.end();
      if (within && mapping.permissions().charAt(3) != 's') {
        throw new IOException(
            "the memory %s of process %d is private to it, and only shared memory can be scanned; start QEMU with -object memory-backend-memfd,id=ram,size=SIZE,share=on -machine memory-backend=ram"
                .formatted(memory.region(), memory.pid()));
      }
    }
  }

  private static int aroundPages() {
    try {
      return Math.max(
          1, Integer.parseInt(Files.readString(AROUND).strip()) / ScannedMemory.PAGE_BYTES);
    } catch (IOException | NumberFormatException unknown) { // no debugfs, or not for us
      return USUAL_AROUND_BYTES / ScannedMemory.PAGE_BYTES;
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int readGranularityPages() {
    return aroundPages;
  }

  @Override
  public void look(int first, int pages, BitSet touched) throws IOException {
    long address = memory.address(first);
    long bytes = (long) pages * ScannedMemory.PAGE_BYTES;
    try {
      pageMap.present(address, pages, touched, first);
    } catch (EOFException none) {
      throw memory.ended();
    }
    for (long done = 0; done < bytes; ) {
      long more = process.pageOut(address + done, bytes - done);
      if (more == -Errno.ESRCH) {
        throw memory.ended();
      }
      if (more <= 0) {
        throw new LinuxException(
            "unmap memory of process %d at 0x%x (needs root and Linux 5.10 or later)"
                .formatted(memory.pid(), address + done),
            more == 0 ? Errno.EINVAL : (int) -more);
      }
      done += more;
    }
  }

  @Override
  public void close() {
    process.close();
    pageMap.close();
  }
}
