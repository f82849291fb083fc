package org.rekindle.guest.uffd;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.PageRanges.Range;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.UffdEvents;
import org.rekindle.linux.Userfaultfd;

/*
 * One process, one userfaultfd
 * ----------------------------
 * A process that is restored while it runs changes its memory: it gives pages back, unmaps, moves,
 * forks. The kernel reports each of these and holds the process until the report has been read;
 * while one is unread it refuses to fill any page (EAGAIN). So the cycle is: read what there is,
 * first the changes, in their order, then the faults, and only then fill.
 *
 * Changes before faults, though the kernel hands faults out first: a fault and a change that are
 * read together have no order, and after the change a fault can only be answered by what the memory
 * is now. A fault on pages that were given back is answered by zeros, never by the image's bytes.
 * (It stays registered for that. Unregistering what was given back, as others do, lets the kernel
 * answer, but splits its mapping at every hole a balloon makes, up to vm.max_map_count.)
 *
 * What filling can say: it is done; EAGAIN, a change is unread: nothing is settled, the caller
 * drains; EEXIST, it is there already (the process wrote it where it had given it back, or it was
 * never missing): those who wait are woken, it is settled; ENOENT, no longer mapped: settled;
 * ESRCH: the process has ended. ENOENT is also said of a run that crosses from one mapping of the
 * kernel's into the next (it splits them where attributes differ), so a run is halved until it is
 * one page, and only of one page ENOENT is believed.
 *
 * And only when it is said twice. The kernel looks whether a change is under way, takes the lock,
 * looks for the mapping, and looks for changes again: memory that moves while it waits for the lock
 * is not found any more, and the second look comes too late. The next attempt finds the change, by
 * the first look: it cannot be over before its report has been read, which we do. (Found by a
 * process that waited at its new address for a page that had been "not mapped" at the old one.)
 */

/**
 * Memory of one process, watched by one userfaultfd, that is to be filled with pages of an image.
 *
 * <p>One thread calls everything. Filling and reading faults allocate nothing; changes of the
 * memory may.
 */
public final class AddressSpace implements AutoCloseable {
  /** A burst of faults of all threads of a large guest; more are read by the next read. */
  private static final int EVENTS = 64;

  private final Userfaultfd uffd;
  private final PageRanges ranges;
  private final @Nullable HugePages huge;
  private final UffdEvents events = new UffdEvents(EVENTS);
  private boolean gone;

  /** What a missing page is filled with. */
  private enum Filling {
    DATA,
    ZEROS,
    POISON
  }

  /** What happens in an address space; pages are dense numbers of the image. */
  public interface Listener {
    /**
     * A thread waits for the unit of {@code pages} pages that begins at {@code page}.
     *
     * @param thread its number in its own PID namespace, 0 if it is not known
     */
    void fault(int page, int pages, long arrivalNs, int thread, boolean write);

    /**
     * A thread waits at an address where no page of the image belongs.
     *
     * @param address of the unit
     */
    void faultElsewhere(long address) throws IOException;

    /** The process gave pages back: they read as zeros until it writes to them. */
    void removed(int page, int pages);

    /** The process has pages mapped no longer; they have been taken out of the ranges. */
    void unmapped(int page, int pages);

    /**
     * The process has forked; its child has what the process has, as far as it is in by now.
     *
     * @param child watches the child; the listener's to close. Its ranges are a {@linkplain
     *     PageRanges#copy copy} of this one's
     */
    void forked(Userfaultfd child) throws IOException;
  }

  /**
   * Takes over a userfaultfd.
   *
   * @param uffd has the ranges registered; closed with this
   * @param ranges changed by what the process does
   */
  public AddressSpace(Userfaultfd uffd, PageRanges ranges) throws IOException {
    this.uffd = uffd;
    this.ranges = ranges;
    this.huge =
        ranges.all().stream().anyMatch(range -> range.unitPages() > 1)
            ? new HugePages(ranges.all())
            : null;
  }

  /** For a poller: readable when {@link #drain} has something to do. */
  public int fd() {
    return uffd.fd();
  }

  /** Where the pages lie now. */
  public PageRanges ranges() {
    return ranges;
  }

  /** Whether the process has ended. */
  public boolean gone() {
    return gone;
  }

