package org.rekindle.restore;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.IntPredicate;
import org.rekindle.image.PageStore;

/**
 * What is read in bulk next: the entries of a fetch sequence in their order, or, in a fill that
 * follows misses, from where the guest missed a page last.
 *
 * <p>{@link #missed} and {@link #bringsSoon} are for the pager's thread, everything else for the
 * one that reads.
 */
@SuppressWarnings("ReferenceEquality") // a store is an identity, not a value
public final class ReadOrder {
  /*
   * A fill has no order that is worth keeping: nothing is known of what it brings. So after a miss it
   * goes on behind the block that was missed. What lies there is what the guest most likely wants
   * next, more so than what lies anywhere else; and a disk's arm is there already, while going back
   * would cost a seek, as the miss itself does. What was passed over comes at the end.
   *
   * It goes on with small reads, twice as large each time until another miss, as kernels read ahead: a
   * guest that has waited runs on, and its next miss is often soon and elsewhere. Now it waits for a
   * bulk read that is about as long as the guest has run in between, not for a whole extent.
   *
   * The prefetch is not left, and its reads stay larger (PREFETCH_NS). Its order is known to be wanted, and
   * it is over soon; the smaller its reads, the more often a disk goes back and forth between it and the
   * misses. (In simulated restores from a disk, with 128 KiB MPlayer with a set of access bits met the
   * target after 1.3 s instead of 0.5, an idle Debian after 4.9 instead of 0.3.)
   *
   * A prefetch that has no order (a set found by scanning) is waited for. All of it is wanted, no page sooner than
   * another as far as is known, and each read on its own would make the others later. So a guest with such
   * a set has it about as soon as one that starts when all of it is there.
   *
   * Why not let the device be idle for a while after each miss (anticipatory scheduling, Iyer and
   * Druschel, SOSP'01)? The next miss would be a little faster, but a guest that misses much starves
   * the fill, which alone ends its misses. Only a device that grants its reads in bursts is not used up
   * (MissRoom); there a read's size makes no miss wait, so they are all of full size, and go over what is
   * there already: what lies between the pages of a set is in many pieces, and each read is one of few.
   *
   * It fails where misses are everywhere and many: then each read is small and far from the one
   * before. When that costs more than it is worth (MissForecast), everything is read in one go, from
   * the fill's front to its end, and so is what is still to be prefetched: it is in the fill too.
   *
   * How long that takes is known from the reads so far that followed no miss: a demand read that is
   * before one in the device's queue adds to its time.
   */

  /** No entry. */
  public static final int NONE = -1;

  /**
   * The first read behind a miss, 128 KiB: of the extent of 1 MiB an eighth, 1 ms of a disk of 120
   * MB/s. It holds the rest of what lies together in guest memory.
   */
  private static final int FIRST_BYTES = 128 << 10;

  /**
   * Reads that tell how fast a device is have taken 25 ms: an extent of a disk, or ten of flash, or
   * one that a throttle has held up (the first ten of such a disk take a millisecond each, and the
   * eleventh a hundred).
   */
  private static final long TELLING_NS = 25_000_000;

  /**
   * If most reads follow misses, the device has to be told by fewer, after three times as long; if
   * all do, by them: that is too slow by what the misses take, but a guest that always waits has to
   * be told something. (After ten times, a process without a set on a simulated disk was given up
   * after 0.32 s instead of 0.12, and met the target after 1.26 s instead of 1.06; eager: 1.04.)
   */
  private static final int HINDERED = 3;

  /**
   * A read of the prefetch behind a miss takes as long as a disk's seek, 10 ms, which is what the
   * read costs there besides: 1 MiB of a disk of 105 MB/s, a third of that at VEE'11's 33 MB/s.
   * Half of it, or half as much again, is worse on one of these, by up to a half.
   */
  private static final long PREFETCH_NS = 10_000_000;

  private final FetchSequence sequence;
  private final ClaimBitmap claims;
  private final ReaderLimits limits;

  /** The newest miss that the reader has not followed yet. */
  private final AtomicInteger newestMiss = new AtomicInteger(NONE);

  /** Blocks that the guest waited for and that were read by themselves. */
  private final AtomicInteger missesRead = new AtomicInteger();

  /** Entries before this one have been read, are being read, or were not needed. */
  private volatile int front;

  /** A bit for each entry behind {@link #front} of which the same is true. */
  private final AtomicLongArray ahead;

  /** Where the last extent ended. */
  private volatile int cursor;

  private final MissRoom room;

  private boolean filling;
  private int extentBytes;
  private boolean followed; // a miss, with the newest extent
  private int missesAtTake; // of the newest extent
  private long lastReadNs = Long.MIN_VALUE; // when the last one was through
  private long readBytes;
  private long readNs;
  private long unhinderedBytes;
  private long unhinderedNs;
  private long fillLeftBytes;
  private volatile double inOneGoNs = Double.POSITIVE_INFINITY;
  private volatile boolean inOneGo;

  public ReadOrder(FetchSequence sequence, ClaimBitmap claims, ReaderLimits limits) {
    this.sequence = sequence;
    this.claims = claims;
    this.limits = limits;
    this.ahead = new AtomicLongArray((sequence.size() >>> 6) + 1);
    this.extentBytes = limits.extentBytes();
    this.room = new MissRoom(limits.extentBytes());
    this.fillLeftBytes = sequence.fillBytes();
  }

  /** The guest waits for a block that is read by itself. */
  public void missed(PageStore store, int block) {
    missesRead.incrementAndGet();
    if (sequence.followsMisses()) {
      newestMiss.lazySet(sequence.indexOf(store, block));
    }
  }

