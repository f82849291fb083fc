package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.SaveException;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.linux.UnixSocket;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;

/*
 * The order of a save, and who may fail when
 *
 * 1. Settings: capabilities that would bend the stream are switched off, the bandwidth limit is
 *    taken away. A rehearsal warms this process up. The guest still runs.
 * 2. stop. From here on the guest stands still, so from here on every way out passes settle(),
 *    which ends the migration and lets the guest go on.
 * 3. migrate to a socket of ours; pages go into the image as they come.
 * 4. When QEMU says "completed" and stands in "postmigrate", all of the guest is in our hands. If
 *    it shall go on, it goes on now: the image is made durable while the guest runs again. That is
 *    safe, since nothing that it does now belongs to the image any more. (An earlier "cont" is not:
 *    QEMU sets the state "postmigrate" after "completed", and a guest that runs by then makes it
 *    abort.)
 * 5. commit gives the image its name. Only then may QEMU be asked to quit.
 *
 * A live save asks QEMU for a background snapshot instead: QEMU itself stops the guest, for a
 * moment at the beginning, of which the image is; there is no step 2 and no cont (WriteTrace says
 * how that goes on). What the guest was seen to write becomes the image's profile. A QEMU before 8.1
 * takes the protection from the guest's memory only when all of it was sent: broken off before, the
 * guest waits for ever at its next write. So when such a save fails or is cancelled, the rest of
 * the stream is read and thrown away, at full speed. (Nobody does that for a Rekindle that is
 * killed.)
 *
 * A copy of the guest's disks is not made: an image is good for disks as they were at its stop.
 */

/** Saves a running QEMU machine into an image. One object, one save. */
public final class QemuSave implements AutoCloseable {
  /** What becomes of the guest when it has been saved. */
  public enum Then {
    /** It runs on, if it ran before. */
    RESUME,
    /** QEMU ends. */
    QUIT,
    /** It stays paused; {@code cont} resumes it. */
    STAY_PAUSED
  }

  private static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(10);

  /** "stop" and "cont" wait until the disks have taken what is under way. */
  private static final Duration DISKS_TIMEOUT = Duration.ofSeconds(60);

  private static final Duration STREAM_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration SETTLING_TIMEOUT = Duration.ofSeconds(10);

  /** Between two looks at a state that no event announces. */
  private static final long LOOK_MS = 5;

  private static final Set<String> CAN_BE_SAVED = Set.of("running", "paused", "prelaunch");

  /** What QEMU calls our socket. */
  private static final String SOCKET_NAME = "rekindle";

  /** Since when a background snapshot can be broken off. */
  private static final int[] LETS_GO = {8, 1};

  private static final Set<String> NOT_UNDER_WAY =
      Set.of("none", "completed", "failed", "cancelled");

  private final Path monitor;
  private final Path image;
  private final ImageWriter.Options layout;
  private final Then then;
  private final @Nullable Duration watched; // of a guest that runs on; null: it stands still
  private final Image.Progress progress;

  private final AtomicBoolean started = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean cancelled;
  private volatile @Nullable MigrationListener listener;

  // The guest's last stop and resume by QEMU's stamps; written by the monitor's thread.
  private volatile long stoppedNs;
  private volatile long resumedNs;
  private final Semaphore events = new Semaphore(0);

  /**
   * @param monitor the QMP socket of the machine
   * @param image the image directory to make; must not exist
   */
  public QemuSave(
      Path monitor, Path image, ImageWriter.Options layout, Then then, Image.Progress progress) {
    this(monitor, image, layout, then, null, progress);
  }

  private QemuSave(
      Path monitor,
      Path image,
      ImageWriter.Options layout,
      Then then,
      @Nullable Duration watched,
      Image.Progress progress) {
    this.monitor = monitor;
    this.image = image;
    this.layout = layout;
    this.then = then;
    this.watched = watched;
    this.progress = progress;
  }

