package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/**
 * Carries out a plan on a guest: answers its faults, brings the rest in plan order, and never
 * places a page twice.
 *
 * <p>A duty-cycle agent with a single thread: {@link #doWork} does a bounded piece of work and says
 * whether there was any; its owner calls it again, or {@link #idle} when there was none.
 */
final class Pager implements FaultSink {
  /*
   * The order of every cycle is the whole idea: faults first; what they wait for is placed as soon as it is decoded;
   * then one batch of anything else, no more, so that a fault which arrives meanwhile waits for one batch. The pager
   * never waits for a device: what is in the page cache it reads itself (a hand-over to another thread costs more than
   * the read), everything else comes decoded from the reader threads.
   *
   * A fault on a block which is being read, or comes next, joins that read instead of repeating it: with an exact
   * profile the guest always faults at the very front of the prefetch, and its own reads would only slow that down.
   *
   * Steady state allocates nothing: buffers come from two pools of fixed size. If the pool for demand reads runs dry
   * (more waiting threads than buffers), the fault stays in the table as new and is looked at again next cycle.
   */

  /**
   * Demand reads that may be under way: more than any guest on these machines has waiting threads.
   */
  private static final int DEMAND_BUFFERS = 32;

  private final Guest guest;
  private final PageStore base;
  private final Plan plan;
  private final ClaimBitmap claims;
  private final BlockStream stream;
  private final DemandReader[] readers;
  private final BlockIo io;
  private final FaultTable faults = new FaultTable();
  private final FaultLog log = new FaultLog();
  private final Tally tally;
  private final BitSet prefetched; // sized at once: setting a bit allocates nothing
  private final boolean streamIsPaced;

  /**
   * Blocks that the stream has brought and that are not all placed yet; their order is the plan's.
   */
  private final BufferQueue arrived;

  /** Blocks that were read on demand and whose other pages are still to be placed. */
  private final BufferQueue neighbours = new BufferQueue(DEMAND_BUFFERS);

  /** Buffers that a demand reader is filling. */
  private final BufferQueue requested = new BufferQueue(DEMAND_BUFFERS);

  private final BufferQueue demandBuffers = new BufferQueue(DEMAND_BUFFERS);
  private final MemorySegment staging;

  private boolean running;
  private boolean gone;
  private boolean finishing;
  private long startedNs = -1;
  private long allInNs = -1;
  private int zeroFirstNext;
  private int zeroNext; // every page below this is stored, or has been placed

  Pager(
      Guest guest,
      PageStore base,
      Plan plan,
      ClaimBitmap claims,
      BlockStream stream,
      DemandReader[] readers,
      BlockIo io,
      Arena arena,
      int streamBuffers,
      Tally tally) {
    this.guest = guest;
    this.base = base;
    this.plan = plan;
    this.claims = claims;
    this.stream = stream;
    this.readers = readers;
    this.io = io;
    this.tally = tally;
    this.prefetched = new BitSet(guest.memory().pages());
    this.streamIsPaced = !(plan.fill() instanceof Plan.Fill.FullSpeed);
    this.arrived = new BufferQueue(streamBuffers);
    PageStore hot = plan.hot();
    int slots = Math.max(base.maxSlots(), hot == null ? 0 : hot.maxSlots());
    int stored = Math.max(base.maxStoredBytes(), hot == null ? 0 : hot.maxStoredBytes());
    for (BlockBuffer buffer : BlockBuffer.pool(DEMAND_BUFFERS, slots, arena)) {
      demandBuffers.add(buffer);
    }
    this.staging = arena.allocate(Math.max(stored, 1), MemoryMap.PAGE_BYTES);
  }

  /** One cycle; false if there was nothing to do. */
  boolean doWork() throws IOException {
    int claimedBefore = claims.claimed();
    int faultsBefore = faults.size();
    boolean startedNow = start();
    if (!guest.drainFaults(this)) {
      gone = true;
      return false;
    }
    serveNewFaults();
    takeDemandReads();
    takeStream();
    boolean wasReady = guest.ready();
    boolean placedBatch = wasReady && placeBatch();
    // Before, not after: on a busy machine the VMM runs in our place as soon as it has the bytes.
    long flushNs = System.nanoTime();
    if (guest.flush()) {
      faults.served(flushNs, log);
    }
    boolean roomAgain = !wasReady && guest.ready();
    boolean finishedNow = finish();
    return startedNow
        || finishedNow
        || placedBatch
        || roomAgain
        || claims.claimed() != claimedBefore
        || faults.size() != faultsBefore;
  }

  /** Waits until there may be something to do. */
  void idle(long atMostNs) throws IOException {
    guest.await(Math.min(atMostNs, paceNs()));
  }

