package org.rekindle.guest.criu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;

/**
 * Makes an image of what {@code criu dump} has written. The dump stays as it is, and is needed for
 * every restore: what CRIU does not restore lazily is only there. One object, one import.
 */
public final class CriuImport implements AutoCloseable {
  static final String GUEST_KIND = "criu";

  /** One read of 1 MiB keeps system calls at a few per thousand pages. */
  private static final int CHUNK_PAGES = 256;

  private static final long ENDING_S = 30;

  private final Path directory;
  private final Path image;
  private final ImageWriter.Options layout;
  private final Image.Progress progress;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean begun;
  private volatile boolean cancelled;

  private final ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK_PAGES * MemoryMap.PAGE_BYTES);
  private final MemorySegment memory = MemorySegment.ofBuffer(buffer);
  private long otherPages;
  private int nextPage;

  /**
   * @param directory the dump; only read
   * @param image the image directory to make; must not exist
   */
  public CriuImport(
      Path directory, Path image, ImageWriter.Options layout, Image.Progress progress) {
    this.directory = directory;
    this.image = image;
    this.layout = layout;
    this.progress = progress;
  }

  /**
   * Imports the dump.
   *
   * @throws CriuImageException if it is damaged, or cannot be read; no image was made then
   */
  public CriuImportResult run() throws IOException {
    begun = true;
    try {
      return imported();
    } finally {
      ended.countDown();
    }
  }

  private CriuImportResult imported() throws IOException {
    long startNs = System.nanoTime();
    Dump dump = Dump.open(directory);
    List<SavedTask> tasks = new ArrayList<>();
    for (int pid : dump.pids()) {
      tasks.add(dump.hasMemory(pid) ? task(pid) : new SavedTask(pid, List.of()));
      checkCancelled();
    }
    SavedTree tree = new SavedTree(dump.checksum(), tasks);
    if (tasks.stream().allMatch(task -> task.ranges().isEmpty())) {
      throw new CriuImageException(
          directory, "CRIU restores no page of this dump lazily: an image would be empty");
    }
    MemoryMap map = tree.memory();
    try (ImageWriter writer = ImageWriter.create(image, map, layout)) {
      for (SavedTask task : tasks) {
        if (!task.ranges().isEmpty()) {
          copy(task, writer, map);
        }
      }
      writer.deviceState(tree.encode());
      int zeroPages = map.pages() - writer.nonZeroPages();
      long imageBytes = writer.commit(new Manifest(GUEST_KIND, Instant.now(), map, facts(tree)));
      return new CriuImportResult(
          tasks.size(),
          map.pages(),
          zeroPages,
          otherPages,
          System.nanoTime() - startNs,
          imageBytes);
    }
  }

  /** What a reader of the manifest wants to know. */
  private Map<String, Object> facts(SavedTree tree) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("dump", directory.toRealPath().toString());
    facts.put("processes", tree.tasks().size());
    facts.put("otherPages", otherPages);
    return facts;
  }

  /** Which pages of a process the image will have; every one is somewhere. */
  private SavedTask task(int pid) throws IOException {
    Mappings mappings = Mappings.read(directory, pid);
    try (PageLevel level = PageLevel.open(directory, pid)) {
      List<PageRange> ranges = new ArrayList<>();
      for (PageMap.Entry entry : level.map().entries()) {
        if (entry.has(PageMap.LAZY)) {
          level.locate(entry.range(), (_, _, _, _) -> {});
          join(ranges, entry.range());
        } else {
          otherPages += entry.range().pages();
        }
      }
      List<PageRange> cut = new ArrayList<>();
      for (PageRange range : ranges) {
        cut.addAll(mappings.cut(range));
      }
      return new SavedTask(pid, cut);
    }
  }

  /** CRIU begins a new entry every 256 pages, for its pipes. */
  private static void join(List<PageRange> ranges, PageRange next) {
    PageRange last = ranges.isEmpty() ? next : ranges.getLast();
    long pages = (long) last.pages() + next.pages();
    if (last.end() == next.address() && pages <= Integer.MAX_VALUE) {
      ranges.set(ranges.size() - 1, new PageRange(last.address(), (int) pages));
    } else {
      ranges.add(next);
    }
  }

  private void copy(SavedTask task, ImageWriter writer, MemoryMap map) throws IOException {
    try (PageLevel level = PageLevel.open(directory, task.pid())) {
      for (PageRange range : task.ranges()) {
        level.locate(
            range,
            (file, pages, offset, count) -> {
              for (int done = 0; done < count; done += CHUNK_PAGES) {
                checkCancelled();
                int some = Math.min(CHUNK_PAGES, count - done);
                read(file, pages, offset + (long) done * MemoryMap.PAGE_BYTES, some);
                for (int i = 0; i < some; i++) {
                  writer.page(nextPage++, memory, (long) i * MemoryMap.PAGE_BYTES);
                }
                progress.update((long) nextPage * MemoryMap.PAGE_BYTES, map.bytes());
              }
            });
      }
    }
  }

  private void read(Path file, FileChannel pages, long offset, int count) throws IOException {
    buffer.clear().limit(count * MemoryMap.PAGE_BYTES);
    while (buffer.hasRemaining()) {
      long at = offset + buffer.position();
      if (pages.read(buffer, at) < 0) {
        throw new CriuImageException(file, at, "the file became shorter while it was read");
      }
    }
  }

  private void checkCancelled() throws IOException {
    if (cancelled) {
      throw new InterruptedIOException("the import was cancelled");
    }
  }

  /**
   * Gives up, from any thread (such as a shutdown hook), and waits until nothing of the image is
   * left. Without effect when the import has ended.
   */
  @Override
  public void close() {
    cancelled = true;
    if (begun) {
      try {
        ended.await(ENDING_S, TimeUnit.SECONDS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