  /** Reads everything that has happened; whether anything has. */
  public boolean drain(Listener listener) throws IOException {
    boolean any = false;
    while (uffd.read(events) > 0) {
      any = true;
      for (int i = 0; i < events.size(); i++) {
        if (events.type(i) != UffdEvents.PAGEFAULT) {
          change(i, listener);
        }
      }
      long arrivalNs = System.nanoTime();
      for (int i = 0; i < events.size(); i++) {
        if (events.type(i) == UffdEvents.PAGEFAULT) {
          fault(i, arrivalNs, listener);
        }
      }
      if (events.size() < events.capacity()) {
        break;
      }
    }
    return any;
  }

  /** Has the poller wait again, if it says that there is something to drain, and there is not. */
  public void settlePolling() throws IOException {
    uffd.setNonBlocking();
  }

  private void fault(int i, long arrivalNs, Listener listener) throws IOException {
    long address = events.address(i);
    Range range = ranges.at(address);
    if (range == null) {
      listener.faultElsewhere(address & -MemoryMap.PAGE_BYTES);
      return;
    }
    int page = range.pageAt(address);
    int first = page - (page - range.firstPage()) % range.unitPages();
    listener.fault(first, range.unitPages(), arrivalNs, events.thread(i), events.write(i));
  }

  private void change(int i, Listener listener) throws IOException {
    switch (events.type(i)) {
      case UffdEvents.REMOVE -> {
        for (Range part : ranges.between(events.start(i), events.end(i))) {
          if (huge != null) {
            huge.clear(part);
          }
          listener.removed(part.firstPage(), part.pages());
        }
      }
      case UffdEvents.UNMAP -> {
        for (Range part : ranges.between(events.start(i), events.end(i))) {
          listener.unmapped(part.firstPage(), part.pages());
        }
        forget(events.start(i), events.end(i));
      }
      case UffdEvents.REMAP -> {
        ranges.move(events.from(i), events.to(i), events.length(i));
        uffd.wake(events.from(i), events.length(i));
      }
      case UffdEvents.FORK -> listener.forked(events.takeForked(i));
      default -> throw new IOException("a userfaultfd reports the unknown event " + events.type(i));
    }
  }

  /**
   * Takes addresses out of the ranges: no page of the image belongs there any more. Whoever waits
   * there is to look again, and finds what is there now.
   */
  public void forget(long start, long end) {
    ranges.remove(start, end);
    uffd.wake(start, end - start);
  }

  /**
   * Fills with zeros what was {@linkplain Listener#faultElsewhere missed elsewhere}, and what
   * follows it as far as no page of the image belongs there.
   *
   * @param pages at most so many
   * @return false if a change of the memory has to be {@linkplain #drain drained} first; then try
   *     again: the address may have got another meaning
   */
  public boolean placeElsewhere(long address, int pages) throws IOException {
    if (ranges.at(address) != null) {
      uffd.wake(address, MemoryMap.PAGE_BYTES); // a page moved there meanwhile: a fault like others
      return true;
    }
    long free = (ranges.startBehind(address) - address) / MemoryMap.PAGE_BYTES;
    int run = (int) Math.min(pages, free);
    return fill(Filling.ZEROS, address, run, 1, null, 0) > 0;
  }

  /**
   * Has every later touch of a page of the image that is not in end in SIGBUS, when there will be
   * nobody to fill it: as soon as the last holder of a userfaultfd closes it, what is missing reads
   * as zeros, and nobody notices.
   *
   * @return false if changes of the memory have to be {@linkplain #drain drained} first
   * @throws LinuxException EINVAL before Linux 6.6, which cannot do that
   */
  public boolean poison() throws IOException {
    for (Range range : ranges.all()) {
      for (int page = range.firstPage(); page < range.endPage() && !gone; ) {
        int run = range.endPage() - page;
        int done = fill(Filling.POISON, range.addressOf(page), run, range.unitPages(), null, 0);
        if (done == 0) {
          return false;
        }
        page += done;
      }
    }
    return true;
  }

