package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.function.LongSupplier;
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

  private final Guest guest;
  private final PageStore base;
  private final Plan plan;
  private final ClaimBitmap claims;
  private final FetchSequence sequence;
  private final BlockSource source;
  private final LongSupplier nanoClock;
  private final FaultTable faults = new FaultTable();
  private final FaultLog log = new FaultLog();
  private final Tally tally;
  private final BitSet prefetched; // sized at once: setting a bit allocates nothing

  /** Pages that the guest gave back: they read as zeros, whatever the image has. */
  private final BitSet removed;

  /**
   * Blocks that the stream has brought and that are not all placed yet; their order is the plan's.
   */
  private final BufferQueue arrived;

  /** Blocks that were read on demand and whose other pages are still to be placed. */
  private final BufferQueue neighbours;

  /** Buffers that a demand reader is filling. */
  private final BufferQueue requested;

  private final BufferQueue demandBuffers;

  private final MissForecast forecast;
  private final boolean followsMisses;
  private final boolean prefetchIsLong; // as long as reading all in one go, if misses are served
  private int missesInFlight; // reads that are made for somebody who waits
  private boolean missed; // the fault that is looked at now is read for
  private boolean running;
  private boolean gone;
  private boolean finishing;
  private final DutyCycle dutyCycle = new DutyCycle(); // while the guest runs
  private long startedNs = -1;
  private long allInNs = -1;
  private int zeroFirstNext;
  private int zeroNext; // every page below this is stored, or has been placed

  Pager(
      Guest guest,
      PageStore base,
      Plan plan,
      ClaimBitmap claims,
      FetchSequence sequence,
      BlockSource source,
      LongSupplier nanoClock,
      Tally tally) {
    this.guest = guest;
    this.base = base;
    this.plan = plan;
    this.claims = claims;
    this.sequence = sequence;
    this.source = source;
    this.nanoClock = nanoClock;
    this.tally = tally;
    this.prefetched = new BitSet(guest.memory().pages());
    this.removed = new BitSet(guest.memory().pages());
    if (plan.fill() instanceof Plan.Fill.FollowMisses(var profile, var target)) {
      this.forecast = new MissForecast(profile, target);
      this.followsMisses = true;
    } else {
      this.forecast = new MissForecast(null, TtrTarget.DEFAULT);
      this.followsMisses = false;
    }
    this.prefetchIsLong = sequence.prefetchBytes() > MissForecast.FILL_SHARE * sequence.fillBytes();
    ReaderLimits limits = source.limits();
    this.arrived = new BufferQueue(limits.streamBuffers());
    this.neighbours = new BufferQueue(limits.demandBuffers());
    this.requested = new BufferQueue(limits.demandBuffers());
    this.demandBuffers = new BufferQueue(limits.demandBuffers());
    for (BlockBuffer buffer : source.demandBuffers()) {
      demandBuffers.add(buffer);
    }
  }

  /** One cycle; false if there was nothing to do. */
  boolean doWork() throws IOException {
    int claimedBefore = claims.claimed();
    int faultsBefore = faults.size();
    boolean startedNow = start();
    look();
    if (!guest.drainFaults(this)) {
      gone = true;
      return false;
    }
    serveNewFaults();
    takeDemandReads();
    takeStream();
    if (guest.placesAtOnce()) {
      flush();
    }
    boolean wasReady = guest.ready();
    int room = wasReady ? placeNeighbours(guest.batchPages()) : 0;
    if (faults.anyPlaced()) {
      flush(); // what the guest waits for goes with its neighbours, and before the rest of the
      // batch
    }
    boolean placedBatch = wasReady && placeBatch(room) < guest.batchPages();
    flush();
    boolean roomAgain = !wasReady && guest.ready();
    boolean finishedNow = finish();
    return startedNow
        || finishedNow
        || placedBatch
        || roomAgain
        || claims.claimed() != claimedBefore
        || faults.size() != faultsBefore;
  }

  private void look() {
    if (running) {
      dutyCycle.looks(nanoClock.getAsLong());
    }
  }

  private void flush() throws IOException {
    // Before, not after: on a busy machine the VMM runs in our place as soon as it has the bytes.
    long flushNs = nanoClock.getAsLong();
    boolean waited = faults.size() > 0;
    if (guest.flush()) {
      faults.served(flushNs, log);
    } else if (guest.demandedAreOut()) {
      faults.demandedServed(flushNs, log);
    }
    if (waited && faults.size() == 0) {
      forecast.runs(flushNs);
    }
  }

  /** Waits until there may be something to do. */
  void idle(long atMostNs) throws IOException {
    guest.await(Math.min(atMostNs, paceNs()));
    dutyCycle.resumes(nanoClock.getAsLong());
  }

  @Override
  public void fault(int page, int pages, long arrivalNs, int vcpu, boolean write) {
    int missing = 0;
    for (int i = page; i < page + pages; i++) {
      if (!claims.isClaimed(i)) {
        missing++;
      }
    }
    if (faults.size() == 0) {
      forecast.waits(arrivalNs);
    }
    faults.add(page, pages, missing, arrivalNs, vcpu, write);
    if (missing == 0 && !removed.get(page)) {
      faults.settle(faults.size() - 1, Cause.LATE);
    }
  }

  @Override
  public void removed(int page, int pages) {
    for (int i = page; i < page + pages; i++) {
      removed.set(i);
      if (claims.claim(i)) {
        tally.placed(Cause.REMOVED, true, 1);
      }
    }
    faults.removed(page, pages);
  }

  private void serveNewFaults() throws IOException {
    for (int i = 0; i < faults.size(); i++) {
      if (faults.isNew(i)) {
        faults.waiting(i);
        if (removed.get(faults.page(i))) {
          giveZeros(i);
        } else if (!serve(faults.page(i), faults.pages(i))) {
          faults.again(i);
          return;
        } else if (missed) {
          missed();
        }
      }
    }
  }

  /** Answers a fault on a page that the guest gave back before. */
  private void giveZeros(int fault) throws IOException {
    int page = faults.page(fault);
    int end = page + faults.pages(fault);
    faults.settle(fault, Cause.DEMAND_ZERO);
    faults.placed(page, end - page, Cause.DEMAND_ZERO); // others that wait for the same
    while (page < end && !gone) {
      page += placeNow(page, end - page, null, 0, true);
    }
  }

  /**
   * Places the pages that the guest waits for, or sees to it that they come; false if some cannot
   * be asked for now.
   */
  private boolean serve(int first, int pages) throws IOException {
    for (int page = first; page < first + pages; page++) {
      if (!claims.isClaimed(page) && !serve(page)) {
        return false;
      }
    }
    return true;
  }

  private boolean serve(int page) throws IOException {
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
    if (!source.isDecoded(store, block) && !streamIsPaced() && source.bringsSoon(store, block)) {
      return true;
    }
    if (requested.find(store, block) != null) {
      return true;
    }
    BlockBuffer buffer = demandBuffers.pollLast();
    if (buffer == null) {
      return false;
    }
    if (source.fetchAtHand(store, block, buffer)) {
      arrivedOnDemand(buffer);
    } else {
      buffer.hold(store, block);
      source.request(buffer);
      requested.add(buffer);
      if (isMiss(store, block)) {
        missed = true;
        if (missesInFlight++ == 0) {
          forecast.reads(nanoClock.getAsLong());
        }
      }
    }
    return true;
  }

  /** Whether a read speaks against serving misses, or only for a guest ahead of its prefetch. */
  private boolean isMiss(PageStore store, int block) {
    return prefetchIsLong || !sequence.prefetches(store, block);
  }

  /** Gives up serving misses if the guest is better off when all is read in one go. */
  private void missed() {
    missed = false;
    if (forecast.missed()
        && followsMisses
        && forecast.givesUp(source.inOneGoNs(), nanoClock.getAsLong())) {
      source.readInOneGo();
    }
  }

  /**
   * Whether what the stream brings may have to wait: until a slow fill has come to it, or until the
   * guest takes it.
   */
  private boolean streamIsPaced() {
    return guest.takesDemandOnly() || (running && fillLimit() < guest.memory().pages());
  }

  private @Nullable BlockBuffer decoded(PageStore store, int block) {
    BlockBuffer buffer = arrived.find(store, block);
    return buffer != null ? buffer : neighbours.find(store, block);
  }

  private void takeDemandReads() throws IOException {
    for (BlockBuffer buffer = source.pollRequested();
        buffer != null;
        buffer = source.pollRequested()) {
      requested.remove(buffer);
      if (isMiss(buffer.store(), buffer.block) && --missesInFlight == 0) {
        forecast.served(nanoClock.getAsLong());
      }
      arrivedOnDemand(buffer);
    }
  }

  private void arrivedOnDemand(BlockBuffer buffer) throws IOException {
    placeAwaited(buffer);
    if (plan.miss() == Plan.Miss.BLOCK && !guest.takesDemandOnly()) {
      neighbours.add(buffer);
    } else {
      release(buffer);
    }
  }

  private void release(BlockBuffer buffer) {
    buffer.release();
    demandBuffers.add(buffer);
  }

  private void takeStream() throws IOException {
    for (BlockBuffer buffer = source.poll(); buffer != null; buffer = source.poll()) {
      placeAwaited(buffer);
      arrived.add(buffer);
    }
  }

  /** Places those pages of a block that the guest waits for. */
  private void placeAwaited(BlockBuffer buffer) throws IOException {
    PageStore store = buffer.store();
    for (int i = 0; i < faults.size(); i++) {
      int first = faults.page(i);
      if (faults.isAwaited(i) && faults.pages(i) > 1) {
        placeShare(buffer, first, first + faults.pages(i));
      } else if (faults.isAwaited(i) && store.blockOf(first) == buffer.block) {
        place(first, buffer.raw, buffer.offsetOf(first), Cause.DEMAND);
      }
    }
  }

  /** Places what a block has of the pages from {@code first} to before {@code end}. */
  private void placeShare(BlockBuffer buffer, int first, int end) throws IOException {
    PageStore store = buffer.store();
    for (int k = 0; k < store.pagesServed(buffer.block); k++) {
      int page = store.servedPage(buffer.block, k);
      if (page >= first && page < end) {
        place(page, buffer.raw, buffer.offsetOf(page), Cause.DEMAND);
      }
    }
  }

  /** Places one batch of pages that nobody waits for, and says how much room is left. */
  private int placeBatch(int most) throws IOException {
    int limit = fillLimit();
    int room = placeZeroFirst(most);
    while (room > 0) {
      BlockBuffer next = arrived.peek();
      if (next == null || !mayPlace(next, limit)) {
        break;
      }
      room = placeFrom(next, room, isPrefetch(next) ? Cause.PREFETCH : Cause.FILL);
      if (isEmptied(next)) {
        arrived.poll();
        source.release(next);
      }
    }
    return placeZeros(room, limit);
  }

  /** Places what came with the blocks of demanded pages, and says how much room is left. */
  private int placeNeighbours(int most) throws IOException {
    int room = most;
    for (BlockBuffer next = neighbours.peek(); next != null && room > 0; next = neighbours.peek()) {
      room = placeFrom(next, room, Cause.NEIGHBOUR);
      if (isEmptied(next)) {
        neighbours.poll();
        release(next);
      }
    }
    return room;
  }

  private boolean mayPlace(BlockBuffer buffer, int limit) {
    return isPrefetch(buffer) || buffer.store().servedPage(buffer.block, 0) < limit;
  }

  private boolean isPrefetch(BlockBuffer buffer) {
    return sequence.isPrefetch(buffer.entry());
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
        int end = page + 1;
        while (end - page < left && !isEmptied(buffer) && follows(buffer, page, end)) {
          buffer.next++;
          end++;
        }
        place(page, end - page, buffer.raw, buffer.offsetOf(page), cause);
        left -= end - page;
      }
    }
    return left;
  }

  /** Whether the next page of a block is {@code end}, unclaimed, in a run that began at a page. */
  private boolean follows(BlockBuffer buffer, int page, int end) {
    PageStore store = buffer.store();
    return store.servedPage(buffer.block, buffer.next) == end
        && store.slotOf(end) == store.slotOf(page) + (end - page)
        && !claims.isClaimed(end);
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
      if (isZeroAndMissing(page)) {
        while (zeroNext - page < left && zeroNext < limit && isZeroAndMissing(zeroNext)) {
          zeroNext++;
        }
        place(page, zeroNext - page, null, 0, Cause.ZERO);
        left -= zeroNext - page;
      }
    }
    return left;
  }

  private boolean isZeroAndMissing(int page) {
    return base.blockOf(page) < 0 && !claims.isClaimed(page);
  }

  /** The page that a linear fill has come to by now; all pages if it is not paced. */
  private int fillLimit() {
    return switch (plan.fill()) {
      case Plan.Fill.FullSpeed(long afterNs) ->
          afterNs == 0 || (running && nanoClock.getAsLong() - startedNs >= afterNs)
              ? guest.memory().pages()
              : 0;
      case Plan.Fill.FollowMisses _ -> guest.memory().pages();
      case Plan.Fill.None _ -> 0;
      case Plan.Fill.Linear(int pagesPerSecond) ->
          running
              ? (int)
                  Math.min(
                      guest.memory().pages(),
                      (nanoClock.getAsLong() - startedNs) / 1e9 * pagesPerSecond)
              : 0;
    };
  }

  /** How long an idle pager may wait before a paced fill has something to do. */
  private long paceNs() {
    if (claims.complete()) {
      return Long.MAX_VALUE;
    }
    return switch (plan.fill()) {
      case Plan.Fill.Linear(int pagesPerSecond) ->
          Math.max(1_000_000, 16_000_000_000L / pagesPerSecond);
      case Plan.Fill.FullSpeed(long afterNs) when running && fillLimit() == 0 ->
          Math.max(1_000_000, startedNs + afterNs - nanoClock.getAsLong());
      default -> Long.MAX_VALUE;
    };
  }

  private void place(int page, @Nullable MemorySegment data, long offset, Cause cause)
      throws IOException {
    if (!claims.isClaimed(page)) {
      place(page, 1, data, offset, cause);
    }
  }

  /** Places a run of pages of which none is claimed yet. */
  private void place(int page, int pages, @Nullable MemorySegment data, long offset, Cause cause)
      throws IOException {
    for (int i = page; i < page + pages; i++) {
      claims.claim(i);
    }
    boolean demanded = cause == Cause.DEMAND || cause == Cause.DEMAND_ZERO;
    faults.placed(page, pages, demanded ? cause : Cause.LATE); // as of the next flush
    int settled = 0;
    while (settled < pages && !gone) {
      // The guest may have given some of them back while its events were drained.
      int lost = removed.nextSetBit(page + settled);
      int end = lost < 0 ? pages : Math.min(pages, lost - page);
      settled +=
          end > settled
              ? placeNow(
                  page + settled,
                  end - settled,
                  data,
                  offset + (long) settled * MemoryMap.PAGE_BYTES,
                  demanded)
              : 1;
    }
    tally.placed(cause, data == null, pages);
    if (cause == Cause.PREFETCH) {
      prefetched.set(page, page + pages);
    }
  }

  /** Places what can be placed of a run; makes room for the next attempt if that is nothing. */
  private int placeNow(
      int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    int settled = guest.place(page, pages, data, offset, demanded);
    if (settled == 0) {
      guest.flush(); // room comes from what was placed before,
      gone |= !guest.drainFaults(this); // a quiet address space from reading its events
    }
    return settled;
  }

  /** Starts the guest when the plan says so. */
  private boolean start() throws IOException {
    if (running || !mayStart()) {
      return false;
    }
    startedNs =
        nanoClock.getAsLong(); // before: it may run its first instruction while it is told to
    guest.start();
    running = true;
    forecast.runs(startedNs);
    dutyCycle.resumes(nanoClock.getAsLong());
    return true;
  }

  /** Ends the restore when every page is in and every fault answered. */
  private boolean finish() throws IOException {
    if (!running || finishing || gone || !claims.complete() || faults.size() > 0) {
      return false;
    }
    allInNs = nanoClock.getAsLong();
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

  /** Why everything is read in one go; null if it is not. */
  Outcome.@Nullable InOneGo inOneGo() {
    return forecast.inOneGo();
  }

  FaultLog log() {
    return log;
  }

  DutyCycle dutyCycle() {
    return dutyCycle;
  }

  long startedNs() {
    return startedNs;
  }

  /** When the last page had been placed; -1 before. */
  long allInNs() {
    return allInNs;
  }
}
