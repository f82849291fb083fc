package org.rekindle.restore;

import org.jspecify.annotations.Nullable;
import org.rekindle.workingset.Profile;

/**
 * How long a guest will go on missing pages too often, judged by those that it has missed: what
 * decides whether its misses are served, or all is read in one go instead. For the pager's thread.
 */
final class MissForecast {
  /*
   * A working set tells not only which pages a guest touches but when: F(t) of them by its own time t.
   * Whatever a guest touches beside its set, it most likely touches at the same times. So a guest that
   * has waited for misses for so long, W, by t is to wait for
   *
   *     W (F(T) - F(t)) / F(t)
   *
   * more by T: for the device, and for what the device was doing. So the time to come can be gone through
   * step by step, each as long as the guest runs in it and waits for its misses. The target is met as soon as
   * no window of that course leaves the guest too little. If that takes longer than to read all that is left in
   * one go, then that is done instead: the rest of the prefetch is dropped, the fill reads on and on, and a
   * miss waits until it comes by.
   *
   * So a set of which most is touched at once and that lacks a twentieth is served, and one that is
   * touched at random for a minute, on a disk where each miss is a seek, is given up after a few misses;
   * on flash, where misses cost hardly anything, none is.
   *
   * Meanwhile the fill gets on as well and leaves less to be missed: at its full speed while the guest
   * runs, at a quarter of it while the guest waits for a miss (FILL_SHARE). Within a window, too: when that
   * was taken to bring the fill half a window further, a guest that did nothing but wait, on a disk, with
   * half of its set, was served for 14 s where all can be read in one (simulated; HastyGuestTest).
   *
   * A guest may also wait for a page of its set that the prefetch has yet to bring, where it touches the set in
   * another order, or faster than the device reads. That says nothing against the set: it is over when the prefetch is.
   * So such a wait is not counted, unless the prefetch itself would take as long as reading all in one go when it gets
   * FILL_SHARE of the device. (While all were counted, a process with a set of 16 MB in 100, from a store of 20 ms to
   * the first byte, was given up in 5 of 6 runs, and met the target after 0.4 s instead of 0.09.)
   *
   * Of a guest without a set nothing is known but that first touches come ever more rarely. F is taken
   * as the root of t: Denning's working set grows like that, roughly, while a program goes on with what
   * it did.
   *
   * It fails where a guest turns to something else that was not in its past, and where a miss costs so
   * little now and so much later (a device that others begin to use) that the average misleads.
   */

  /**
   * Fewer misses say little: the average of 8 is within a third of the truth, roughly. To wait for
   * 16 is dearer than to be wrong now and then: a JVM with most of its set, on a throttled disk,
   * then decides after 1 s instead of 0.6, and meets the target after 3.8 s instead of 3.5 (eager:
   * 3.2).
   */
  private static final int ENOUGH = 8;

  /**
   * Still fewer say whether a guest is lost, which expects to wait {@link #CLEARLY} times as long
   * as in one go: as guests do that go from one miss of a disk to the next. On a simulated disk a
   * process with 50 to 95 % of its set meets the target 3 to 5 % after eager restore then, else 12
   * to 15 (medians of 16).
   */
  private static final int FEWEST = 4;

  /** Nothing but waiting is at most four times as long: a fill gets a quarter of it then. */
  private static final double CLEARLY = 3;

  /** Looked at again whenever there are a quarter more, and after each as long as they are few. */
  private static final int MORE = 4;

  /** By how much longer each step into the future is than the one before it. */
  private static final double STEP = 1.25;

  /** Of a window, or of reading in one go if that is shorter: the first step is so small. */
  private static final double FIRST_STEPS = 32;

  /**
   * What a fill gets of a device while the guest waits for a miss. In simulated restores on disks
   * with many misses it took 1.3 to 2.3 times as long as alone, so about a half; a quarter, as to
   * serve for too long costs more than to give up too soon, which is never much later than eager
   * restore. (With a third, MPlayer with half of its set is 10 % later than eager; with a sixth, a
   * fast SSD gives up.)
   */
  static final double FILL_SHARE = 1.0 / 4;

  /** Without a set: an hour, longer than any restore. */
  private static final double FAR_NS = 3600e9;

  private final @Nullable Profile profile;
  private final TtrTarget target;
  private int misses;
  private int judgeAt = FEWEST;
  private long readsSinceNs;
  private long waitedNs;
  private long ranNs; // of the guest's own time, until it last began to wait
  private long runsSinceNs;
  private long decidedNs = -1; // to give up
  private int decidedAfter;
  private long servingNs;
  private long readingNs;
  private final Course begin = new Course(); // of a window
  private final Course end = new Course();

