package org.rekindle.guest.firecracker;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.image.Image;
import org.rekindle.linux.PeerCredentials;

/*
 * Two threads for one restore
 *
 * The request to load is answered only when the microVM's devices are there again, and Firecracker
 * touches guest memory while it makes them: so whoever waits for the answer must not be whoever
 * serves the pages. The request therefore has a thread of its own, from before the hand-over to the
 * guest's first instruction.
 *
 * The snapshot is loaded paused, and resumed by a request of its own: when the strategy wants it
 * (the pager's start, which only leaves word here, since it must not wait) and the load is through,
 * whichever comes later. So a strategy that holds the guest back holds it back, and it is known when
 * the guest began to run. A Firecracker whose load has failed says why and ends.
 */

/**
 * Has a Firecracker load the snapshot in an image, its memory by a userfaultfd, and run it. One
 * object, one microVM.
 */
public final class SnapshotLoad implements AutoCloseable {
  /** Devices are made in milliseconds, but may wait for pages of a slow disk on the way. */
  private static final Duration LOAD_TIME = Duration.ofMinutes(5);

  /** Firecracker says why it failed before it ends, so that is here or never. */
  private static final Duration LAST_WORDS_TIME = Duration.ofSeconds(1);

  /** What is ours to say in the request. */
  private static final Set<String> OURS =
      Set.of("snapshot_path", "mem_backend", "mem_file_path", "resume_vm");

  private final FirecrackerApi firecracker;
  private final PeerCredentials credentials;
  private final Jail jail;
  private final Map<String, ?> options;
  private final PrivateDirectory folder;
  private final CountDownLatch wanted = new CountDownLatch(1);
  private final CompletableFuture<Long> runs = new CompletableFuture<>();
  private @Nullable Thread thread;

  private SnapshotLoad(Path api, Jail jail, Map<String, ?> options, byte[] state)
      throws IOException {
    this.jail = jail;
    this.options = options;
    firecracker = new FirecrackerApi(api);
    FirecrackerApi.Instance instance = firecracker.instance();
    if (!instance.state().equals(FirecrackerApi.Instance.NOT_STARTED)) {
      throw new IOException(
          "the Firecracker at %s has a guest already (%s); a snapshot is loaded into a new one"
              .formatted(api, instance.state()));
    }
    credentials = firecracker.peer();
    folder = jail.sharedFolder(PrivateDirectory.usualPlace(), "rekindle-", credentials);
    try {
      Jail.giveTo(Files.write(stateFile(), state), credentials);
    } catch (IOException failed) {
      try (folder) {
        throw failed;
      }
    }
  }

  /**
   * Prepares a load, up to the request.
   *
   * @param api the socket of a Firecracker that has not started a guest
   * @param jail what it sees of our files
   * @param options members of the request, as JSON values: what Firecracker's version allows
   * @throws IllegalArgumentException if one of the options is not to be chosen
   * @throws IOException if the image has no state file, or Firecracker cannot be asked
   */
  public static SnapshotLoad prepare(Path api, Jail jail, Image image, Map<String, ?> options)
      throws IOException {
    for (String name : options.keySet()) {
      if (OURS.contains(name)) {
        throw new IllegalArgumentException("\"" + name + "\" is said by Rekindle itself");
      }
    }
    String kind = image.manifest().guestKind();
    if (!kind.equals(SavedMicrovm.GUEST_KIND)) {
      throw new IOException(
          "%s holds a guest of kind '%s', not a microVM of Firecracker"
              .formatted(image.directory(), kind));
    }
    byte[] state = image.deviceState();
    if (state.length == 0) {
      throw new IOException(
          image.directory()
              + " has no state file; import it with --state, or let somebody else load the snapshot"
              + " and serve its memory only (--uffd)");
    }
    return new SnapshotLoad(api, jail, options, state);
  }

  private Path stateFile() {
    return folder.path().resolve("vmstate");
  }

  /** A path at which Firecracker will find whoever listens there for its hand-over. */
  public Path socket() {
    return folder.path().resolve("uffd");
  }

  /**
   * Makes the request, on a thread of its own.
   *
   * @param handler the socket where the hand-over is awaited already
   * @param failed hears, on that thread, if nothing will come of it
   */
  public void begin(Path handler, Consumer<IOException> failed) throws IOException {
    Map<String, Object> backEnd = new LinkedHashMap<>();
    backEnd.put("backend_type", "Uffd");
    backEnd.put("backend_path", jail.seen(handler));
    Map<String, Object> wish = new LinkedHashMap<>();
    wish.put("snapshot_path", jail.seen(stateFile()));
    wish.put("mem_backend", backEnd);
    wish.put("resume_vm", false);
    wish.putAll(options);
    Jail.giveTo(handler, credentials);
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("firecracker-load")
            .start(() -> {
              try {
                runs.complete(run(wish));
              } catch (IOException failure) {
                runs.completeExceptionally(failure);
                failed.accept(failure);
              }
            });
  }

  private long run(Map<String, Object> wish) throws IOException {
    firecracker.loadSnapshot(wish, LOAD_TIME);
    try {
      wanted.await();
    } catch (InterruptedException closed) {
      throw (IOException) new InterruptedIOException("closed").initCause(closed);
    }
    long runsNs = System.nanoTime();
    firecracker.resume();
    return runsNs;
  }

  /** Lets the guest run as soon as its devices are there; does not wait for that. */
  public void resume() {
    wanted.countDown();
  }

  /**
   * Waits until the guest runs.
   *
   * @return since when, on the clock of {@link System#nanoTime}
   * @throws IOException if it will not, and why
   */
  public long awaitRunning() throws IOException {
    try {
      return runs.get();
    } catch (ExecutionException failure) {
      throw failed(failure);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while Firecracker loaded").initCause(interrupted);
    }
  }

  /**
   * Why something about the microVM has failed: what Firecracker says of its end, if it does so by
   * now; else the failure itself.
   */
  public IOException reason(IOException seen) {
    try {
      runs.get(LAST_WORDS_TIME.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException failure) {
      IOException said = failed(failure);
      said.addSuppressed(seen);
      return said;
    } catch (TimeoutException silent) {
      // The load is still under way: it is not to blame.
    } catch (InterruptedException cancelled) {
      Thread.currentThread().interrupt();
    }
    return seen;
  }

  private static IOException failed(ExecutionException failure) {
    Throwable cause = Objects.requireNonNull(failure.getCause());
    return new IOException("not loaded: " + cause.getMessage(), cause);
  }

  /** Gives up what is still awaited, and removes the files that Firecracker was given. */
  @Override
  public void close() throws IOException {
    firecracker.close();
    Thread loading = thread;
    if (loading != null) {
      loading.interrupt();
    }
    folder.close();
  }
}
