package org.rekindle.lab.bench;

import java.util.Arrays;
import org.rekindle.image.Image;
import org.rekindle.image.PageStore;
import org.rekindle.restore.BlockSequence;
import org.rekindle.restore.PageList;
import org.rekindle.restore.Plan;

/** What others do, as plans for our pager: their orders and rules, not their code. */
final class RivalPlans {
  /*
   * A plan for the one pager is the fairest comparison of ideas that there is: same image, same
   * reads, same decoder, same guest; only order, start and fill differ. It is also a kind one, for
   * all of them get our locality blocks, our compressed hot copy and our overtaking of bulk reads by
   * demand. What they lose by their own implementations is not counted.
   *
   * POSTCOPY, linear. QEMU's fast snapshot load (docs/devel/migration/fast-snapshot-load.rst: postcopy
   * from a mapped-ram file) and Cloud Hypervisor's on-demand restore (2026): the guest starts at once,
   * faults are answered page by page, and a thread walks linearly through memory at full speed. No
   * working set. It is robust and knows nothing: on a disk the bytes that the guest wants next come,
   * on average, half an image later.
   *
   * REAP (Ustiugov et al., "Benchmarking, Analysis, and Optimization of Serverless Function Snapshots",
   * ASPLOS 2021): the pages of the first invocation lie in one file and are read and installed as a
   * whole, then the guest runs, and misses are served on demand. No fill: the rest comes when it is
   * asked for. Order inside the set does not matter to who waits for all of it. To come to an end
   * here, the rest is brought at full speed after the guest has run for FILL_AFTER_NS.
   *
   * FaaSnap (Ao, Porter, Voelker, "FaaSnap: FaaS Made Fast Using Snapshot-based VMs", EuroSys 2022):
   * the guest starts at once while a daemon reads the loading set, which lies in groups of GROUP_PAGES
   * in the order of access, and inside a group by address. No start rule, so a guest that is faster
   * than the device stalls at the front of the prefetch; misses are the page cache's. Left out, to its
   * favour: merging regions over gaps of up to 32 pages, which would read most of a scattered set's
   * neighbourhood. As REAP it has no fill.
   */

  /** FaaSnap looks at mincore each time the resident set has grown by so many pages. */
  static final int GROUP_PAGES = 1024;

  /** By then every guest here has walked through its working set several times. */
  static final long FILL_AFTER_NS = 15_000_000_000L;

  private RivalPlans() {}

  static Plan postcopyLinear(Image image) {
    return new Plan(
        "postcopy, linear",
        BlockSequence.none(image.base()),
        PageList.NONE,
        new Plan.Start.Immediately(),
        Plan.Miss.PAGE,
        new Plan.Fill.FullSpeed(0),
        null);
  }

  static Plan reap(Image image) {
    return fromSet("REAP's order", image, new Plan.Start.AfterPrefetch());
  }

  static Plan faasnap(Image image) {
    return fromSet("FaaSnap's order", image, new Plan.Start.Immediately());
  }

  private static Plan fromSet(String name, Image image, Plan.Start start) {
    PageStore hot = image.hot().orElseThrow();
    return new Plan(
        name,
        BlockSequence.all(hot),
        zeros(image),
        start,
        Plan.Miss.PAGE,
        new Plan.Fill.FullSpeed(FILL_AFTER_NS),
        hot);
  }

  /** Pages of zeros in the set: both map them without reading. */
  private static PageList zeros(Image image) {
    PageStore base = image.base();
    return new PageList(
        Arrays.stream(image.profile().orElseThrow().pages())
            .filter(page -> base.blockOf(page) < 0)
            .toArray());
  }
}
