package org.rekindle.lab.simulator;

import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Layout;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageStore;
import org.rekindle.image.Region;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.GapClosing;
import org.rekindle.workingset.Profile;

/**
 * What a plan has to know of an image: where which page lies.
 *
 * @param memory of the guest
 * @param base every page that is not zero
 * @param hot the profile's pages in its order, stored a second time
 * @param profile the working set
 */
public record ImageLayout(
    MemoryMap memory, PageStore base, @Nullable PageStore hot, @Nullable Profile profile) {

  /** The layout of an image that exists. */
  public static ImageLayout of(Image image) {
    return new ImageLayout(
        image.memory(), image.base(), image.hot().orElse(null), image.profile().orElse(null));
  }

  /** The layout of an image of which that is kept. */
  public static ImageLayout of(Layout layout) {
    return new ImageLayout(layout.memory(), layout.base(), layout.hot(), layout.profile());
  }

  /**
   * The layout that the image writer would make.
   *
   * @param zero the guest's pages of zeros
   * @param storedShare what compression leaves of a page
   */
  public static ImageLayout written(int guestPages, BitSet zero, double storedShare) {
    int[] order = IntStream.range(0, guestPages).filter(page -> !zero.get(page)).toArray();
    return of(
        guestPages,
        new LaidOutStore(
            "base", guestPages, order, ImageWriter.Options.DEFAULT.blockPages(), storedShare));
  }

  /** The layout of an image that has this base store only. */
  public static ImageLayout of(int guestPages, PageStore base) {
    MemoryMap memory =
        new MemoryMap(
            List.of(
                new Region("ram", (long) guestPages * MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES)));
    return new ImageLayout(memory, base, null, null);
  }

  /**
   * The same with a profile, and its pages in its order, with its small gaps, in a hot store as
   * {@code Image.attach} would make it.
   */
  public ImageLayout with(Profile attached, double storedShare) {
    return with(
        attached, GapClosing.close(attached), storedShare, ImageWriter.Options.HOT.blockPages());
  }

  /** The same without the gaps, in blocks of another size. */
  public ImageLayout with(Profile attached, double storedShare, int blockPages) {
    return with(attached, attached.pages(), storedShare, blockPages);
  }

  private ImageLayout with(Profile attached, int[] hotOrder, double storedShare, int blockPages) {
    int[] stored = IntStream.of(hotOrder).filter(page -> base.blockOf(page) >= 0).toArray();
    return new ImageLayout(
        memory,
        base,
        new LaidOutStore("hot", memory.pages(), stored, blockPages, storedShare),
        attached);
  }

  /** What the production planner plans for it. */
  public Plan plan(Strategy strategy, Strategy.Options options) {
    return strategy.plan(base, hot, profile, options);
  }
}