  @Override
  public void fault(int page, long arrivalNs, int vcpu, boolean write) {
    faults.add(page, arrivalNs, vcpu, write);
    if (claims.isClaimed(page)) {
      faults.placed(page, Cause.LATE);
    }
  }

  private void serveNewFaults() throws IOException {
    for (int i = 0; i < faults.size(); i++) {
      if (faults.isNew(i)) {
        faults.waiting(i);
        if (!serve(faults.page(i))) {
          faults.again(i);
          return;
        }
      }
    }
  }

  /**
   * Places a page that the guest waits for, or sees to it that it comes; false if it cannot be
   * asked for now.
   */
  private boolean serve(int page) throws IOException {
    if (claims.isClaimed(page)) {
      faults.placed(page, Cause.LATE);
      return true;
    }
    int baseBlock = base.blockOf(page);
    if (baseBlock < 0) {
      place(page, null, 0, Cause.DEMAND_ZERO);
      return true;
    }
    PageStore hot = plan.hot();
    int hotBlock = hot == null ? -1 : hot.blockOf(page);
    return (hot != null && hotBlock >= 0)
        ? serveFrom(hot, hotBlock, page)
        : serveFrom(base, baseBlock, page);
  }

  private boolean serveFrom(PageStore store, int block, int page) throws IOException {
    BlockBuffer decoded = decoded(store, block);
    if (decoded != null) {
      place(page, decoded.raw, decoded.offsetOf(page), Cause.DEMAND);
      return true;
    }
    if ((!streamIsPaced || !running) && stream.bringsSoon(store, block)) {
      return true;
    }
    if (requested.find(store, block) != null) {
      return true;
    }
    BlockBuffer buffer = demandBuffers.pollLast();
    if (buffer == null) {
      return false;
    }
    if (io.fetchIfCached(store, block, staging, buffer)) {
      arrivedOnDemand(buffer);
    } else {
      buffer.store = store;
      buffer.block = block;
      leastBusyReader().request(buffer);
      requested.add(buffer);
    }
    return true;
  }

  private @Nullable BlockBuffer decoded(PageStore store, int block) {
    BlockBuffer buffer = arrived.find(store, block);
    return buffer != null ? buffer : neighbours.find(store, block);
  }

  private DemandReader leastBusyReader() {
    DemandReader least = readers[0];
    for (DemandReader reader : readers) {
      if (reader.inFlight() < least.inFlight()) {
        least = reader;
      }
    }
    return least;
  }

  private void takeDemandReads() throws IOException {
    for (DemandReader reader : readers) {
      reader.throwIfFailed();
      for (BlockBuffer buffer = reader.poll(); buffer != null; buffer = reader.poll()) {
        requested.remove(buffer);
        arrivedOnDemand(buffer);
      }
    }
  }

  private void arrivedOnDemand(BlockBuffer buffer) throws IOException {
    placeAwaited(buffer);
    if (plan.miss() == Plan.Miss.BLOCK) {
      neighbours.add(buffer);
    } else {
      release(buffer);
    }
  }

  private void release(BlockBuffer buffer) {
    buffer.store = null;
    demandBuffers.add(buffer);
  }

  private void takeStream() throws IOException {
    stream.throwIfFailed();
    for (BlockBuffer buffer = stream.poll(); buffer != null; buffer = stream.poll()) {
      placeAwaited(buffer);
      arrived.add(buffer);
    }
  }

  /** Places those pages of a block that the guest waits for. */
  private void placeAwaited(BlockBuffer buffer) throws IOException {
    for (int i = 0; i < faults.size(); i++) {
      int page = faults.page(i);
      if (faults.isAwaited(i) && buffer.store().blockOf(page) == buffer.block) {
        place(page, buffer.raw, buffer.offsetOf(page), Cause.DEMAND);
      }
    }
  }

  /** Places one batch of pages that nobody waits for; false if there was none. */
  private boolean placeBatch() throws IOException {
    int room = guest.batchPages();
    int limit = fillLimit();
    room = placeZeroFirst(room);
    while (room > 0) {
      BlockBuffer neighbour = neighbours.peek();
      if (neighbour != null) {
        room = placeFrom(neighbour, room, Cause.NEIGHBOUR);
        if (isEmptied(neighbour)) {
          neighbours.poll();
          release(neighbour);
        }
        continue;
      }
      BlockBuffer next = arrived.peek();
      if (next == null || !mayPlace(next, limit)) {
        break;
      }
      room = placeFrom(next, room, stream.isPrefetch(next) ? Cause.PREFETCH : Cause.FILL);
      if (isEmptied(next)) {
        arrived.poll();
        stream.release(next);
      }
    }
    return placeZeros(room, limit) < guest.batchPages();
  }

