package org.rekindle.restore;

import java.util.Arrays;
import java.util.function.IntPredicate;
import org.rekindle.image.PageStore;

/** Everything that a plan fetches in bulk, under one index: first the prefetch, then the fill. */
@SuppressWarnings("ReferenceEquality") // a store is an identity, not a value
public final class FetchSequence {
  private static final int ALIGNMENT = 4096;

  private final BlockSequence prefetch;
  private final BlockSequence fill;
  private final int[] prefetchIndex; // by block of the prefetch's store; -1 if it is not fetched
  private final int[] fillIndex;
  private final boolean followsMisses;
  private final boolean prefetchIsOrdered;

  FetchSequence(
      BlockSequence prefetch,
      BlockSequence fill,
      boolean followsMisses,
      boolean prefetchIsOrdered) {
    this.prefetch = prefetch;
    this.fill = fill;
    this.followsMisses = followsMisses;
    this.prefetchIsOrdered = prefetchIsOrdered;
    this.prefetchIndex = inverse(prefetch, 0);
    this.fillIndex = inverse(fill, prefetch.size());
  }

  /** What a plan fetches of an image in bulk. */
  public static FetchSequence of(Plan plan, PageStore base) {
    BlockSequence fill =
        switch (plan.fill()) {
          case Plan.Fill.None _ -> BlockSequence.none(base);
          case Plan.Fill.Linear _ -> BlockSequence.ascending(base);
          case Plan.Fill.FullSpeed _, Plan.Fill.FollowMisses _ -> BlockSequence.all(base);
        };
    return plan.fill() instanceof Plan.Fill.FollowMisses(var set, _)
        ? new FetchSequence(plan.prefetch(), fill, true, set == null || set.tellsTimes())
        : new FetchSequence(plan.prefetch(), fill, false, true);
  }

  private static int[] inverse(BlockSequence sequence, int firstIndex) {
    int[] index = new int[sequence.store().blocks()];
    Arrays.fill(index, -1);
    for (int i = 0; i < sequence.size(); i++) {
      index[sequence.block(i)] = firstIndex + i;
    }
    return index;
  }

  public int size() {
    return prefetch.size() + fill.size();
  }

  public PageStore store(int index) {
    return index < prefetch.size() ? prefetch.store() : fill.store();
  }

  public int block(int index) {
    return index < prefetch.size() ? prefetch.block(index) : fill.block(index - prefetch.size());
  }

  public boolean isPrefetch(int index) {
    return index < prefetch.size();
  }

  /** Whether the fill goes on where the guest misses something, see {@link ReadOrder}. */
  boolean followsMisses() {
    return followsMisses;
  }

  /** Whether the prefetch comes in the order in which the guest wants it, as far as is known. */
  boolean prefetchIsOrdered() {
    return prefetchIsOrdered;
  }

  /** Whether reading goes on from this entry whatever is missed. */
  boolean staysHere(int index) {
    return !followsMisses || isPrefetch(index);
  }

  /** The first entry of the fill. */
  int fillBegin() {
    return prefetch.size();
  }

  /** What the prefetch has to read. */
  long prefetchBytes() {
    return bytes(prefetch);
  }

  /** What the fill has to read. */
  long fillBytes() {
    return bytes(fill);
  }

  private static long bytes(BlockSequence blocks) {
    long bytes = 0;
    for (int i = 0; i < blocks.size(); i++) {
      bytes += blocks.store().storedBytes(blocks.block(i));
    }
    return bytes;
  }

  /** Whether a block is fetched before the fill. */
  boolean prefetches(PageStore store, int block) {
    return store == prefetch.store() && prefetchIndex[block] >= 0;
  }

  /** Where a block is first fetched, or -1. */
  int indexOf(PageStore store, int block) {
    if (prefetches(store, block)) {
      return prefetchIndex[block];
    }
    return store == fill.store() ? fillIndex[block] : -1;
  }

  /**
   * The entry after the extent that begins with entry {@code first}: neighbours in the file, and
   * what lies between them where the gap is small. An extent ends before so many bytes, and before
   * an entry that is needed but may not join.
   *
   * @param gapBytes that are read over rather than skipped
   * @param mayJoin asked in order, for each entry that lies near enough and is needed
   */
  int extentEnd(
      int first, ClaimBitmap claims, int extentBytes, int gapBytes, IntPredicate mayJoin) {
    PageStore store = store(first);
    long begin = beginOf(first);
    long end = endOf(first);
    int next = first + 1;
    for (int i = next; i < size() && store(i) == store; i++) {
      long offset = store.offset(block(i));
      if (offset < end || offset - end > gapBytes || endOf(i) - begin > extentBytes) {
        break;
      }
      if (!claims.covers(store, block(i))) {
        if (!mayJoin.test(i)) {
          break;
        }
        end = endOf(i);
        next = i + 1;
      }
    }
    return next;
  }

  /** Where the read of an extent begins that begins with this entry: aligned for direct reads. */
  public long beginOf(int index) {
    return store(index).offset(block(index)) & -ALIGNMENT;
  }

  /** Where an entry ends in its file. */
  public long endOf(int index) {
    PageStore store = store(index);
    return store.offset(block(index)) + store.storedBytes(block(index));
  }

  int maxSlots() {
    return Math.max(prefetch.store().maxSlots(), fill.store().maxSlots());
  }

  int maxStoredBytes() {
    return Math.max(prefetch.store().maxStoredBytes(), fill.store().maxStoredBytes());
  }
}
