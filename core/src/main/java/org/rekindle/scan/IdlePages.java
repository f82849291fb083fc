package org.rekindle.scan;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.Map;
import java.util.TreeMap;
import org.rekindle.linux.PageMap;

/*
 * The kernel can keep a bit for each frame of the machine's memory: somebody sets it, "idle", and the next touch of the page in that
 * frame clears it, whether by a process, by the kernel or by a virtual CPU of KVM. That is the access bit of VEE'11. So: in
 * which frame does each page lie (pagemap), is that one idle still, set it again (Linux's
 * Documentation/admin-guide/mm/idle_page_tracking.rst). Nothing is unmapped, the guest pays nothing, and memory may be private.
 *
 * The bitmap is read and written in words of 64 frames; a zero that is written leaves a frame as it is.
 *
 * Several frames can be one folio, a huge page for one: then the bit of its first frame is that of all, the others always
 * read as touched. kpageflags tells which frames are not the first, so all pages of a folio count as touched together.
 *
 * How it fails. Most kernels are built without it. A touch between reading a bit and setting it is lost, and so is
 * one that the processor makes by an old entry of its TLB. Pages that the kernel does not age (hugetlbfs, those in
 * its batches at that moment) cannot be set idle, and count as touched.
 */

/**
 * Reads and sets the kernel's idle bits. Needs root, and a kernel with CONFIG_IDLE_PAGE_TRACKING.
 */
public final class IdlePages implements AccessObserver {
  static final String NAME = "idle page tracking";

  private static final Path BITMAP = Path.of("/sys/kernel/mm/page_idle/bitmap");
  private static final Path FLAGS = Path.of("/proc/kpageflags");
  private static final int WORD_BYTES = 8;
  private static final int WORD_FRAMES = 64;

  /** In kpageflags: the frame is one of a folio, and not its first. */
  private static final int COMPOUND_TAIL = 16;

  private static final long UNMAPPED = -1;
  private static final long HIDDEN = 0;

  private final ScannedMemory memory;
  private final PageMap pageMap;
  private final FileChannel flags;
  private final FileChannel bitmap;
  private final ByteBuffer word = ByteBuffer.allocate(WORD_BYTES).order(ByteOrder.nativeOrder());

  private IdlePages(ScannedMemory memory, PageMap pageMap, FileChannel flags, FileChannel bitmap) {
    this.memory = memory;
    this.pageMap = pageMap;
    this.flags = flags;
    this.bitmap = bitmap;
  }

  /**
   * Makes sure that it can be done, and touches nothing.
   *
   * @throws IOException with the reason, if it cannot
   */
  public static IdlePages of(ScannedMemory memory) throws IOException {
    if (!Files.exists(BITMAP)) {
      throw new IOException("this kernel was built without it (CONFIG_IDLE_PAGE_TRACKING)");
    }
    PageMap pageMap = memory.openPageMap();
    try {
      return of(memory, pageMap, FLAGS, BITMAP);
    } catch (IOException refused) {
      pageMap.close();
      throw new IOException("cannot set idle bits in " + BITMAP + "; scan as root", refused);
    }
  }

  /** With the kernel's files wherever they are. */
  static IdlePages of(ScannedMemory memory, PageMap pageMap, Path flags, Path bitmap)
      throws IOException {
    FileChannel readable = FileChannel.open(flags);
    try {
      return new IdlePages(
          memory,
          pageMap,
          readable,
          FileChannel.open(bitmap, StandardOpenOption.READ, StandardOpenOption.WRITE));
    } catch (IOException refused) {
      readable.close();
      throw refused;
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  /** Of a huge page all are touched when one of them is. */
  @Override
  public int readGranularityPages() {
    return 1;
  }

  @Override
  public void look(int first, int pages, BitSet touched) throws IOException {
    long[] heads = heads(first, pages);
    Map<Long, Long> words = new TreeMap<>(); // of the bitmap: the bits that are ours
    for (long head : heads) {
      if (head != UNMAPPED) {
        words.merge(head / WORD_FRAMES, bit(head), (some, more) -> some | more);
      }
    }
    for (Map.Entry<Long, Long> entry : words.entrySet()) {
      long position = entry.getKey() * WORD_BYTES;
      long ours = entry.getValue();
      entry.setValue(read(bitmap, position));
      write(position, ours);
    }
    for (int i = 0; i < pages; i++) {
      if (heads[i] != UNMAPPED
          && (words.getOrDefault(heads[i] / WORD_FRAMES, 0L) & bit(heads[i])) == 0) {
        touched.set(first + i);
      }
    }
  }

  private static long bit(long frame) {
    return 1L << frame % WORD_FRAMES;
  }

  /** Of each page the first frame of its folio. */
  private long[] heads(int first, int pages) throws IOException {
    long[] frames = new long[pages];
    try {
      pageMap.frames(memory.address(first), frames);
    } catch (EOFException none) {
      throw memory.ended();
    }
    long[] heads = new long[pages];
    for (int i = 0; i < pages; i++) {
      if (frames[i] == HIDDEN) {
        throw new IOException(
            "the kernel hides where the memory of process %d lies; scan as root (CAP_SYS_ADMIN)"
                .formatted(memory.pid()));
      }
      boolean follows = i > 0 && frames[i] == frames[i - 1] + 1 && frames[i - 1] != UNMAPPED;
      heads[i] = follows && isTail(frames[i]) ? heads[i - 1] : head(frames[i]);
    }
    return heads;
  }

  private long head(long frame) throws IOException {
    long head = frame;
    while (head != UNMAPPED && isTail(head)) {
      head--;
    }
    return head;
  }

  private boolean isTail(long frame) throws IOException {
    return (read(flags, frame * WORD_BYTES) >>> COMPOUND_TAIL & 1) != 0;
  }

  private long read(FileChannel file, long position) throws IOException {
    if (file.read(word.clear(), position) != WORD_BYTES) { // the kernel gives whole words
      throw new EOFException("the kernel tells nothing about the frames at " + position);
    }
    return word.getLong(0);
  }

  private void write(long position, long bits) throws IOException {
    if (bitmap.write(word.clear().putLong(0, bits), position) != WORD_BYTES) {
      throw new IOException("the kernel does not take the idle bits at " + position);
    }
  }

  @Override
  public void close() throws IOException {
    pageMap.close();
    flags.close();
    bitmap.close();
  }
}