  private boolean mayPlace(BlockBuffer buffer, int limit) {
    return stream.isPrefetch(buffer) || buffer.store().servedPage(buffer.block, 0) < limit;
  }

  private static boolean isEmptied(BlockBuffer buffer) {
    return buffer.next == buffer.store().pagesServed(buffer.block);
  }

  private int placeFrom(BlockBuffer buffer, int room, Cause cause) throws IOException {
    PageStore store = buffer.store();
    int left = room;
    while (left > 0 && !isEmptied(buffer)) {
      int page = store.servedPage(buffer.block, buffer.next++);
      if (!claims.isClaimed(page)) {
        place(page, buffer.raw, buffer.offsetOf(page), cause);
        left--;
      }
    }
    return left;
  }

  private int placeZeroFirst(int room) throws IOException {
    int left = room;
    while (left > 0 && zeroFirstNext < plan.zeroFirst().size()) {
      int page = plan.zeroFirst().page(zeroFirstNext++);
      if (!claims.isClaimed(page)) {
        place(page, null, 0, Cause.PREFETCH);
        left--;
      }
    }
    return left;
  }

  private int placeZeros(int room, int limit) throws IOException {
    int left = room;
    while (left > 0 && zeroNext < limit) {
      int page = zeroNext++;
      if (base.blockOf(page) < 0 && !claims.isClaimed(page)) {
        place(page, null, 0, Cause.ZERO);
        left--;
      }
    }
    return left;
  }

  /** The page that a linear fill has come to by now; all pages if it is not paced. */
  private int fillLimit() {
    return switch (plan.fill()) {
      case Plan.Fill.FullSpeed _ -> guest.memory().pages();
      case Plan.Fill.None _ -> 0;
      case Plan.Fill.Linear(int pagesPerSecond) ->
          running
              ? (int)
                  Math.min(
                      guest.memory().pages(),
                      (System.nanoTime() - startedNs) / 1e9 * pagesPerSecond)
              : 0;
    };
  }

  /** How long an idle pager may wait before a paced fill has something to do. */
  private long paceNs() {
    return plan.fill() instanceof Plan.Fill.Linear(int pagesPerSecond) && !claims.complete()
        ? Math.max(1_000_000, 16_000_000_000L / pagesPerSecond)
        : Long.MAX_VALUE;
  }

  private void place(int page, @Nullable MemorySegment data, long offset, Cause cause)
      throws IOException {
    if (!claims.claim(page)) {
      return;
    }
    boolean demanded = cause == Cause.DEMAND || cause == Cause.DEMAND_ZERO;
    Placement outcome = guest.place(page, data, offset, demanded);
    while (outcome == Placement.RETRY) {
      guest.flush(); // room comes from what was placed before,
      guest.drainFaults(this); // a quiet address space from reading its events (served next cycle)
      outcome = guest.place(page, data, offset, demanded);
    }
    tally.placed(cause, data == null);
    if (cause == Cause.PREFETCH) {
      prefetched.set(page);
    }
    faults.placed(page, demanded ? cause : Cause.LATE);
  }

  /** Starts the guest when the plan says so. */
  private boolean start() throws IOException {
    if (running || !mayStart()) {
      return false;
    }
    guest.start();
    running = true;
    startedNs = System.nanoTime();
    return true;
  }

  /** Ends the restore when every page is in. */
  private boolean finish() throws IOException {
    if (!running || finishing || !claims.complete()) {
      return false;
    }
    allInNs = System.nanoTime();
    finishing = true;
    guest.finish();
    return true;
  }

  private boolean mayStart() {
    return switch (plan.start()) {
      case Plan.Start.Immediately _ -> true;
      case Plan.Start.AfterEverything _ -> claims.complete();
      case Plan.Start.AfterPrefetch _ ->
          zeroFirstNext == plan.zeroFirst().size() && prefetchPlaced();
    };
  }

  /** Blocks are placed in their order, so the last one tells. */
  private boolean prefetchPlaced() {
    BlockSequence prefetch = plan.prefetch();
    return prefetch.size() == 0
        || claims.covers(prefetch.store(), prefetch.block(prefetch.size() - 1));
  }

  /** Whether the guest has died or closed the connection. */
  boolean gone() {
    return gone;
  }

  boolean running() {
    return running;
  }

  /** The pages that prefetch has brought so far. */
  BitSet prefetched() {
    return prefetched;
  }

  FaultLog log() {
    return log;
  }

  long startedNs() {
    return startedNs;
  }

  /** When the last page had been placed; -1 before. */
  long allInNs() {
    return allInNs;
  }
}