  MissForecast(@Nullable Profile profile, TtrTarget target) {
    this.profile = profile != null && profile.tellsTimes() ? profile : null;
    this.target = target;
  }

  /** The guest runs, since this moment. */
  void runs(long atNs) {
    runsSinceNs = atNs;
  }

  /** It runs no more, since this moment. */
  void waits(long atNs) {
    ranNs += Math.max(0, atNs - runsSinceNs);
  }

  /** Somebody waits for a read that is made for him, since this moment. */
  void reads(long atNs) {
    readsSinceNs = atNs;
  }

  /** Nobody does any more. */
  void served(long atNs) {
    waitedNs += atNs - readsSinceNs;
  }

  /** It waits for a read of its own; says whether it is time to ask {@link #givesUp} again. */
  boolean missed() {
    misses++;
    if (misses < judgeAt || waitedNs == 0 || decidedNs >= 0) {
      return false;
    }
    judgeAt = misses + Math.max(1, misses / MORE);
    return true;
  }

  /** Whether the guest is better off if all that is left is read in one go, in so long. */
  boolean givesUp(double inOneGoNs, long nowNs) {
    double expectedNs = expectedNs(inOneGoNs);
    if (expectedNs <= inOneGoNs * (misses < ENOUGH ? CLEARLY : 1)) {
      return false;
    }
    decidedNs = nowNs;
    decidedAfter = misses;
    servingNs = (long) expectedNs;
    readingNs = (long) inOneGoNs;
    return true;
  }

  /** The decision to give up; null as long as there is none. */
  Outcome.@Nullable InOneGo inOneGo() {
    return decidedNs < 0
        ? null
        : new Outcome.InOneGo(decidedNs, decidedAfter, servingNs, readingNs);
  }

  /**
   * In what time the target will be met, if misses are served as until now.
   *
   * @param inOneGoNs how long reading all that is left takes otherwise
   */
  double expectedNs(double inOneGoNs) {
    begin.reset(inOneGoNs);
    end.reset(inOneGoNs);
    double metNs = 0;
    while (!begin.isOver()) {
      double windowEndNs = begin.elapsedNs + target.windowNs();
      while (!end.isOver() && end.elapsedNs < windowEndNs) {
        end.step();
      }
      boolean isMet = end.guestNs(windowEndNs) - begin.guestNs >= target.ranNs();
      begin.step();
      if (!isMet) {
        metNs = begin.elapsedNs;
      }
    }
    return metNs;
  }

  /** The guest's time to come, in ever longer steps, until nothing is left to miss. */
  private final class Course {
    private double inOneGoNs;
    private double touchNs; // what a touch of the set has cost so far
    private double endNs; // of the guest's time
    private double stepNs;
    private double guestNs;
    private double elapsedNs;
    private double filledNs; // of reading in one go, so much is done by then
    private double ranShare; // of the last step

    void reset(double newInOneGoNs) {
      inOneGoNs = newInOneGoNs;
      guestNs = ranNs;
      touchNs = waitedNs / touches(guestNs);
      endNs = profile == null ? FAR_NS : (double) profile.touchNs(profile.size() - 1);
      stepNs = Math.min((double) target.windowNs(), inOneGoNs) / FIRST_STEPS;
      elapsedNs = 0;
      filledNs = 0;
    }

    boolean isOver() {
      return guestNs >= endNs || filledNs >= inOneGoNs;
    }

    void step() {
      double missedShare = 1 - filledNs / inOneGoNs;
      double stallNs = (touches(guestNs + stepNs) - touches(guestNs)) * touchNs * missedShare;
      ranShare = stepNs / (stepNs + stallNs);
      guestNs += stepNs;
      elapsedNs += stepNs + stallNs;
      filledNs += stepNs + stallNs * FILL_SHARE;
      stepNs *= STEP;
    }

    /** The guest's time at a moment in the last step, or after the last. */
    double guestNs(double atNs) {
      return guestNs + (atNs - elapsedNs) * (atNs < elapsedNs ? ranShare : 1);
    }
  }

  /** First touches until a time of the guest; without a set in units of no meaning. */
  private double touches(double ns) {
    if (profile == null) {
      return Math.sqrt(ns + 1);
    }
    int low = 0;
    int high = profile.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (profile.touchNs(middle) <= ns) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return Math.max(1, low);
  }
}
