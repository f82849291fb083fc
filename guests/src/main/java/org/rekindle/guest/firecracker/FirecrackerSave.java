package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.SaveException;
import org.rekindle.guest.SaveException.GuestState;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;

/*
 * The order of a save, and who may fail when
 *
 * 1. Looks: is there a guest, how large is it, is there room for its memory file? The guest runs.
 * 2. Pause. From here on every way out passes settle(), which lets the guest go on.
 * 3. Firecracker writes a full snapshot into a folder that only it and we may enter, beside the
 *    image. It does that in one go and does nothing else meanwhile: nobody can stop it, and a
 *    request to resume, which a cancelled save sends at once, is done when it has finished.
 * 4. The files are whole, so the guest goes on now, if it shall; the image is made of them while it
 *    runs.
 *
 * Firecracker knows no other way out for its memory than a file on disk, so that file is written and
 * read once more than a save of QEMU needs. A copy of the guest's disks is not made.
 */

/** Saves a microVM, through Firecracker's API, into an image. One object, one save. */
public final class FirecrackerSave implements AutoCloseable {
  /** What becomes of the guest when it has been saved. */
  public enum Then {
    /** It runs on, if it ran before. */
    RESUME,
    /** It stays paused. */
    STAY_PAUSED
  }

  /** Slower disks than this are not waited for: Firecracker syncs what it has written. */
  private static final long SLOWEST_BYTES_PER_S = 16 << 20;

  private static final Duration LEAST_CREATE_TIME = Duration.ofSeconds(60);

  /** How long whoever cancels waits until he is told what for. */
  private static final long PATIENCE_S = 2;

  private static final String HOW_TO_RESUME =
      "PATCH /vm {\"state\": \"Resumed\"} at its API does it";

  private final Path socket;
  private final Jail jail;
  private final Path image;
  private final ImageWriter.Options layout;
  private final Then then;
  private final Consumer<String> news;
  private final Image.Progress progress;

  private final FirecrackerApi api;
  private final AtomicBoolean started = new AtomicBoolean();
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean cancelled;
  private volatile @Nullable FirecrackerImport importing;

  /**
   * @param socket of the API
   * @param jail what Firecracker sees of our files
   * @param image the image directory to make; must not exist
   * @param news hears in a sentence what disk space the save needs, before the guest is stopped
   */
  public FirecrackerSave(
      Path socket,
      Jail jail,
      Path image,
      ImageWriter.Options layout,
      Then then,
      Consumer<String> news,
      Image.Progress progress) {
    this.socket = socket;
    this.jail = jail;
    this.image = image;
    this.layout = layout;
    this.then = then;
    this.news = news;
    this.progress = progress;
    this.api = new FirecrackerApi(socket);
  }

  /**
   * Saves the machine.
   *
   * @throws SaveException if that failed after the guest was touched; says how the guest is now
   * @throws IOException if it failed before
   */
  public FirecrackerSaveResult run() throws IOException {
    if (!started.compareAndSet(false, true)) {
      throw new IllegalStateException("a FirecrackerSave saves once");
    }
    long startNs = System.nanoTime();
    try {
      ImageWriter.checkTarget(image);
      FirecrackerApi.Instance before = api.instance();
      if (before.state().equals(FirecrackerApi.Instance.NOT_STARTED)) {
        throw new IOException("the Firecracker at " + socket + " has not started a guest yet");
      }
      return save(before, api.memoryBytes(), startNs);
    } finally {
      ended.countDown();
    }
  }

