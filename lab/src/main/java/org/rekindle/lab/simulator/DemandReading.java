package org.rekindle.lab.simulator;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;
import org.rekindle.restore.BlockBuffer;

/**
 * The threads that read single blocks which the guest waits for, in virtual time: each takes the
 * requests that were given to it one after the other.
 */
final class DemandReading {
  private static final class Reader {
    final ArrayDeque<BlockBuffer> requests = new ArrayDeque<>();
    final ArrayDeque<BlockBuffer> done = new ArrayDeque<>();
    boolean busy;
    int inFlight; // requests not yet taken back
  }

  private final VirtualTime time;
  private final StoredBytes stored;
  private final HostCosts costs;
  private final Runnable wakePager;
  private final Reader[] readers;

  DemandReading(
      VirtualTime time, StoredBytes stored, int readers, HostCosts costs, Runnable wakePager) {
    this.time = time;
    this.stored = stored;
    this.costs = costs;
    this.wakePager = wakePager;
    this.readers = new Reader[readers];
    for (int i = 0; i < readers; i++) {
      this.readers[i] = new Reader();
    }
  }

  void request(BlockBuffer buffer) {
    Reader least = readers[0];
    for (Reader reader : readers) {
      if (reader.inFlight < least.inFlight) {
        least = reader;
      }
    }
    least.inFlight++;
    least.requests.add(buffer);
    serve(least);
  }

  private void serve(Reader reader) {
    BlockBuffer buffer = reader.busy ? null : reader.requests.poll();
    if (buffer == null) {
      return;
    }
    reader.busy = true;
    PageStore store = buffer.store();
    int block = buffer.block();
    long decodedInNs = costs.decodeNs() * store.slots(block);
    time.at(
        readNs(store, block) + decodedInNs,
        () -> {
          buffer.decoded(store, block);
          reader.done.add(buffer);
          reader.busy = false;
          wakePager.run();
          serve(reader);
        });
  }

  private long readNs(PageStore store, int block) {
    if (stored.isCached(store, block)) {
      stored.readCached(store, block);
      return time.getAsLong() + costs.cachedReadNs();
    }
    return stored.readBufferedNs(time.getAsLong(), store, block);
  }

  @Nullable BlockBuffer poll() {
    for (Reader reader : readers) {
      BlockBuffer buffer = reader.done.poll();
      if (buffer != null) {
        reader.inFlight--;
        return buffer;
      }
    }
    return null;
  }
}
