package org.rekindle.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.SnapshotLoad;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.UffdGuest;
import org.rekindle.restore.Outcome;

/**
 * Does a job on each VMM that connects, and tells what came of each as soon as it is known, and of
 * all in the end. A session's own thread calls {@link #restore}, then {@link #ended}.
 */
final class UffdSessions implements AutoCloseable {
  private final Job job;
  private final Progress progress;
  private final Map<Thread, Operation.Result> results = new ConcurrentHashMap<>();
  private final Map<Thread, long[]> underWay = new LinkedHashMap<>();
  private final List<@Nullable Object> vms = new ArrayList<>();
  private final @Nullable SnapshotLoad load;
  private volatile boolean anyBegan;
  private int guests;
  private int failedGuests;

  /**
   * @param load what lets the one VM run that is served; null if that is not ours to do
   */
  UffdSessions(Job job, @Nullable SnapshotLoad load) {
    this.job = job;
    this.load = load;
    this.progress = job.command().progress(job.doing());
  }

  /** Whether a VMM has handed its memory over. */
  boolean anyBegan() {
    return anyBegan;
  }

  void restore(UffdGuest guest) throws IOException {
    anyBegan = true;
    Restored restored;
    try {
      restored = load == null ? served(guest) : loaded(guest, load);
    } finally {
      forget();
    }
    results.put(Thread.currentThread(), job.result(restored));
  }

  /** Restores a guest whose VMM runs it when it likes: nobody knows since when, but it came. */
  private Restored served(UffdGuest guest) throws IOException {
    Outcome outcome = job.restore(guest, true, this::show);
    return new Restored(outcome, guest.connectedNs(), guest.vcpus(), Optional.empty());
  }

  private Restored loaded(UffdGuest guest, SnapshotLoad load) throws IOException {
    guest.onStart(load::resume);
    try {
      Outcome outcome = job.restore(guest, true, this::show);
      return new Restored(
          outcome.withFirstInstructionNs(load.awaitRunning()),
          Main.startNs(),
          guest.vcpus(),
          Optional.empty());
    } catch (IOException failed) {
      throw load.reason(failed);
    }
  }

  private synchronized void show(long done, long total) {
    underWay.put(Thread.currentThread(), new long[] {done, total});
    progress.bytes(sum(0), sum(1));
  }

  private long sum(int which) {
    return underWay.values().stream().mapToLong(each -> each[which]).sum();
  }

  private synchronized void forget() {
    underWay.remove(Thread.currentThread());
  }

  synchronized void ended(SessionEnd end) {
    Operation.Result result = results.remove(Thread.currentThread());
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("pid", end.pid());
    json.put("outcome", word(end.outcome()));
    json.put("vmm", word(end.fate()));
    String vm = "process " + end.pid() + ": ";
    guests += end.hadGuest() ? 1 : 0;
    Throwable failure = end.failure();
    if (failure != null) {
      failedGuests += end.hadGuest() ? 1 : 0;
      String why = Failures.describe(failure);
      json.put("error", why);
      job.command().say(vm + why + "; " + end.fate().words());
      if (job.command().debug()) {
        failure.printStackTrace();
      }
    }
    if (result != null) {
      json.putAll(result.json());
      job.command().tell(vm + result.text());
    }
    if (job.command().json()) {
      vms.add(json);
    }
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Tells programs of all VMs in one document; people know already. */
  synchronized void publish() {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("vms", vms);
    job.command().tell(json);
  }

  /** If it failed with one VM that handed itself over, the command has failed. */
  synchronized void throwIfAnyFailed() throws IOException {
    if (failedGuests > 0) {
      throw new IOException("%d of %d VMs failed; see above".formatted(failedGuests, guests));
    }
  }

  @Override
  public void close() {
    progress.close();
  }
}