  /**
   * Fills pages; which of them have an address here is not the caller's concern.
   *
   * @param data native memory that holds the pages from {@code offset} on, or null for zeros
   * @return how many from the front are settled: in, there already, or not mapped here; fewer than
   *     asked for, if a change of the memory has to be {@linkplain #drain drained} first
   */
  public int place(int page, int pages, @Nullable MemorySegment data, long offset)
      throws IOException {
    int settled = 0;
    while (settled < pages && !gone) {
      int next = page + settled;
      Range range = ranges.from(next);
      if (range == null || range.firstPage() >= page + pages) {
        return pages;
      }
      if (range.firstPage() > next) {
        settled = range.firstPage() - page;
        continue;
      }
      int run = Math.min(page + pages, range.endPage()) - next;
      long from = offset + (long) settled * MemoryMap.PAGE_BYTES;
      int done =
          range.unitPages() > 1
              ? placeHuge(range, next, run, data, from)
              : fill(with(data), range.addressOf(next), run, 1, data, from);
      if (done == 0) {
        return settled;
      }
      settled += done;
    }
    return gone ? pages : settled;
  }

  private int placeHuge(Range range, int page, int pages, @Nullable MemorySegment data, long offset)
      throws IOException {
    HugePages collected = Objects.requireNonNull(huge);
    int unit = range.unitPages();
    int first = page - (page - range.firstPage()) % unit;
    int run = Math.min(pages, first + unit - page);
    collected.put(first, page, run, data, offset);
    if (collected.isComplete(first)) {
      MemorySegment staged = collected.memory();
      long from = collected.offsetOf(first);
      if (fill(Filling.DATA, range.addressOf(first), unit, unit, staged, from) == 0) {
        collected.takeBack(first, run);
        return 0;
      }
      collected.clear(first);
    }
    return run;
  }

  private static Filling with(@Nullable MemorySegment data) {
    return data == null ? Filling.ZEROS : Filling.DATA;
  }

  /** Fills pages at consecutive addresses; how many from the front are settled. */
  private int fill(
      Filling with, long address, int pages, int unit, @Nullable MemorySegment data, long offset)
      throws IOException {
    int run = pages;
    boolean doubted = false;
    while (true) {
      long bytes = (long) run * MemoryMap.PAGE_BYTES;
      long done =
          switch (with) {
            case DATA -> uffd.copy(address, Objects.requireNonNull(data), offset, bytes, true);
            case ZEROS -> uffd.zero(address, bytes, true);
            case POISON -> uffd.poison(address, bytes);
          };
      if (done > 0) {
        return (int) (done / MemoryMap.PAGE_BYTES);
      }
      switch ((int) -done) {
        case Errno.EAGAIN -> {
          return 0;
        }
        case Errno.ESRCH -> {
          gone = true;
          return pages;
        }
        case Errno.EEXIST -> {
          return settle(address, unit);
        }
        case Errno.ENOENT -> {
          if (run == unit && doubted) {
            return settle(address, unit);
          }
          run = Math.max(unit, run / 2);
          doubted = true;
        }
        default ->
            throw new LinuxException(
                "fill %d bytes of the guest at 0x%x".formatted(bytes, address), (int) -done);
      }
    }
  }

  /** Nothing is to be filled: whoever waits there is to look again. */
  private int settle(long address, int unit) {
    uffd.wake(address, (long) unit * MemoryMap.PAGE_BYTES);
    return unit;
  }

  /**
   * Watches nothing any more. The process may keep a copy of the userfaultfd, so closing alone
   * would not end it: the next page that it gives back would wait for a reader for ever.
   */
  public void unregister() {
    for (Range range : ranges.all()) {
      uffd.unregister(range.start(), range.end() - range.start()); // or it is no longer mapped
    }
  }

  /**
   * Whether nobody waits for a report to be read any more, after {@link #unregister}; otherwise
   * {@link #drain}, and ask again. Such a report may be on its way still when nothing is watched
   * any more: filling says EAGAIN as long as there is one.
   */
  public boolean quiet() {
    List<Range> all = ranges.all();
    if (all.isEmpty()) {
      return true;
    }
    Range any = all.getFirst();
    long bytes = (long) any.unitPages() * MemoryMap.PAGE_BYTES;
    return uffd.zero(any.start(), bytes, false) != -Errno.EAGAIN;
  }

  @Override
  public void close() {
    uffd.close();
    if (huge != null) {
      huge.close();
    }
  }
}