  /**
   * A save of a guest that runs on meanwhile. The image is of the instant at which it begins; what
   * the guest writes until it is over becomes its profile.
   *
   * @param watched how long the save takes at least: the longer, the more of the writes is seen
   */
  public static QemuSave live(
      Path monitor,
      Path image,
      ImageWriter.Options layout,
      Duration watched,
      Image.Progress progress) {
    return new QemuSave(monitor, image, layout, Then.RESUME, watched, progress);
  }

  /**
   * Saves the machine.
   *
   * @throws SaveException if that failed after the guest was touched; says how the guest is now
   * @throws IOException if it failed before
   */
  public SaveResult run() throws IOException {
    if (!started.compareAndSet(false, true)) {
      throw new IllegalStateException("a QemuSave saves once");
    }
    long startNs = System.nanoTime();
    try {
      ImageWriter.checkTarget(image);
      try (Qmp qmp = Qmp.connect(monitor, COMMAND_TIMEOUT);
          Qmp.Subscription _ = qmp.subscribe(this::note)) {
        return save(qmp, startNs);
      }
    } finally {
      ended.countDown();
    }
  }

  /**
   * Gives up, from any thread (such as a shutdown hook), and waits until the guest is as it was
   * before and nothing of the image is left. Without effect when the save has ended.
   */
  @Override
  public void close() {
    cancelled = true;
    MigrationListener waiting = listener;
    if (waiting != null) {
      waiting.cancel();
    }
    if (started.get()) {
      try {
        if (watched == null) {
          ended.await(SETTLING_TIMEOUT.multipliedBy(3).toMillis(), TimeUnit.MILLISECONDS);
        } else {
          ended.await(); // for as long as QEMU sends
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void note(QmpEvent event) {
    switch (event.name()) {
      case "STOP" -> stoppedNs = event.timestampNs();
      case "RESUME" -> resumedNs = event.timestampNs();
      default -> {}
    }
    events.release();
  }

  private SaveResult save(Qmp qmp, long startNs) throws IOException {
    String state = runState(qmp);
    if (!CAN_BE_SAVED.contains(state)) {
      throw new IOException(
          "a guest in the state \"" + state + "\" cannot be saved; resume it first (\"cont\")");
    }
    String migration = migrationStatus(qmp);
    if (!NOT_UNDER_WAY.contains(migration)) {
      throw new IOException("a migration is under way already (status \"" + migration + "\")");
    }
    boolean ranBefore = state.equals("running");
    if (watched != null && !ranBefore) {
      throw new IOException("the guest is paused, so it writes nothing; leave --live out");
    }
    MigrationSettings settings =
        watched == null ? MigrationSettings.apply(qmp) : MigrationSettings.applyLive(qmp);
    List<String> warnings = new ArrayList<>();
    try (ImageSink sink = new ImageSink(image, layout, progress)) {
      if (ranBefore) {
        Rehearsal.run(layout);
        checkCancelled();
        stoppedNs = System.nanoTime(); // the event, which comes before the reply, knows better
        if (watched == null) {
          qmp.execute("stop", Map.of(), DISKS_TIMEOUT);
        }
      }
      Received received = receive(qmp, sink);
      SavedStream stream = received.stream;
      boolean resume = ranBefore && then == Then.RESUME;
      if (resume && watched == null) {
        qmp.execute("cont", Map.of(), DISKS_TIMEOUT);
      }
      if (then != Then.QUIT) {
        restore(qmp, settings, warnings);
      }
      SavedMachine machine =
          new SavedMachine(
              stream.machineType(),
              stream.configurationHex(),
              stream.ramSectionId(),
              qmp.version().toString(),
              ranBefore);
      checkCancelled();
      long imageBytes = sink.commit(stream, machine);
      received.writes.ifPresent(writes -> attach(writes, warnings));
      long doneNs = System.nanoTime();
      if (then == Then.QUIT) {
        quit(qmp, warnings);
      }
      return new SaveResult(
          machine,
          resume,
          ranBefore ? (resume ? resumedNs : doneNs) - stoppedNs : 0,
          received.writes,
          doneNs - startNs,
          stream.memory().pages(),
          stream.memory().pages() - sink.nonZeroPages(),
          stream.bytes(),
          imageBytes,
          List.copyOf(warnings));
    } catch (IOException failed) {
      throw new SaveException(
          failed,
          settle(qmp, settings, ranBefore, failed),
          "QEMU",
          "\"cont\" in its monitor does it");
    } catch (RuntimeException | Error broken) {
      settle(qmp, settings, ranBefore, broken);
      throw broken;
    }
  }

  /** The guest's device state, its memory being in the sink; and what it wrote meanwhile. */
  private record Received(SavedStream stream, Optional<Profile> writes) {}

  private Received receive(Qmp qmp, ImageSink sink) throws IOException {
    Lookout lookout = new Lookout(() -> checkMigration(qmp));
    try (PrivateDirectory directory = PrivateDirectory.create()) {
      Path socket = directory.path().resolve("migration");
      try (MigrationListener channel =
          new MigrationListener(socket, lookout::check, STREAM_TIMEOUT)) {
        listener = channel;
        checkCancelled();
        return watched == null
            ? receiveStopped(qmp, sink, channel, socket)
            : receiveLive(qmp, sink, channel, socket, watched);
      } finally {
        listener = null;
      }
    }
  }

  private Received receiveStopped(Qmp qmp, ImageSink sink, MigrationListener channel, Path socket)
      throws IOException {
    qmp.execute("migrate", Map.of("uri", "unix:" + socket));
    SavedStream stream = parse(qmp, sink, channel);
    await(qmp, () -> isCompleted(qmp) && runState(qmp).equals("postmigrate"));
    return new Received(stream, Optional.empty());
  }

  /** The connection is made by us, who want it narrow, and given to QEMU. */
  private Received receiveLive(
      Qmp qmp, ImageSink sink, MigrationListener channel, Path socket, Duration time)
      throws IOException {
    boolean sending = false;
    try (UnixSocket sendingEnd = UnixSocket.connect(socket)) {
      LiveSink live = new LiveSink(sink, time, sendingEnd);
      qmp.give(SOCKET_NAME, sendingEnd.fd());
      sending = true;
      try {
        qmp.execute("migrate", Map.of("uri", "fd:" + SOCKET_NAME));
      } catch (QmpException refused) {
        sending = false;
        qmp.execute("closefd", Map.of("fdname", SOCKET_NAME));
        throw refused;
      }
      SavedStream stream = parse(qmp, live, channel);
      await(qmp, () -> isCompleted(qmp));
      sending = false;
      return new Received(stream, Optional.of(live.writes(resumedNs)));
    } finally {
      if (sending && !qmp.version().isAtLeast(LETS_GO[0], LETS_GO[1])) {
        channel.drain();
      }
    }
  }

  private void attach(Profile writes, List<String> warnings) {
    if (writes.size() == 0) {
      warnings.add("the guest wrote nothing while it was saved, so the image has no profile");
      return;
    }
    try {
      Image.attach(image, writes, RunHistory.NONE.plus(writes));
    } catch (IOException failed) {
      warnings.add("the image is good, but has no profile: " + failed.getMessage());
    }
  }

  private SavedStream parse(Qmp qmp, StreamSink sink, MigrationListener channel)
      throws IOException {
    try {
      return MigrationStreamReader.read("the stream from QEMU", channel, sink);
    } catch (MigrationStreamException damaged) {
      checkCancelled();
      checkMigration(qmp); // if QEMU has given up, it knows better why than the stream's end
      throw damaged;
    }
  }

  private void checkCancelled() throws IOException {
    if (cancelled) {
      throw new IOException("cancelled");
    }
  }

  private static void checkMigration(Qmp qmp) throws IOException {
    Map<String, @Nullable Object> migration = qmp.execute("query-migrate");
    Object status = migration.get("status");
    if ("failed".equals(status) || "cancelled".equals(status) || "cancelling".equals(status)) {
      Object reason = migration.get("error-desc");
      throw new IOException(
          "QEMU ended the migration with \""
              + status
              + "\""
              + (reason == null ? "; its log says why" : ": " + reason));
    }
  }

  /** A question to QEMU. */
  private interface Condition {
    boolean holds() throws IOException;
  }

  private void await(Qmp qmp, Condition end) throws IOException {
    long startNs = System.nanoTime();
    while (!end.holds()) {
      checkCancelled();
      checkMigration(qmp);
      if (System.nanoTime() - startNs > SETTLING_TIMEOUT.toNanos()) {
        throw new IOException("QEMU does not complete the migration though all was received");
      }
      pause();
    }
  }

  private static boolean isCompleted(Qmp qmp) throws IOException {
    return migrationStatus(qmp).equals("completed");
  }

  private static void restore(Qmp qmp, MigrationSettings settings, List<String> warnings) {
    try {
      settings.restore(qmp);
    } catch (IOException refused) {
      warnings.add("the migration settings could not be put back: " + refused.getMessage());
    }
  }

  private static void quit(Qmp qmp, List<String> warnings) {
    try {
      qmp.execute("quit");
    } catch (IOException failed) {
      if (qmp.isOpen()) { // a QEMU that is gone already is what was wanted
        warnings.add("QEMU did not quit: " + failed.getMessage());
      }
    }
  }

  /**
   * Ends the migration after a failure, and has the guest as it was before. Nothing may keep it
   * from trying: an interrupt is put off, and a lost connection made anew.
   */
  private SaveException.GuestState settle(
      Qmp old, MigrationSettings settings, boolean ranBefore, Throwable failure) {
    boolean interrupted = Thread.interrupted();
    try {
      if (old.isOpen()) {
        return settle(old, settings, ranBefore);
      }
      try (Qmp qmp = Qmp.connect(monitor, COMMAND_TIMEOUT)) {
        return settle(qmp, settings, ranBefore);
      }
    } catch (IOException alsoFailed) {
      failure.addSuppressed(alsoFailed);
      return SaveException.GuestState.UNKNOWN;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private SaveException.GuestState settle(Qmp qmp, MigrationSettings settings, boolean ranBefore)
      throws IOException {
    long startNs = System.nanoTime();
    if (!NOT_UNDER_WAY.contains(migrationStatus(qmp))) {
      qmp.execute("migrate_cancel");
    }
    while ((!NOT_UNDER_WAY.contains(migrationStatus(qmp)) || runState(qmp).equals("finish-migrate"))
        && System.nanoTime() - startNs < SETTLING_TIMEOUT.toNanos()) {
      pause();
    }
    try {
      if (ranBefore && !runState(qmp).equals("running")) {
        qmp.execute("cont", Map.of(), DISKS_TIMEOUT);
      }
      settings.restore(qmp);
    } catch (QmpException refused) {
      // The state tells what became of it.
    }
    if (runState(qmp).equals("running")) {
      return SaveException.GuestState.RUNS;
    }
    return ranBefore
        ? SaveException.GuestState.STANDS_STILL
        : SaveException.GuestState.STAYS_PAUSED;
  }

  private static String runState(Qmp qmp) throws IOException {
    Object state = qmp.execute("query-status").get("status");
    return state instanceof String name ? name : "unknown";
  }

  /** As query-migrate names it; "none" if there never was a migration. */
  private static String migrationStatus(Qmp qmp) throws IOException {
    Object status = qmp.execute("query-migrate").get("status");
    return status instanceof String name ? name : "none";
  }

  /** Until something happens in QEMU, or a moment has passed. */
  private void pause() throws IOException {
    try {
      if (events.tryAcquire(LOOK_MS, TimeUnit.MILLISECONDS)) {
        events.drainPermits();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", interrupted);
    }
  }
}
