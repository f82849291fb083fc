package org.rekindle.guest.process;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Poller;
import org.rekindle.workingset.AccessTrace;

/**
 * Saves a process guest while it runs, and sees meanwhile which memory it touches: the lazy
 * checkpoint and the memory tracing of VEE'11 (section 4.2).
 */
public final class TracedSave {
  /*
   * The insight: a restored guest goes on from the instant at which the save began, so what the running one touches while
   * it is saved is what the restored one will touch. The image is of that instant: the guest stands still for the
   * moment in which its registers are read and its mapping is dropped, then runs on, and each page is copied before it is
   * written for the first time, or when the background copier comes to it, which walks through memory in order.
   *
   * Pages that the copier has been to keep their traces, so a page that is touched late is seen as well. The trace ends with
   * the save: a slower copier sees more (the paper's takes as long as a restore).
   *
   * How it fails: what the guest does not do again the same way (time, clients) is not foreseen; and each page that it
   * touches costs a fault, two if it is read first and written later (MemoryTracer).
   */

  /** Copied between two looks at the faults: 64 KiB, about as long as a fault takes to serve. */
  private static final int CHUNK_PAGES = 16;

  private static final long IDLE_NS = 1_000_000;

  private final ProcessGuest guest;
  private final ImageWriter writer;
  private final LiveMemory content;
  private final int pages;
  private final MemorySegment chunk;
  private final BitSet copied;

  private TracedSave(
      ProcessGuest guest, ImageWriter writer, LiveMemory content, int pages, Arena arena) {
    this.guest = guest;
    this.writer = writer;
    this.content = content;
    this.pages = pages;
    this.chunk = arena.allocate((long) CHUNK_PAGES * MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES);
    this.copied = new BitSet(pages);
  }

  /**
   * What came of it.
   *
   * @param imageBytes of all files of the image
   * @param trace first touches since the instant of the image, in the guest's own time
   * @param faults that tracing has cost the guest
   * @param stopNs how long it stood still at the beginning
   */
  public record Result(long imageBytes, AccessTrace trace, int faults, long stopNs) {}

  /**
   * Saves it, with the profile in the image. It may run or be paused; afterwards it runs.
   *
   * @param directory of the image; it must not exist yet
   * @param pagesPerSecond of the background copier; the paper's is {@code
   *     Strategy.PAPER_FILL_PAGES_PER_SECOND}
   * @throws IOException if its memory is not in a memory file, or this is not root's process: only
   *     root may look into another process's memory file
   */
  public static Result save(
      ProcessGuest guest,
      Path directory,
      ImageWriter.Options options,
      int pagesPerSecond,
      Image.Progress progress)
      throws IOException {
    ProcessGuest.Location location = guest.memory();
    MemoryMap memory = ProcessMachine.memory(location.bytes());
    Result result;
    try (Arena arena = Arena.ofConfined();
        ImageWriter writer = ImageWriter.create(directory, memory, options);
        LiveMemory content = LiveMemory.open(guest.pid(), location.address())) {
      TracedSave save = new TracedSave(guest, writer, content, memory.pages(), arena);
      long stoppedNs = System.nanoTime();
      List<Registers> registers = guest.pause();
      writer.deviceState(new SavedProcess(registers).deviceState());
      AccessTrace trace;
      int faults;
      long stopNs;
      try (WatchedMemory watched = WatchedMemory.of(guest);
          Poller poller = new Poller(1)) {
        poller.interest(poller.add(watched.fd()), true, false);
        watched.drop(0, save.pages);
        MemoryTracer tracer = new MemoryTracer(watched, save.copied, save::copy);
        guest.tellToRun();
        stopNs = System.nanoTime() - stoppedNs;
        save.copyAll(poller, tracer, pagesPerSecond, progress);
        trace = tracer.trace();
        faults = tracer.faults();
        letGo(watched, poller, tracer);
      }
      Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
      long bytes = writer.commit(new Manifest(SavedProcess.KIND, now, memory, Map.of()));
      result = new Result(bytes, trace, faults, stopNs);
    }
    Image.attach(directory, result.trace().firstTouches("memory trace"));
    return result;
  }

  private void copyAll(
      Poller poller, MemoryTracer tracer, int pagesPerSecond, Image.Progress progress)
      throws IOException {
    long startNs = System.nanoTime();
    int next = 0;
    while (next < pages) {
      if (!tracer.serve()) {
        long due = (long) ((System.nanoTime() - startNs) / 1e9 * pagesPerSecond);
        if (next < due) {
          int end = (int) Math.min(Math.min(pages, due), next + CHUNK_PAGES);
          copyRun(next, end);
          next = end;
          progress.update((long) next * MemoryMap.PAGE_BYTES, (long) pages * MemoryMap.PAGE_BYTES);
        } else if (guest.isAlive()) {
          poller.poll(IDLE_NS);
        } else {
          throw new IOException("the process guest ended while it was saved");
        }
      }
    }
  }

  /** Answers the guest's faults until it has been let go. */
  static void letGo(WatchedMemory watched, Poller poller, MemoryTracer tracer) throws IOException {
    FutureTask<@Nullable Void> lettingGo =
        new FutureTask<>(() -> {
          watched.letGo();
          return null;
        });
    Thread.ofPlatform().daemon().name("let go").start(lettingGo);
    while (!lettingGo.isDone()) {
      if (!tracer.serve()) {
        poller.poll(IDLE_NS);
      }
    }
    if (lettingGo.state() == Future.State.FAILED) {
      throw new IOException("the process guest could not be let go", lettingGo.exceptionNow());
    }
  }

  /** The background copier's: what was not copied before a write. */
  private void copyRun(int from, int end) throws IOException {
    content.read(
        (long) from * MemoryMap.PAGE_BYTES,
        chunk.asSlice(0, (long) (end - from) * MemoryMap.PAGE_BYTES));
    for (int page = from; page < end; page++) {
      if (!copied.get(page)) {
        writer.page(page, chunk, (long) (page - from) * MemoryMap.PAGE_BYTES);
        copied.set(page);
      }
    }
  }

  /** Copies a page as it was at the beginning, if that has not been done. */
  private void copy(int page) throws IOException {
    if (!copied.get(page)) {
      copyRun(page, page + 1);
    }
  }
}
