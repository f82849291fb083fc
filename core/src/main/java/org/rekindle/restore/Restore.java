package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;
import org.rekindle.linux.StoreFile;
import org.rekindle.scope.Scope;

/**
 * One restore: a plan, carried out on a guest from an image. The thread that calls {@link #run} is
 * the pager thread.
 */
public final class Restore {
  /**
   * Decoded blocks that the stream may be ahead of the pager: 4 MiB in blocks of 32 KiB, two to
   * three extents, so that the device has the next read while the pager places the last one.
   */
  private static final int STREAM_BUFFERS = 128;

  /**
   * Threads for demand reads: two virtual CPUs of the guests here can wait for the device at the
   * same time.
   */
  private static final int DEMAND_READERS = 2;

  /** Requests that one demand reader can hold; all the pager has. */
  private static final int DEMAND_DEPTH = 32;

  /** How often a waiting pager looks whether it has been cancelled. */
  private static final long MAX_IDLE_NS = 100_000_000;

  private final Image image;
  private final Guest guest;
  private final Plan plan;
  private final @Nullable DecodedBlocks shared;
  private final Tally tally = new Tally();
  private volatile boolean cancelled;

  /** A restore by itself. */
  public Restore(Image image, Guest guest, Plan plan) {
    this(image, guest, plan, null);
  }

  /**
   * @param shared what other restores have read and decoded of the same image
   * @throws IllegalArgumentException if image and guest have different memory
   */
  public Restore(Image image, Guest guest, Plan plan, @Nullable DecodedBlocks shared) {
    if (!image.memory().equals(guest.memory())) {
      throw new IllegalArgumentException(
          "the image's memory is " + image.memory() + ", the guest's " + guest.memory());
    }
    this.image = image;
    this.guest = guest;
    this.plan = plan;
    this.shared = shared;
  }

  /** Pages placed so far; for any thread. */
  public Tally tally() {
    return tally;
  }

  /**
   * Ends {@link #run} soon, with {@link java.util.concurrent.CancellationException}; for any
   * thread.
   */
  public void cancel() {
    cancelled = true;
    guest.wake();
  }

  /** Restores until every page is in and the VMM has confirmed it. */
  public Outcome run() throws IOException {
    return run(Long.MAX_VALUE);
  }

  /**
   * Restores until every page is in and the VMM has confirmed it, or until the guest has run for so
   * long.
   *
   * @throws GuestGoneException if the VMM ends before that
   * @throws java.util.concurrent.CancellationException after {@link #cancel}
   */
  public Outcome run(long atMostRunningNs) throws IOException {
    try (Arena arena = Arena.ofShared();
        Scope scope = new Scope()) {
      IdentityHashMap<PageStore, StoreFile> files = new IdentityHashMap<>();
      open(image.base(), files, scope);
      PageStore hot = plan.hot();
      if (hot != null) {
        open(hot, files, scope);
      }
      BlockIo.Meter meter = new BlockIo.Meter();
      ClaimBitmap claims = new ClaimBitmap(image.memory().pages());
      BlockSequence fill =
          plan.fill() instanceof Plan.Fill.None
              ? BlockSequence.none(image.base())
              : BlockSequence.all(image.base());
      FetchSequence sequence = new FetchSequence(plan.prefetch(), fill);
      BlockStream stream =
          new BlockStream(
              sequence,
              claims,
              scope.add(new BlockIo(files, meter, shared)),
              scope.add(new BlockIo(files, meter, shared)),
              arena,
              buffers(STREAM_BUFFERS, sequence.maxSlots(), arena, scope),
              shared,
              guest::wake);
      DemandReader[] readers = new DemandReader[DEMAND_READERS];
      int stored = Math.max(image.base().maxStoredBytes(), hot == null ? 1 : hot.maxStoredBytes());
      for (int i = 0; i < readers.length; i++) {
        BlockIo io = scope.add(new BlockIo(files, meter, shared));
        readers[i] = new DemandReader(io, arena, stored, DEMAND_DEPTH, guest::wake);
      }
      int slots = Math.max(image.base().maxSlots(), hot == null ? 0 : hot.maxSlots());
      Pager pager =
          new Pager(
              guest,
              image.base(),
              plan,
              claims,
              stream,
              readers,
              scope.add(new BlockIo(files, meter, shared)),
              buffers(Pager.DEMAND_BUFFERS, slots, arena, scope),
              arena,
              STREAM_BUFFERS,
              tally);
      for (int i = 0; i < readers.length; i++) {
        scope.add(readers[i]).start("rekindle-demand-" + i);
      }
      scope.add(stream).start();
      drive(pager, atMostRunningNs);
      return new Outcome(
          plan,
          pager.startedNs(),
          guest.firstInstructionNs(),
          pager.allInNs(),
          System.nanoTime(),
          pager.log(),
          tally,
          pager.prefetched(),
          meter.bytes.sum(),
          meter.reads.sum());
    }
  }

  /** Buffers that hold no shared frame any more once the restore has ended, however it does. */
  private BlockBuffer[] buffers(int count, int slots, Arena arena, Scope scope) {
    BlockBuffer[] buffers = BlockBuffer.pool(count, slots, arena, shared);
    scope.add(() -> {
      for (BlockBuffer buffer : buffers) {
        buffer.release();
      }
    });
    return buffers;
  }

  private void drive(Pager pager, long atMostRunningNs) throws IOException {
    while (!guest.finished()) {
      if (cancelled) {
        throw new java.util.concurrent.CancellationException("the restore was cancelled");
      }
      if (pager.running() && System.nanoTime() - pager.startedNs() >= atMostRunningNs) {
        return;
      }
      if (pager.gone()) {
        throw new GuestGoneException(tally.placed(), image.memory().pages());
      }
      if (!pager.doWork()) {
        pager.idle(MAX_IDLE_NS);
      }
    }
  }

  private static void open(
      PageStore store, IdentityHashMap<PageStore, StoreFile> files, Scope scope)
      throws IOException {
    StoreFile file = scope.add(StoreFile.open(store.file()));
    file.sampleResidency();
    files.put(store, file);
  }
}
