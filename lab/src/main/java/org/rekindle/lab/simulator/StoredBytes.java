package org.rekindle.lab.simulator;

import java.util.BitSet;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;

/**
 * The files of an image on a device, one behind the other, and what of them is in the page cache.
 */
final class StoredBytes {
  private static final int ALIGNMENT = MemoryMap.PAGE_BYTES;

  private final Device device;
  private final IdentityHashMap<PageStore, Long> address = new IdentityHashMap<>();
  private final IdentityHashMap<PageStore, BitSet> cached = new IdentityHashMap<>();
  private long bytesRead;
  private long reads;

  StoredBytes(Device device, PageStore base, @Nullable PageStore hot) {
    this.device = device;
    address.put(base, 0L);
    cached.put(base, new BitSet());
    if (hot != null) {
      address.put(hot, aligned(fileBytes(base)));
      cached.put(hot, new BitSet());
    }
  }

  private static long fileBytes(PageStore store) {
    int last = store.blocks() - 1;
    return last < 0 ? 0 : store.offset(last) + store.storedBytes(last);
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
  }

  /** Reads around the page cache; returns when it is done. */
  long readDirectNs(long nowNs, PageStore store, long begin, long end) {
    return readNs(nowNs, store, begin & -ALIGNMENT, end);
  }

  /** Whether a block is in the page cache. */
  boolean isCached(PageStore store, int block) {
    int last = lastPage(store, block);
    return cachedPages(store).nextClearBit(firstPage(store, block)) > last;
  }

  /** Reads a block that is in the page cache. */
  void readCached(PageStore store, int block) {
    bytesRead += store.storedBytes(block);
    reads++;
  }

  /** Reads a block into the page cache; returns when it is done. */
  long readBufferedNs(long nowNs, PageStore store, int block) {
    cachedPages(store).set(firstPage(store, block), lastPage(store, block) + 1);
    long begin = (long) firstPage(store, block) * ALIGNMENT;
    return readNs(nowNs, store, begin, store.offset(block) + store.storedBytes(block));
  }

  private long readNs(long nowNs, PageStore store, long begin, long end) {
    long bytes = aligned(end) - begin;
    bytesRead += bytes;
    reads++;
    return device.readNs(nowNs, addressOf(store) + begin, bytes);
  }

  private static int firstPage(PageStore store, int block) {
    return (int) (store.offset(block) / ALIGNMENT);
  }

  private static int lastPage(PageStore store, int block) {
    return (int) ((store.offset(block) + store.storedBytes(block) - 1) / ALIGNMENT);
  }

  private long addressOf(PageStore store) {
    Long first = address.get(store);
    if (first == null) {
      throw new IllegalArgumentException("not a store of this restore: " + store.file());
    }
    return first;
  }

  private BitSet cachedPages(PageStore store) {
    BitSet pages = cached.get(store);
    if (pages == null) {
      throw new IllegalArgumentException("not a store of this restore: " + store.file());
    }
    return pages;
  }

  long bytesRead() {
    return bytesRead;
  }

  long reads() {
    return reads;
  }
}