  /** Whether the newest extent follows a miss. */
  public boolean followedMiss() {
    return followed;
  }

  /** How many blocks had been read for misses when the newest extent was taken. */
  public int missesBefore() {
    return missesAtTake;
  }

  /**
   * An extent that was taken has been read. What it was read beside others counts for the one that
   * was through first.
   *
   * @param followedMiss as {@link #followedMiss} said when it was taken
   * @param missesBefore as {@link #missesBefore} did
   */
  public void read(long bytes, long beganNs, long endNs, boolean followedMiss, int missesBefore) {
    long sinceNs = Math.max(beganNs, Math.min(lastReadNs, endNs));
    lastReadNs = Math.max(lastReadNs, endNs);
    room.read(bytes, beganNs, endNs, missesBefore, missesRead.get());
    long ns = endNs - sinceNs;
    readBytes += bytes;
    readNs += ns;
    if (!followedMiss) {
      unhinderedBytes += bytes;
      unhinderedNs += ns;
    }
    double nsPerByte = nsPerByte();
    if (nsPerByte > 0) {
      inOneGoNs = Math.max(0, fillLeftBytes) * nsPerByte;
    }
  }

  /** What the device takes for a byte if nobody else reads; 0 if that is not known. */
  private double nsPerByte() {
    if (room.nsPerByte() > 0) {
      return room.nsPerByte(); // its reads are fast and few, and tell nothing one by one
    }
    boolean longEnough = readNs >= HINDERED * TELLING_NS;
    if (unhinderedNs >= TELLING_NS || (longEnough && unhinderedNs > 0)) {
      return (double) unhinderedNs / unhinderedBytes;
    }
    return longEnough ? (double) readNs / readBytes : 0;
  }

  /** How long reading what is left of the fill takes in one go; infinite if that is not known. */
  public double inOneGoNs() {
    return inOneGoNs;
  }

  /** From now on misses are not followed, and the prefetch is dropped. */
  public void readInOneGo() {
    inOneGo = true;
  }

  /** How long to wait before the next extent is read, so that misses find room; 0 if not at all. */
  public long restNs(long nowNs) {
    if (inOneGo || !sequence.followsMisses() || sequence.isPrefetch(front)) {
      return 0;
    }
    if (!filling || newestMiss.get() != NONE) {
      filling = true;
      room.missed(nowNs);
    }
    return room.restNs(nowNs);
  }

  /** The first entry of the next extent; {@link #NONE} when everything has been read. */
  public int next() {
    int miss = newestMiss.getAndSet(NONE);
    front = missingFrom(inOneGo ? Math.max(front, sequence.fillBegin()) : front);
    if (front == sequence.size()) {
      return NONE;
    }
    followed = miss != NONE;
    if (followed && !inOneGo) {
      cursor = miss + 1;
      extentBytes = (int) Math.min(behindMissBytes(), limits.extentBytes());
    } else {
      extentBytes = Math.min(limits.extentBytes(), 2 * extentBytes);
    }
    int next = inOneGo || sequence.isPrefetch(front) ? front : missingFrom(Math.max(front, cursor));
    return next == sequence.size() ? front : next;
  }

  /** How much is read after a miss, if that is no more than an extent. */
  private long behindMissBytes() {
    if (room.isGranted()) {
      return limits.extentBytes();
    }
    if (!sequence.isPrefetch(front)) {
      return FIRST_BYTES;
    }
    return unhinderedNs < TELLING_NS
        ? limits.extentBytes()
        : PREFETCH_NS * unhinderedBytes / unhinderedNs;
  }

  private int missingFrom(int entry) {
    int missing = entry;
    while (missing < sequence.size()
        && (isAhead(missing) || claims.covers(sequence.store(missing), sequence.block(missing)))) {
      missing++;
    }
    return missing;
  }

  private boolean isAhead(int entry) {
    return (ahead.get(entry >>> 6) & 1L << entry) != 0;
  }

  /**
   * The entry after the extent that begins with entry {@code first}, which {@link #next} has given.
   * From now on its entries count as being read: a fault on them joins that.
   *
   * @param mayJoin asked in order, for each entry that lies near enough and is needed
   */
  public int take(int first, IntPredicate mayJoin) {
    missesAtTake = missesRead.get();
    int end =
        sequence.extentEnd(
            first,
            claims,
            extentBytes,
            room.isGranted() ? extentBytes : limits.gapBytes(),
            entry -> !isAhead(entry) && mayJoin.test(entry));
    if (!sequence.isPrefetch(first)) {
      fillLeftBytes -= sequence.endOf(end - 1) - sequence.beginOf(first);
    }
    if (first == front) {
      front = end;
    } else {
      for (int entry = first; entry < end; entry++) {
        ahead.lazySet(entry >>> 6, ahead.get(entry >>> 6) | 1L << entry);
      }
    }
    cursor = end;
    return end;
  }

  /**
   * Whether a block is being read, or comes so soon that a read of its own would take longer:
   * within an extent from where the last one ended, if the next miss does not lead away from there;
   * or with everything else, be it all of the image or all of a set.
   */
  public boolean bringsSoon(PageStore store, int block) {
    int entry = sequence.indexOf(store, block);
    if (entry == NONE) {
      return false;
    }
    if (inOneGo || entry < front || isAhead(entry)) {
      return true;
    }
    if (sequence.isPrefetch(entry) && !sequence.prefetchIsOrdered()) {
      return true;
    }
    int next = cursor;
    return entry >= next
        && sequence.staysHere(next)
        && sequence.store(next) == store
        && store.offset(block) - store.offset(sequence.block(next)) <= limits.extentBytes();
  }
}