  private FirecrackerSaveResult save(FirecrackerApi.Instance before, long memoryBytes, long startNs)
      throws IOException {
    Path target = image.toAbsolutePath().normalize();
    Path parent = Files.createDirectories(Objects.requireNonNull(target.getParent()));
    boolean ranBefore = before.state().equals(FirecrackerApi.Instance.RUNNING);
    Duration createTime = LEAST_CREATE_TIME.plusSeconds(memoryBytes / SLOWEST_BYTES_PER_S);
    try (PrivateDirectory folder =
        jail.sharedFolder(parent, "." + target.getFileName() + ".snapshot-", api.peer())) {
      checkSpace(folder.path(), memoryBytes);
      try {
        return save(folder.path(), before.vmmVersion(), ranBefore, createTime, startNs);
      } catch (IOException failed) {
        remove(folder); // early: it may be large, and settling may take long
        throw new SaveException(
            cancelled ? new IOException("cancelled", failed) : failed,
            settle(ranBefore, createTime, failed),
            "Firecracker",
            HOW_TO_RESUME);
      } catch (RuntimeException | Error broken) {
        settle(ranBefore, createTime, broken);
        throw broken;
      }
    }
  }

  private FirecrackerSaveResult save(
      Path folder, String vmmVersion, boolean ranBefore, Duration createTime, long startNs)
      throws IOException {
    Path state = folder.resolve("vmstate");
    Path memory = folder.resolve("memory");
    long stoppedNs = System.nanoTime();
    if (ranBefore) {
      api.pause();
    }
    api.createSnapshot(jail.seen(state), jail.seen(memory), createTime);
    boolean resume = ranBefore && then == Then.RESUME;
    if (resume) {
      api.resume();
    }
    long resumedNs = System.nanoTime();
    ImportedMicrovm made;
    try (FirecrackerImport work =
        new FirecrackerImport(
            new SnapshotFiles(memory, state, null), vmmVersion, image, layout, progress)) {
      importing = work;
      if (cancelled) {
        throw new IOException("cancelled");
      }
      made = work.run();
    }
    long doneNs = System.nanoTime();
    return new FirecrackerSaveResult(
        made, resume, ranBefore ? (resume ? resumedNs : doneNs) - stoppedNs : 0, doneNs - startNs);
  }

  private void checkSpace(Path folder, long memoryBytes) throws IOException {
    long neededBytes = memoryBytes + StateFile.MAX_BYTES;
    long freeBytes = Files.getFileStore(folder).getUsableSpace();
    String space =
        "Firecracker writes %d MiB of memory to %s first, and the image may become as large; %d MiB are free"
            .formatted(memoryBytes >> 20, folder, freeBytes >> 20);
    if (freeBytes < neededBytes) {
      throw new IOException("too little disk space: " + space);
    }
    news.accept(space);
  }

  private static void remove(PrivateDirectory folder) {
    try {
      folder.close();
    } catch (IOException later) {
      // Firecracker has put something there just now; it is tried again when all is settled.
    }
  }

  /**
   * Has the guest as it was before, by a connection of its own. Nothing may keep it from trying: an
   * interrupt is put off.
   */
  private GuestState settle(boolean ranBefore, Duration createTime, Throwable failure) {
    boolean interrupted = Thread.interrupted();
    try (FirecrackerApi again = new FirecrackerApi(socket)) {
      if (ranBefore) {
        again.resume(createTime.plus(FirecrackerApi.AT_ONCE));
      }
      if (again.instance().state().equals(FirecrackerApi.Instance.RUNNING)) {
        return GuestState.RUNS;
      }
      return ranBefore ? GuestState.STANDS_STILL : GuestState.STAYS_PAUSED;
    } catch (FirecrackerException refused) {
      failure.addSuppressed(refused);
      return GuestState.STANDS_STILL;
    } catch (IOException unreachable) {
      failure.addSuppressed(unreachable);
      return GuestState.UNKNOWN;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Gives up, from any thread (such as a shutdown hook), and waits until the guest is as it was
   * before and nothing of the image is left: that is, until Firecracker has finished what it is
   * writing. Without effect when the save has ended.
   */
  @Override
  public void close() {
    cancelled = true;
    api.close();
    FirecrackerImport work = importing;
    if (work != null) {
      work.close();
    }
    if (started.get()) {
      try {
        if (!ended.await(PATIENCE_S, TimeUnit.SECONDS)) {
          news.accept("waiting for Firecracker to finish its snapshot; then the guest goes on");
          ended.await();
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
