package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.SparseFile;

/**
 * A memory file: the guest's memory regions end to end, without any header. Where it has holes, the
 * memory is zero; or, in a difference that lies over a base, what the base has.
 */
final class FileLayer implements MemoryLayer {
  private static final int PAGE_BYTES = MemoryMap.PAGE_BYTES;

  /** Read at a time: large for the disk, small enough to be still in the processor's cache. */
  private static final int CHUNK_BYTES = 256 << 10;

  private final Path path;
  private final SparseFile file;
  private final @Nullable MemoryLayer base;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment chunk = arena.allocate(CHUNK_BYTES, PAGE_BYTES);

  private FileLayer(Path path, SparseFile file, @Nullable MemoryLayer base) {
    this.path = path;
    this.file = file;
    this.base = base;
  }

  /** A file that has all of the memory. */
  static FileLayer full(Path path) throws IOException {
    return open(path, null);
  }

  /**
   * A difference.
   *
   * @param base passes to the new layer, also if this fails
   * @throws SnapshotException if it does not lie over the base page by page
   */
  static FileLayer difference(Path path, MemoryLayer base) throws IOException {
    try {
      FileLayer layer = open(path, base);
      try {
        layer.checkDifference(base);
        return layer;
      } catch (IOException | RuntimeException unfit) {
        layer.file.close();
        layer.arena.close();
        throw unfit;
      }
    } catch (IOException | RuntimeException failed) {
      try (base) {
        throw failed;
      }
    }
  }

  private static FileLayer open(Path path, @Nullable MemoryLayer base) throws IOException {
    if (Files.isDirectory(path)) {
      throw new IOException(path + " is a directory; guest memory is one file");
    }
    SparseFile file = SparseFile.open(path);
    long bytes = file.bytes();
    if (bytes == 0 || bytes % PAGE_BYTES != 0 || bytes / PAGE_BYTES > Integer.MAX_VALUE) {
      file.close();
      throw new SnapshotException(
          path, bytes, "a memory file has whole pages of 4096 bytes, this has " + bytes + " bytes");
    }
    return new FileLayer(path, file, base);
  }

  private void checkDifference(MemoryLayer base) throws IOException {
    if (base.pages() != pages()) {
      throw new SnapshotException(
          path,
          file.bytes(),
          "the difference is of %d MiB, its base of %d MiB: they are not of one microVM"
              .formatted(file.bytes() >> 20, ((long) base.pages() * PAGE_BYTES) >> 20));
    }
    if (file.nextHole(0) == file.bytes()) {
      throw new SnapshotException(
          path,
          0,
          "a difference without any hole says that all pages changed: either it has lost its holes"
              + " in a copy (keep them: cp --sparse=auto, tar -S), or it is a full memory"
              + " file, which needs no --base");
    }
  }

  @Override
  public int pages() {
    return (int) (file.bytes() / PAGE_BYTES);
  }

  @Override
  public void copy(int from, int end, Sink sink) throws IOException {
    int page = from;
    while (page < end) {
      long dataOffset = file.nextData((long) page * PAGE_BYTES);
      long holeOffset = file.nextHole(dataOffset);
      checkWhole(dataOffset);
      checkWhole(holeOffset);
      int data = (int) Math.min(end, dataOffset / PAGE_BYTES);
      if (data > page && base != null) {
        base.copy(page, data, sink);
      }
      int hole = (int) Math.min(end, (holeOffset + PAGE_BYTES - 1) / PAGE_BYTES);
      page = data;
      while (page < hole) {
        page = copyChunk(page, hole, sink);
      }
    }
  }

  /**
   * A file system with small blocks may have half a page of data; what the page lacks reads as
   * zeros. But a VMM writes whole pages, so in a difference that cannot be.
   */
  private void checkWhole(long offset) throws SnapshotException {
    if (base != null && offset % PAGE_BYTES != 0) {
      throw new SnapshotException(
          path, offset, "a difference has whole pages, but here data begins or ends inside one");
    }
  }

  private int copyChunk(int page, int end, Sink sink) throws IOException {
    int pages = Math.min(end - page, CHUNK_BYTES / PAGE_BYTES);
    file.read((long) page * PAGE_BYTES, chunk, 0, pages * PAGE_BYTES);
    for (int i = 0; i < pages; i++) {
      sink.page(page + i, chunk, (long) i * PAGE_BYTES);
    }
    return page + pages;
  }

  @Override
  public void close() throws IOException {
    try (base) {
      file.close();
      arena.close();
    }
  }
}
