package org.rekindle.guest.uffd;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Poller;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Guest;

/*
 * Why this sleeps between faults, and does not spin a while for the next one: spinning saves the
 * wake-up, but takes a CPU from somebody, and where all are busy that is the guest, which then waits
 * behind the thread that waits for it. Measured on two CPUs with other load, a guest thread that
 * touches a page, computes for 100 us and touches the next; its stall in us:
 *
 *   spinning after a fault for   median   90 %
 *   0                               8.3   18.0
 *   50 us                          53.8   54.9
 *   200 us                          136    204
 *
 * A guest that touches the next page at once finds the pager still in its cycle: it needs no spin.
 */

/**
 * A machine whose VMM has handed its userfaultfd over. It may run already: nobody asks us.
 *
 * <p>It ends well when every page is in: then its memory is watched no longer, and the VMM is on
 * its own. If this is closed before, the VMM keeps a copy of the userfaultfd, and every touch of a
 * missing page waits for ever; see {@link OnFailure}.
 */
public final class UffdGuest implements Guest {
  /**
   * Pages of one batch. A copied page costs 1.0 us in runs of 16 or more (1.8 us alone), so a fault
   * waits 64 us at most for the batch in front of it, on a machine where answering one takes 50.
   */
  private static final int BATCH_PAGES = 64;

  private final MemoryMap memory;
  private final AddressSpace space;
  private final Peer peer;
  private final VcpuThreads threads;
  private final Poller poller = new Poller(2);
  private final int polledSpace;
  private final int polledPeer;
  private final Changes changes = new Changes();
  private @Nullable Runnable resume;
  private boolean announced; // the poller has seen something to drain
  private boolean unregistered;
  private boolean finished;
  private boolean ended;

  /**
   * @param peer stays its owner's to close, after this
   */
  UffdGuest(MemoryMap memory, AddressSpace space, Peer peer) throws IOException {
    this.memory = memory;
    this.space = space;
    this.peer = peer;
    this.threads = new VcpuThreads(peer.pid());
    polledSpace = poller.add(space.fd());
    poller.interest(polledSpace, true, false);
    polledPeer = poller.add(peer.endFd());
    poller.interest(polledPeer, true, false);
  }

  /** The number of the VMM's process; 0 if it runs where we see no processes. */
  public int pid() {
    return peer.pid();
  }

  /** When the VMM connected, on the clock of {@link System#nanoTime}: its restore began then. */
  public long connectedNs() {
    return peer.connectedNs();
  }

  /** How many virtual CPUs have been told apart in the faults; 0 if the VMM does not tell. */
  public int vcpus() {
    return threads.count();
  }

  /**
   * What lets the guest run, where that is ours to do: done in {@link #start}, on the pager's
   * thread, so it must not wait. Without it, the VMM runs the guest when it likes.
   */
  public void onStart(Runnable action) {
    resume = action;
  }

  @Override
  public MemoryMap memory() {
    return memory;
  }

  @Override
  public int batchPages() {
    return BATCH_PAGES;
  }

  @Override
  public void start() {
    if (resume != null) {
      resume.run();
    }
  }

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    changes.sink = sink;
    boolean any = space.drain(changes);
    if (announced && !any) {
      space.settlePolling();
    }
    announced = false;
    if (unregistered) {
      finished = space.quiet();
    }
    return finished || !(space.gone() || ended);
  }

  /** What the address space tells, for the pager. */
  private final class Changes implements AddressSpace.Listener {
    private @Nullable FaultSink sink;

    private FaultSink sink() {
      return Objects.requireNonNull(sink);
    }

    @Override
    public void fault(int page, int pages, long arrivalNs, int thread, boolean write) {
      if (!unregistered) { // it has been woken, and finds its page
        sink().fault(page, pages, arrivalNs, threads.vcpuOf(thread), write);
      }
    }

    @Override
    public void faultElsewhere(long address) throws IOException {
      throw new IOException(
          "the guest waits at 0x%x, which is in none of the regions that its VMM has handed over"
              .formatted(address));
    }

    @Override
    public void removed(int page, int pages) {
      sink().removed(page, pages);
    }

    @Override
    public void unmapped(int page, int pages) {
      sink().removed(page, pages);
    }

    /** A helper of the VMM's, on its way to another program: the guest is not run by it. */
    @Override
    public void forked(Userfaultfd child) {
      child.close();
    }
  }

  @Override
  public boolean ready() {
    return true;
  }

  @Override
  public int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    return space.place(page, pages, data, offset);
  }

  @Override
  public boolean placesAtOnce() {
    return true;
  }

  @Override
  public boolean flush() {
    return true;
  }

  @Override
  public void finish() {
    if (!space.gone()) { // or the last pages went nowhere
      space.unregister();
      unregistered = true;
    }
  }

  @Override
  public boolean finished() {
    return finished;
  }

  @Override
  public void await(long timeoutNs) throws IOException {
    poller.poll(unregistered ? 0 : timeoutNs); // what is on its way then is there in microseconds
    announced = poller.readable(polledSpace);
    if (poller.readable(polledPeer)) {
      ended = peer.ended();
      // What else it sends is not looked at. If it ends after that, filling its memory will tell.
      poller.interest(polledPeer, ended, false);
    }
  }

  @Override
  public void wake() {
    poller.wake();
  }

  @Override
  public long firstInstructionNs() {
    return -1;
  }

  @Override
  public void close() {
    poller.close();
    space.close();
  }
}
