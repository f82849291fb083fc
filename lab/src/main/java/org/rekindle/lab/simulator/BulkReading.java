package org.rekindle.lab.simulator;

import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.restore.BlockBuffer;
import org.rekindle.restore.ClaimBitmap;
import org.rekindle.restore.FetchSequence;
import org.rekindle.restore.QueueDepth;
import org.rekindle.restore.ReadOrder;
import org.rekindle.restore.ReaderLimits;

/**
 * The threads that read and decode in plan order, in virtual time: some read extents as long as
 * there is a free one, another decodes their blocks as long as there is a free buffer.
 */
final class BulkReading {
  private static final class Extent {
    final int end;
    int next; // entry that is to be decoded
    boolean isRead;

    Extent(int first, int end) {
      this.next = first;
      this.end = end;
    }
  }

  private final VirtualTime time;
  private final StoredBytes stored;
  private final FetchSequence sequence;
  private final ClaimBitmap claims;
  private final ReaderLimits limits;
  private final ReadOrder order;
  private final QueueDepth depth;
  private final long decodeNs;
  private final Runnable wakePager;

  private final ArrayDeque<Extent> extents = new ArrayDeque<>(); // in order, read or being read
  private final ArrayDeque<BlockBuffer> free;
  private final ArrayDeque<BlockBuffer> ready = new ArrayDeque<>();
  private int reading;
  private long readsAgainNs = -1;
  private boolean decoding;

  /**
   * @param bulkReads reads at the same time, at most
   * @param decodeNs to decode a page of a block
   */
  BulkReading(
      VirtualTime time,
      StoredBytes stored,
      FetchSequence sequence,
      ClaimBitmap claims,
      ReaderLimits limits,
      int bulkReads,
      long decodeNs,
      Runnable wakePager) {
    this.time = time;
    this.stored = stored;
    this.sequence = sequence;
    this.claims = claims;
    this.limits = limits;
    this.order = new ReadOrder(sequence, claims, limits);
    this.depth = new QueueDepth(bulkReads);
    this.decodeNs = decodeNs;
    this.wakePager = wakePager;
    this.free = new ArrayDeque<>(List.of(BlockBuffer.empty(limits.streamBuffers())));
  }

  void start() {
    read();
  }

  private void read() {
    while (reading < depth.reads()) {
      if (extents.size() >= limits.extents() - 1 + depth.reads() || rests()) {
        depth.heldUp();
        return;
      }
      int first = order.next();
      if (first == ReadOrder.NONE) {
        return;
      }
      int end = order.take(first, _ -> true);
      Extent extent = new Extent(first, end);
      extents.add(extent);
      reading++;
      long doneNs =
          stored.readDirectNs(
              time.getAsLong(),
              sequence.store(first),
              sequence.beginOf(first),
              sequence.endOf(end - 1));
      long beganNs = time.getAsLong();
      long bytes = sequence.endOf(end - 1) - sequence.beginOf(first);
      boolean followedMiss = order.followedMiss();
      int missesBefore = order.missesBefore();
      time.at(
          doneNs,
          () -> {
            order.read(bytes, beganNs, doneNs, followedMiss, missesBefore);
            extent.isRead = true;
            reading--;
            depth.read(bytes, doneNs);
            decode();
            read();
          });
    }
  }

  private boolean rests() {
    long nowNs = time.getAsLong();
    long restNs = order.restNs(nowNs);
    if (restNs > 0 && readsAgainNs <= nowNs) {
      readsAgainNs = nowNs + restNs;
      time.at(readsAgainNs, this::read);
    }
    return restNs > 0;
  }

  private void decode() {
    Extent extent = extents.peek();
    while (!decoding && extent != null && extent.isRead) {
      if (extent.next == extent.end) {
        extents.remove();
        read();
        extent = extents.peek();
      } else if (claims.covers(sequence.store(extent.next), sequence.block(extent.next))) {
        extent.next++;
      } else if (free.isEmpty()) {
        return; // release() goes on
      } else {
        decode(free.remove(), extent.next++);
      }
    }
  }

  private void decode(BlockBuffer into, int entry) {
    PageStore store = sequence.store(entry);
    int block = sequence.block(entry);
    decoding = true;
    time.at(
        time.getAsLong() + decodeNs * store.slots(block),
        () -> {
          into.decoded(store, block);
          into.entry(entry);
          ready.add(into);
          decoding = false;
          wakePager.run();
          decode();
        });
  }

  @Nullable BlockBuffer poll() {
    return ready.poll();
  }

  void release(BlockBuffer buffer) {
    free.add(buffer);
    decode();
  }

  boolean bringsSoon(PageStore store, int block) {
    return order.bringsSoon(store, block);
  }

  ReadOrder order() {
    return order;
  }
}
