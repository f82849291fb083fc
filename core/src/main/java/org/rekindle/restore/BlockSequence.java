package org.rekindle.restore;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.rekindle.image.PageStore;

/** Blocks of one store in the order in which they are to be fetched. */
public final class BlockSequence {
  private final PageStore store;
  private final int[] blocks;

  private BlockSequence(PageStore store, int[] blocks) {
    this.store = store;
    this.blocks = blocks;
  }

  /** No blocks. */
  public static BlockSequence none(PageStore store) {
    return new BlockSequence(store, new int[0]);
  }

  /** All blocks of a store as they lie in its file. */
  public static BlockSequence all(PageStore store) {
    return first(store, store.blocks());
  }

  /**
   * All blocks of a store in the order of the first page that each holds: as they lie in the file,
   * unless that was laid out anew.
   */
  static BlockSequence ascending(PageStore store) {
    int[] blocks =
        IntStream.range(0, store.blocks())
            .boxed()
            .sorted(
                Comparator.comparingInt(
                    block -> store.pagesServed(block) == 0 ? -1 : store.servedPage(block, 0)))
            .mapToInt(Integer::intValue)
            .toArray();
    return new BlockSequence(store, blocks);
  }

  /** The first {@code count} blocks of a store as they lie in its file. */
  public static BlockSequence first(PageStore store, int count) {
    int[] blocks = new int[Math.min(count, store.blocks())];
    Arrays.setAll(blocks, i -> i);
    return new BlockSequence(store, blocks);
  }

  public PageStore store() {
    return store;
  }

  public int size() {
    return blocks.length;
  }

  int block(int index) {
    return blocks[index];
  }
}
