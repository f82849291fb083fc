package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Objects;
import java.util.Random;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.SetSample;

/*
 * A page that is in does not fault, so a restore that prefetches well is blind: whether what it
 * prefetched is touched at all, it cannot see. The access bits that would tell are the VMM's, and
 * tracing every page costs each touch a fault.
 *
 * So a few pages, the canaries, drawn from the set at random, are held back: they are read and
 * decoded with the rest, and lie here, but the guest gets each only when it touches it, at the price
 * of a fault without a read (about 50 us where memory was handed over, some hundred with QEMU). Their
 * share is that of the set within a few percent, whatever the set's size: as in a poll, the number
 * asked counts, not the number of voters. When the time for which the set is watched is over, the
 * rest of them goes in, and the restore ends.
 *
 * How it fails: where the guest has huge pages a canary holds its whole unit back, so that what is
 * counted is the touched units; and a restore takes at least as long as the set is watched.
 */

/**
 * Stands before a guest, and learns of a sample of a working set which pages the guest touches. The
 * pager does not notice.
 *
 * <p>Its owner closes the guest, not this.
 */
public final class CanaryGuest extends ForwardingGuest {
  /**
   * As many pages as are asked: the share is known to 9 percent points at worst (95 %). If all are
   * touched they cost 128 faults that need no read, 6 to 30 ms in all, spread over the whole start.
   */
  private static final int MOST = 128;

  /** Of a small set, at most every so many. */
  private static final int SPARING = 8;

  private final long windowNs;
  private final LongSupplier nanoClock;
  private final int[] pages; // ascending
  private final BitSet waiting; // canaries that have not come yet
  private final BitSet held; // canaries that lie here
  private final BitSet owed; // held, and the guest waits for them
  private final BitSet zero; // held, and without content of their own
  private final MemorySegment contents;
  private final Watch watch = new Watch();
  private int used;
  private int lost;
  private long startedNs = -1;
  private boolean finishing;
  private boolean told;

  /**
   * @param set whose pages are sampled
   * @param windowNs how long after the start a touch counts, by the clock outside
   * @param seed of the draw; another one for each restore, or the same pages wait each time
   */
  public CanaryGuest(Guest guest, Profile set, long windowNs, long seed) {
    this(guest, set, windowNs, seed, System::nanoTime);
  }

  CanaryGuest(Guest guest, Profile set, long windowNs, long seed, LongSupplier nanoClock) {
    super(guest);
    this.nanoClock = nanoClock;
    this.windowNs = windowNs;
    pages = draw(set.pages(), seed);
    int memoryPages = guest.memory().pages();
    waiting = new BitSet(memoryPages);
    held = new BitSet(memoryPages);
    owed = new BitSet(memoryPages);
    zero = new BitSet(memoryPages);
    Arrays.stream(pages).forEach(waiting::set);
    contents = Arena.ofAuto().allocate((long) pages.length * MemoryMap.PAGE_BYTES);
  }

  private static int[] draw(int[] set, long seed) {
    int count = Math.min(MOST, set.length / SPARING);
    int[] shuffled = set.clone();
    Random random = new Random(seed);
    for (int i = 0; i < count; i++) {
      int other = i + random.nextInt(shuffled.length - i);
      int page = shuffled[other];
      shuffled[other] = shuffled[i];
      shuffled[i] = page;
    }
    int[] drawn = Arrays.copyOf(shuffled, count);
    Arrays.sort(drawn);
    return drawn;
  }

  /** What has been learnt so far; pages that the guest gave back are left out. */
  public SetSample sample() {
    return new SetSample(pages.length - lost, used);
  }

  @Override
  public int place(int page, int run, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    int canary = demanded ? -1 : waiting.nextSetBit(page);
    if (canary < 0 || canary >= page + run) {
      return super.place(page, run, data, offset, demanded);
    }
    if (canary > page) {
      return super.place(page, canary - page, data, offset, false);
    }
    if (isOver()) {
      waiting.clear(page); // untouched so far, or it would have been faulted on
      return super.place(page, 1, data, offset, false);
    }
    hold(page, data, offset);
    return 1;
  }

  private void hold(int page, @Nullable MemorySegment data, long offset) {
    waiting.clear(page);
    held.set(page);
    zero.set(page, data == null);
    if (data != null) {
      MemorySegment.copy(data, offset, contents, offsetOf(page), MemoryMap.PAGE_BYTES);
    }
  }

  private long offsetOf(int page) {
    return (long) Arrays.binarySearch(pages, page) * MemoryMap.PAGE_BYTES;
  }

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    watch.sink = sink;
    boolean alive = super.drainFaults(watch);
    if (alive) {
      giveBack(owed, true);
      if (!held.isEmpty() && isOver()) {
        giveBack(held, false);
      }
    }
    return alive;
  }

  /** Places pages that lie here, as far as there is room now. */
  private void giveBack(BitSet which, boolean demanded) throws IOException {
    for (int page = which.nextSetBit(0); page >= 0; page = which.nextSetBit(page + 1)) {
      MemorySegment data = zero.get(page) ? null : contents;
      if (super.place(page, 1, data, data == null ? 0 : offsetOf(page), demanded) == 0) {
        return;
      }
      held.clear(page);
      owed.clear(page);
    }
  }

  private void tellFinished() throws IOException {
    if (finishing && !told && held.isEmpty()) {
      told = true;
      super.finish();
    }
  }

  private boolean isOver() {
    return startedNs >= 0 && nanoClock.getAsLong() - startedNs >= windowNs;
  }

  /** What the guest tells, on its way to the pager. */
  private final class Watch implements FaultSink {
    private @Nullable FaultSink sink;

    private FaultSink sink() {
      return Objects.requireNonNull(sink);
    }

    @Override
    public void fault(int page, int unit, long arrivalNs, int vcpu, boolean write) {
      for (int i = held.nextSetBit(page); i >= 0 && i < page + unit; i = held.nextSetBit(i + 1)) {
        used += owed.get(i) || isOver() ? 0 : 1;
        owed.set(i);
      }
      int next = waiting.nextSetBit(page);
      for (int i = next; i >= 0 && i < page + unit; i = waiting.nextSetBit(i + 1)) {
        waiting.clear(i); // it will come as what the guest waits for
        used += isOver() ? 0 : 1;
      }
      sink().fault(page, unit, arrivalNs, vcpu, write);
    }

    @Override
    public void removed(int page, int count) {
      for (int i = page; i < page + count; i++) {
        if (waiting.get(i) || (held.get(i) && !owed.get(i))) {
          lost++;
        }
      }
      waiting.clear(page, page + count);
      held.clear(page, page + count);
      owed.clear(page, page + count);
      sink().removed(page, count);
    }
  }

  @Override
  public void start() throws IOException {
    startedNs = nanoClock.getAsLong();
    super.start();
  }

  @Override
  public void finish() throws IOException {
    finishing = true;
    tellFinished();
  }

  /** The pager has nothing to do: no fault is left that it would have to answer after the end. */
  @Override
  public void await(long timeoutNs) throws IOException {
    tellFinished();
    boolean watching = startedNs >= 0 && !held.isEmpty();
    long leftNs = watching ? Math.max(0, startedNs + windowNs - nanoClock.getAsLong()) : timeoutNs;
    super.await(Math.min(timeoutNs, leftNs));
  }
}
