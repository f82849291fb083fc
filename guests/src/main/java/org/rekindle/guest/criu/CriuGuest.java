package org.rekindle.guest.criu;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.RestoreTalk.Saying;
import org.rekindle.guest.uffd.AddressSpace;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.PageRanges;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.PidFd;
import org.rekindle.linux.Poller;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Guest;

/*
 * A tree of processes as one guest
 * --------------------------------
 * CRIU makes the processes, gives each its mappings, registers those that it wants lazy with a
 * userfaultfd of that process, sends it here, and goes on. Until it says that it has finished it
 * still changes the address spaces, so up to then only what somebody waits for is placed. When it
 * has finished it lets the processes run at once; nobody asks us, so a plan that wants to have its
 * prefetch in before the start cannot have that here.
 *
 * Each process of the dump has a region of the image. A process that forks has a child with the same
 * pages missing: so a region may have several address spaces, and a page is placed when it is in all
 * of those that still want it. The fork waits until its report has been read, and until then no page
 * goes into the parent: so the child has exactly what the parent had, no page is missed by both and
 * placed in one.
 *
 * The end: CRIU's processes keep no copy of their userfaultfd, so ours is the last, and closing it
 * ends all watching at once, with every waiting event. What is missing then reads as zeros. That is
 * right for what the image does not have, and silent corruption for what it has; so after a failure
 * the processes are killed, and what they miss is poisoned before it is let go: whoever was not
 * killed gets a SIGBUS where he would have read zeros.
 */

/**
 * Processes that {@code criu restore --lazy-pages} brings back.
 *
 * <p>They may end before all pages are in; that is their own business, and a good end. All of them
 * must have been handed over by then.
 */
public final class CriuGuest implements Guest {
  /** As of any guest with a userfaultfd: 64 us of copying that a fault may have to wait for. */
  private static final int BATCH_PAGES = 64;

  /** How soon zeros are tried again where the memory is just changing. */
  private static final long OWED_NS = 20_000;

  /** A process that changes its memory all the time is held by each change until it is read. */
  private static final int POISON_ATTEMPTS = 1000;

  private final SavedTree tree;
  private final MemoryMap memory;
  private final RestoreTalk talk;
  private final OnFailure onFailure;
  private final long connectedNs = System.nanoTime();
  private final Poller poller;
  private final int polledTalk;
  private final List<RestoredTask> tasks = new ArrayList<>();
  private final List<List<RestoredTask>> tasksOfRegion = new ArrayList<>();
  private final BitSet come = new BitSet(); // by index in the tree
  private @Nullable FaultSink sink;
  private long runningNs = -1;
  private boolean allIn;
  private boolean finished;
  private boolean closed;
  private @Nullable String fate;

  /**
   * @param talk closed with this
   */
  CriuGuest(SavedTree tree, MemoryMap memory, RestoreTalk talk, OnFailure onFailure)
      throws IOException {
    this.tree = tree;
    this.memory = memory;
    this.talk = talk;
    this.onFailure = onFailure;
    this.poller = new Poller(2 * tree.tasks().size() + 1);
    this.polledTalk = poller.add(talk.fd());
    poller.interest(polledTalk, true, false);
    for (int region = 0; region < memory.regions().size(); region++) {
      tasksOfRegion.add(new ArrayList<>());
    }
  }

  /** When CRIU connected, on the clock of {@link System#nanoTime}. */
  public long connectedNs() {
    return connectedNs;
  }

  @Override
  public MemoryMap memory() {
    return memory;
  }

  @Override
  public int batchPages() {
    return BATCH_PAGES;
  }

