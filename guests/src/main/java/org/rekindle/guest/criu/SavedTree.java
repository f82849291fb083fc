package org.rekindle.guest.criu;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.DataFormatException;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/*
 * Pages and addresses
 *
 * An address space is huge and nearly empty, so a page of the image is not an address: a process's
 * pages are numbered in the order of their addresses, without the gaps, and make up one region. What
 * is neighbours there mostly is so in memory, too, which is what locality blocks live on. Where each
 * page belongs is kept beside the image as a table of ranges. Memory that moves after the restore
 * (mremap) keeps its page numbers; only its place in the table of the running process changes.
 */

/**
 * The processes of a dump, in the order of CRIU's process tree; the device state of an image.
 *
 * <pre>
 * bytes
 * 4      version: 1
 * 4      {@link #dump}
 * 4      processes
 *        for each of them
 * 4        process id
 * 4        ranges of pages
 *          for each of them, ascending
 * 8          address
 * 4          pages
 * </pre>
 *
 * All numbers little-endian. A process with ranges has a region in the image, named by its process
 * id, with the pages of its ranges end to end; regions have the order of their processes.
 *
 * @param dump a checksum that tells this dump from others
 */
record SavedTree(int dump, List<SavedTask> tasks) {
  private static final int VERSION = 1;
  private static final int HEAD_BYTES = 3 * Integer.BYTES;
  private static final int TASK_BYTES = 2 * Integer.BYTES;
  private static final int RANGE_BYTES = Long.BYTES + Integer.BYTES;

  SavedTree {
    tasks = List.copyOf(tasks);
  }

  /**
   * The memory that the image has.
   *
   * @throws IllegalArgumentException if there is none, or too much
   */
  MemoryMap memory() {
    List<Region> regions = new ArrayList<>();
    for (SavedTask task : tasks) {
      if (!task.ranges().isEmpty()) {
        regions.add(
            new Region(task.region(), task.pages() * MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES));
      }
    }
    return new MemoryMap(regions);
  }

  byte[] encode() {
    long bytes = HEAD_BYTES;
    for (SavedTask task : tasks) {
      bytes += TASK_BYTES + (long) task.ranges().size() * RANGE_BYTES;
    }
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(VERSION).putInt(dump).putInt(tasks.size());
    for (SavedTask task : tasks) {
      out.putInt(task.pid()).putInt(task.ranges().size());
      for (PageRange range : task.ranges()) {
        out.putLong(range.address()).putInt(range.pages());
      }
    }
    return out.array();
  }

  /**
   * Decodes what {@link #encode} made.
   *
   * @param memory of the image that it belongs to
   * @throws DataFormatException if it is damaged, newer, or of another image
   */
  static SavedTree decode(byte[] bytes, MemoryMap memory) throws DataFormatException {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try {
      int version = in.getInt();
      if (version != VERSION) {
        throw new DataFormatException("version " + version + ", this program reads " + VERSION);
      }
      int dump = in.getInt();
      int count = count(in, "processes", TASK_BYTES);
      List<SavedTask> tasks = new ArrayList<>(count);
      Set<Integer> pids = new HashSet<>();
      for (int i = 0; i < count; i++) {
        SavedTask task = task(in);
        if (task.pid() <= 0 || !pids.add(task.pid())) {
          throw new DataFormatException("process " + task.pid() + " twice, or of no process");
        }
        tasks.add(task);
      }
      SavedTree tree = new SavedTree(dump, tasks);
      if (in.hasRemaining() || !tree.memory().equals(memory)) {
        throw new DataFormatException("its pages are not those of the image");
      }
      return tree;
    } catch (BufferUnderflowException | IllegalArgumentException damaged) {
      DataFormatException e = new DataFormatException("it is cut off, or its counts are wrong");
      e.initCause(damaged);
      throw e;
    }
  }

  private static SavedTask task(ByteBuffer in) throws DataFormatException {
    int pid = in.getInt();
    int count = count(in, "ranges of process " + pid, RANGE_BYTES);
    List<PageRange> ranges = new ArrayList<>(count);
    long end = 0;
    for (int i = 0; i < count; i++) {
      PageRange range = new PageRange(in.getLong(), in.getInt());
      if (!PageRange.isPage(range.address())
          || range.address() < end
          || range.pages() <= 0
          || range.end() > PageRange.ADDRESS_LIMIT) {
        throw new DataFormatException("process %d has a range %s".formatted(pid, range));
      }
      end = range.end();
      ranges.add(range);
    }
    return new SavedTask(pid, ranges);
  }

  /** A count of things that each take so many of the bytes that are left. */
  private static int count(ByteBuffer in, String what, int bytesEach) throws DataFormatException {
    int count = in.getInt();
    if (count < 0 || count > in.remaining() / bytesEach) {
      throw new DataFormatException(Integer.toUnsignedLong(count) + " " + what);
    }
    return count;
  }
}
