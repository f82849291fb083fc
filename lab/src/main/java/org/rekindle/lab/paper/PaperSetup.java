package org.rekindle.lab.paper;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.rekindle.lab.simulator.HostCosts;
import org.rekindle.lab.simulator.ImageLayout;
import org.rekindle.lab.simulator.LaidOutStore;
import org.rekindle.lab.simulator.Oracle;
import org.rekindle.lab.simulator.RotatingDisk;
import org.rekindle.lab.simulator.SimulatedRestore;
import org.rekindle.lab.simulator.Simulation;
import org.rekindle.restore.ReaderLimits;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** The restores of VEE'11 on its test bed, and ours on the same. */
public final class PaperSetup {
  /*
   * The paper's restores are plans for our pager, on a host that reads as theirs did: guest memory is
   * a file of all its pages, mapped, so a fault or a touch by the background thread brings 128 KiB
   * around it into the page cache (Linux 2.6.31, VM_MAX_READAHEAD), and places one page. As a
   * layout: a base store in raw blocks of 32 pages; as reader limits: bulk reads of one block each,
   * two blocks ahead, one demand reader for the one virtual CPU. The working set lies in a file of
   * its own in guest-physical order.
   *
   * The disk has the seek and the rotation of the paper's table 1, but not the data sheet's 105 MB/s:
   * an eager restore of 1 GB took 32 s and one of 192 MB of working set 6 s, 32 to 34 MB/s both, for
   * what is read is also written, to the guest's paging file. The first of these is the one
   * measurement that the model takes as its input. The average seek is one over the whole disk, of
   * which the guest's file is a 700th part; within that, seeks are between the average and the 0.8 ms
   * from track to track. So there are two disks, and the truth lies between them.
   *
   * Ours restores from our format on the same disk: blocks of 8 and 16 pages, uncompressed as the
   * paper found compression of no use, no pages of zeros; reads of 1 MiB.
   */

  /** What an eager restore got of the paper's disk: 1 GiB in 32 s. */
  private static final long BYTES_PER_SECOND = (1L << 30) / 32;

  /** The paper's disk with the average seek of its data sheet. */
  public static final RotatingDisk FAR_SEEKS =
      new RotatingDisk(
          RotatingDisk.BARRACUDA.seekNs(), RotatingDisk.BARRACUDA.rotationNs(), BYTES_PER_SECOND);

  /** The same with the seek from track to track of its data sheet. */
  public static final RotatingDisk NEAR_SEEKS =
      new RotatingDisk(800_000, RotatingDisk.BARRACUDA.rotationNs(), BYTES_PER_SECOND);

  private static final ReaderLimits MAPPED_FILE =
      new ReaderLimits(PaperWorkload.READ_AHEAD_PAGES * 4096, 0, 3, 2, 1, 32);

  private final RotatingDisk disk;

  /** The test bed with one of its two disks. */
  public PaperSetup(RotatingDisk disk) {
    this.disk = disk;
  }

  /** Restores as the paper did; the set is of use to {@link Strategy#WORKING_SET} only. */
  public SimulatedRestore restore(PaperWorkload workload, Strategy strategy, Profile workingSet) {
    int pages = PaperWorkload.GUEST_PAGES;
    int[] order = IntStream.range(0, pages).toArray();
    ImageLayout image =
        ImageLayout.of(
                pages,
                new LaidOutStore("paging file", pages, order, PaperWorkload.READ_AHEAD_PAGES, 1))
            .with(inAddressOrder(workingSet), 1, PaperWorkload.READ_AHEAD_PAGES);
    return new Simulation(disk, MAPPED_FILE, 1, costs(workload))
        .run(image, image.plan(strategy, Strategy.Options.DEFAULT), workload.touches());
  }

  /** Restores as Rekindle does. */
  public SimulatedRestore adaptive(PaperWorkload workload, Profile workingSet) {
    ImageLayout image = ours(workingSet);
    return Simulation.on(disk, costs(workload))
        .run(image, image.plan(Strategy.ADAPTIVE, Strategy.Options.DEFAULT), workload.touches());
  }

  /** What neither can better. */
  public Oracle oracle(PaperWorkload workload) {
    return Oracle.of(disk, costs(workload), ours(workload.workingSet()).base(), workload.touches());
  }

  private static ImageLayout ours(Profile workingSet) {
    return ImageLayout.written(PaperWorkload.GUEST_PAGES, new BitSet(), 1).with(workingSet, 1);
  }

  private static HostCosts costs(PaperWorkload workload) {
    return HostCosts.QEMU.withStart(workload.deviceStateNs(), 0);
  }

  /** A set as the paper stores it: without an order, so without times. */
  private static Profile inAddressOrder(Profile workingSet) {
    int[] pages = workingSet.pages();
    Arrays.sort(pages);
    Access[] access = new Access[pages.length];
    Arrays.fill(access, Access.UNKNOWN);
    return new Profile(
        pages, new long[pages.length], access, workingSet.horizonNs(), workingSet.source());
  }
}
