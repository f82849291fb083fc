package org.rekindle.lab.paper;

import java.util.Arrays;
import org.rekindle.workingset.Profile;

/**
 * Guests shaped like the four workloads of VEE'11: what each touches after its restore, and what
 * the paper's working set estimator knew of it.
 *
 * @param name as in the paper's figures
 * @param seed of what is random in it
 * @param touches first touches after the restore
 * @param workingSet the estimated set, in order of first touch
 * @param deviceStateNs until the restore of memory begins
 */
public record PaperWorkload(
    String name, long seed, Profile touches, Profile workingSet, long deviceStateNs) {
  /*
   * From the paper: the sizes of the sets and the pages outside them (tables 2 and 3, trace
   * estimator; 3 % of memory for the idle guest), and how densely they lie, as the pages of the set for
   * each page that a lazy restore asked for: 10,113 / 1,548 and 47,082 / 1,623. Their host read 128 KiB
   * around each. For the idle guest, which the microbenchmark runs in as well, it is that of the
   * poster's desktop, 11,295 / 1,675. Device
   * state: 7.4 s for MPlayer (section 5.3.4), of which about 5 s are its 128 MB frame buffer; 2.4 s
   * for the others.
   *
   * Not in the paper, and one guess for all, so that no curve is fitted: four fifths of a set decay
   * with tau = 2 s, one fifth comes steadily over the 64 s of a linear fill; clusters lie anywhere
   * in memory (in figure 3 they are denser in low and in high addresses; a linear fill passes both).
   * What is outside the set comes in bursts of ten pages during the fill, where the fill has not been:
   * it is not the application that was traced, but something that wakes up beside it.
   *
   * The microbenchmark touches pages of 20 to 80 % of memory at random, "no guarantee that all pages
   * are touched". How fast is not said; 4,096 touches a second make as many touches as the guest has
   * pages in the time of one fill, and leave an estimator that watched for as long 0.7 to 29 % of
   * the area unseen, which is the paper's reason why its sets were incomplete. The set comes from
   * other random numbers than the touches: it was recorded before the save.
   */

  /** 1 GB. */
  static final int GUEST_PAGES = 1 << 18;

  /** Linux 2.6.31 reads 128 KiB around a page of a mapped file that is missing. */
  static final int READ_AHEAD_PAGES = 32;

  private static final long SECOND_NS = 1_000_000_000;
  private static final long TAU_NS = 2 * SECOND_NS;
  private static final long FILL_NS = 64 * SECOND_NS;
  private static final int BURST_PAGES = 10;
  private static final double STEADY_SHARE = 0.2;
  private static final double RANDOM_TOUCHES_PER_SECOND = 4096;
  private static final double DESKTOP_CLUSTER_PAGES = 11_295.0 / 1_675;
  private static final long DEVICE_STATE_NS = 2_400_000_000L;
  private static final int IDLE_PAGES = (int) (0.03 * GUEST_PAGES);

  /** Red Hat Enterprise Linux 4, 20 minutes after boot. */
  public static PaperWorkload idle(long seed) {
    return application("idle", IDLE_PAGES, DESKTOP_CLUSTER_PAGES, 0, DEVICE_STATE_NS, seed);
  }

  /** A video player: a small set, nearly all of it predicted. */
  public static PaperWorkload mplayer(long seed) {
    return application("MPlayer", 10_113, 10_113.0 / 1_548, 84, 7_400_000_000L, seed);
  }

  /** Transactions in a Java heap: a large set in long runs. */
  public static PaperWorkload specjbb(long seed) {
    return application("SPECjbb", 47_082, 47_082.0 / 1_623, 47, DEVICE_STATE_NS, seed);
  }

  /** Random touches of a part of memory, beside an idle guest. */
  public static PaperWorkload random(double shareOfMemory, long seed) {
    int pages = (int) (shareOfMemory * GUEST_PAGES);
    return new PaperWorkload(
        "random %.0f %%".formatted(100 * shareOfMemory),
        seed,
        randomTouches(pages, seed, seed + 1),
        randomTouches(pages, seed, seed + 2),
        DEVICE_STATE_NS);
  }

  /** The idle guest of one seed, and random touches of another beside it. */
  private static Profile randomTouches(int pages, long idleSeed, long randomSeed) {
    Profile random =
        new FirstTouches(GUEST_PAGES, randomSeed)
            .atRandom(GUEST_PAGES - pages, GUEST_PAGES, RANDOM_TOUCHES_PER_SECOND, FILL_NS)
            .profile("random");
    return random.union(idle(idleSeed).touches);
  }

  private static PaperWorkload application(
      String name, int pages, double clusterPages, int outside, long deviceStateNs, long seed) {
    FirstTouches touches = new FirstTouches(GUEST_PAGES, seed);
    int[] set = touches.clusters(pages, clusterPages, READ_AHEAD_PAGES);
    int soon = (int) (pages * (1 - STEADY_SHARE));
    touches
        .decaying(Arrays.copyOf(set, soon), TAU_NS)
        .steadily(Arrays.copyOfRange(set, soon, pages), FILL_NS);
    Profile workingSet = touches.profile("trace");
    touches.inBurstsAheadOfFill(
        outside, BURST_PAGES, DESKTOP_CLUSTER_PAGES, READ_AHEAD_PAGES, FILL_NS);
    return new PaperWorkload(name, seed, touches.profile("truth"), workingSet, deviceStateNs);
  }
}
