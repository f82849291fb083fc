package org.rekindle.lab.simulator;

import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.restore.BlockBuffer;
import org.rekindle.restore.BlockSource;
import org.rekindle.restore.ReaderLimits;

/** Blocks without contents, that take as long to come as a device would take to read them. */
final class SimulatedSource implements BlockSource {
  private final VirtualTime time;
  private final StoredBytes stored;
  private final ReaderLimits limits;
  private final HostCosts costs;
  private final BulkReading bulk;
  private final DemandReading demand;

  SimulatedSource(
      VirtualTime time,
      StoredBytes stored,
      ReaderLimits limits,
      HostCosts costs,
      BulkReading bulk,
      DemandReading demand) {
    this.time = time;
    this.stored = stored;
    this.limits = limits;
    this.costs = costs;
    this.bulk = bulk;
    this.demand = demand;
  }

  @Override
  public ReaderLimits limits() {
    return limits;
  }

  @Override
  public BlockBuffer[] demandBuffers() {
    return BlockBuffer.empty(limits.demandBuffers());
  }

  @Override
  public void start() {
    bulk.start();
  }

  @Override
  public @Nullable BlockBuffer poll() {
    return bulk.poll();
  }

  @Override
  public void release(BlockBuffer buffer) {
    bulk.release(buffer);
  }

  @Override
  public boolean bringsSoon(PageStore store, int block) {
    return bulk.bringsSoon(store, block);
  }

  /** False: no other restore runs beside this one. */
  @Override
  public boolean isDecoded(PageStore store, int block) {
    return false;
  }

  @Override
  public boolean fetchAtHand(PageStore store, int block, BlockBuffer into) {
    if (!stored.isCached(store, block)) {
      return false;
    }
    stored.readCached(store, block);
    time.advanceTo(time.getAsLong() + costs.cachedReadNs() + costs.decodeNs() * store.slots(block));
    into.decoded(store, block);
    return true;
  }

  @Override
  public double inOneGoNs() {
    return bulk.order().inOneGoNs();
  }

  @Override
  public void readInOneGo() {
    bulk.order().readInOneGo();
  }

  @Override
  public void request(BlockBuffer buffer) {
    bulk.order().missed(buffer.store(), buffer.block());
    demand.request(buffer);
  }

  @Override
  public @Nullable BlockBuffer pollRequested() {
    return demand.poll();
  }

  @Override
  public long bytesRead() {
    return stored.bytesRead();
  }

  @Override
  public long reads() {
    return stored.reads();
  }

  @Override
  public void close() {}
}