  /** They run when CRIU lets them. */
  @Override
  public void start() {}

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    this.sink = sink;
    poller.poll(0);
    if (runningNs < 0 && poller.readable(polledTalk) && !hear()) {
      return false;
    }
    for (int i = 0; i < tasks.size(); i++) { // a fork adds one
      RestoredTask task = tasks.get(i);
      if (task.announced() || task.owesZeros()) {
        task.drain();
      }
    }
    for (int i = tasks.size() - 1; i >= 0; i--) {
      if (tasks.get(i).ended()) {
        ended(tasks.get(i));
      }
    }
    if (allIn && runningNs >= 0 && !finished) {
      letGo();
      finished = true;
    }
    return true;
  }

  /** For the tasks, while they are drained. */
  FaultSink sink() {
    return Objects.requireNonNull(sink);
  }

  /** Listens to CRIU; false if it has gone before its restore was finished. */
  private boolean hear() throws IOException {
    for (Saying saying = talk.next(); saying != null && runningNs < 0; saying = talk.next()) {
      switch (saying) {
        case Saying.Task task -> come(task);
        case Saying.Dead _ -> {} // there is nothing to bring
        case Saying.Finished _ -> running();
        case Saying.Closed _ -> {
          return false;
        }
      }
    }
    return true;
  }

  private void come(Saying.Task said) throws IOException {
    Userfaultfd uffd;
    try {
      uffd = Userfaultfd.adopt(said.uffd());
    } catch (IllegalArgumentException refused) {
      throw RestoreTalk.wrong(String.valueOf(refused.getMessage()), refused);
    }
    int index = indexOf(said.pid());
    boolean expected = index >= 0 && !come.get(index);
    int region = expected ? memory.indexOf(tree.tasks().get(index).region()) : -1;
    PageRanges ranges =
        region < 0 ? new PageRanges() : tree.tasks().get(index).ranges(memory.firstPage(region));
    // Never ourselves: a test may play CRIU in this process.
    boolean ours = said.sender() == ProcessHandle.current().pid();
    PidFd process = said.sender() == 0 || ours ? null : PidFd.open(said.sender()).orElse(null);
    add(new RestoredTask(this, region, new AddressSpace(uffd, ranges), process, poller));
    if (!expected) { // now that it will be looked after
      throw new IOException(
          "CRIU restores process %d, which the image %s"
              .formatted(
                  said.pid(),
                  index < 0
                      ? "has not: it was made of another dump; import this one"
                      : "has once, twice"));
    }
    come.set(index);
  }

  /** Where in the tree a process is; -1 if it is not. */
  private int indexOf(int pid) {
    for (int i = 0; i < tree.tasks().size(); i++) {
      if (tree.tasks().get(i).pid() == pid) {
        return i;
      }
    }
    return -1;
  }

  void add(RestoredTask task) {
    tasks.add(task);
    if (task.region() >= 0) {
      tasksOfRegion.get(task.region()).add(task);
    }
  }

  /** All processes run from now on. Nobody will want the pages of those that did not come. */
  private void running() {
    runningNs = System.nanoTime();
    poller.interest(polledTalk, false, false);
    for (int region = 0; region < tasksOfRegion.size(); region++) {
      int first = memory.firstPage(region);
      int pages = memory.firstPage(region + 1) - first;
      if (tasksOfRegion.get(region).isEmpty()) {
        sink().removed(first, pages);
      }
    }
  }

  /** Which of the pages other processes than one are still to have; bit 0 is the first. */
  BitSet wantedByOthers(RestoredTask task, int page, int pages) {
    BitSet wanted = new BitSet(pages);
    for (RestoredTask other : tasksOfRegion.get(task.region())) {
      if (other != task) {
        for (PageRanges.Range part : other.space().ranges().withPages(page, pages)) {
          int first = part.firstPage() - page;
          wanted.set(first, first + part.pages());
        }
      }
    }
    return wanted;
  }

  private void ended(RestoredTask task) {
    tasks.remove(task);
    if (task.region() >= 0) {
      for (PageRanges.Range range : task.space().ranges().all()) {
        task.unmapped(range.firstPage(), range.pages());
      }
      tasksOfRegion.get(task.region()).remove(task);
    }
    task.close();
  }

  @Override
  public boolean ready() {
    return runningNs >= 0;
  }

  /** Until CRIU has finished. */
  @Override
  public boolean takesDemandOnly() {
    return runningNs < 0;
  }

  @Override
  public boolean placesAtOnce() {
    return true;
  }

  @Override
  public int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    int region = memory.regionOf(page);
    int settled = Math.min(pages, memory.firstPage(region + 1) - page);
    List<RestoredTask> holders = tasksOfRegion.get(region);
    for (int i = 0; i < holders.size(); i++) {
      settled = holders.get(i).space().place(page, settled, data, offset);
      if (settled == 0) {
        return 0;
      }
    }
    return settled;
  }

  /** Pages are in as soon as they are placed. */
  @Override
  public boolean flush() {
    return true;
  }

  @Override
  public void finish() {
    allIn = true;
  }

  @Override
  public boolean finished() {
    return finished;
  }

  @Override
  public void await(long timeoutNs) throws IOException {
    boolean owed = false;
    for (int i = 0; i < tasks.size(); i++) {
      owed |= tasks.get(i).owesZeros();
    }
    boolean leaving = allIn && runningNs >= 0;
    poller.poll(leaving ? 0 : owed ? Math.min(OWED_NS, timeoutNs) : timeoutNs);
  }

  @Override
  public void wake() {
    poller.wake();
  }

  /** CRIU lets them run in the moment in which it says so. */
  @Override
  public long firstInstructionNs() {
    return runningNs;
  }

  private void letGo() {
    tasks.forEach(RestoredTask::close);
    tasks.clear();
    tasksOfRegion.forEach(List::clear);
  }

  /**
   * Lets go. If not all memory is in, as {@link OnFailure} says; in any case nobody reads zeros
   * where the image has a page (from Linux 6.6 on).
   */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      if (!finished) {
        abandon();
      }
    } finally {
      letGo();
      talk.close();
      poller.close();
    }
  }

  /** What became of the processes if they did not get all of their memory; once closed. */
  public Optional<String> fate() {
    return Optional.ofNullable(fate);
  }

  private void abandon() throws IOException {
    int killed = onFailure == OnFailure.KILL ? kill() : 0;
    int left = tasks.size() - killed;
    sink = new Deaf();
    String missing = "get a SIGBUS at the first page that is missing";
    try {
      poison();
    } catch (LinuxException refused) {
      if (refused.errno() != Errno.EINVAL) {
        throw refused;
      }
      missing = "READ ZEROS WHERE PAGES ARE MISSING (before Linux 6.6 that cannot be prevented)";
    }
    if (killed > 0 && left == 0) {
      fate = "the processes were killed: not all of their memory was in (--on-failure kill)";
    } else if (left > 0) {
      fate = "%d of %d PROCESSES WERE LEFT: they %s".formatted(left, left + killed, missing);
    }
  }

  /** How many could be killed. */
  private int kill() {
    int killed = 0;
    for (RestoredTask task : tasks) {
      PidFd process = task.process();
      if (process != null && process.signal(PidFd.SIGKILL) == 0) {
        killed++;
      }
    }
    return killed;
  }

  private void poison() throws IOException {
    boolean again = true;
    for (int attempt = 0; again && attempt < POISON_ATTEMPTS; attempt++) {
      again = false;
      for (int i = 0; i < tasks.size(); i++) {
        if (!tasks.get(i).space().poison()) {
          tasks.get(i).drain(); // and if that is a fork, there is one more to poison
          again = true;
        }
      }
    }
  }

  /** Nobody serves faults any more. */
  private static final class Deaf implements FaultSink {
    @Override
    public void fault(int page, int pages, long arrivalNs, int vcpu, boolean write) {}

    @Override
    public void removed(int page, int pages) {}
  }
}
