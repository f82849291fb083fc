package org.rekindle.restore;

import java.util.Arrays;
import org.rekindle.image.PageStore;

/** Everything that a plan fetches in bulk, under one index: first the prefetch, then the fill. */
@SuppressWarnings("ReferenceEquality") // a store is an identity, not a value
final class FetchSequence {
  private final BlockSequence prefetch;
  private final BlockSequence fill;
  private final int[] prefetchIndex; // by block of the prefetch's store; -1 if it is not fetched
  private final int[] fillIndex;

  FetchSequence(BlockSequence prefetch, BlockSequence fill) {
    this.prefetch = prefetch;
    this.fill = fill;
    this.prefetchIndex = inverse(prefetch, 0);
    this.fillIndex = inverse(fill, prefetch.size());
  }

  private static int[] inverse(BlockSequence sequence, int firstIndex) {
    int[] index = new int[sequence.store().blocks()];
    Arrays.fill(index, -1);
    for (int i = 0; i < sequence.size(); i++) {
      index[sequence.block(i)] = firstIndex + i;
    }
    return index;
  }

  int size() {
    return prefetch.size() + fill.size();
  }

  PageStore store(int index) {
    return index < prefetch.size() ? prefetch.store() : fill.store();
  }

  int block(int index) {
    return index < prefetch.size() ? prefetch.block(index) : fill.block(index - prefetch.size());
  }

  boolean isPrefetch(int index) {
    return index < prefetch.size();
  }

  /** Where a block is first fetched, or -1. */
  int indexOf(PageStore store, int block) {
    if (store == prefetch.store() && prefetchIndex[block] >= 0) {
      return prefetchIndex[block];
    }
    return store == fill.store() ? fillIndex[block] : -1;
  }

  int maxSlots() {
    return Math.max(prefetch.store().maxSlots(), fill.store().maxSlots());
  }

  int maxStoredBytes() {
    return Math.max(prefetch.store().maxStoredBytes(), fill.store().maxStoredBytes());
  }
}
