package org.rekindle.guest.process;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.rekindle.image.Image;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * The exact truth about an estimate: a clone does what the saved guest does next, operation by
 * operation, and each page that it touches is a fault.
 */
final class ClonedTouches {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private ClonedTouches() {}

  /** All pages that a clone of the image touches until it has beaten so often. */
  static BitSet until(Path directory, int beats) throws IOException {
    BitSet touched = new BitSet();
    try (Image image = Image.open(directory);
        ProcessGuest clone = ProcessGuest.start();
        ProcessIncoming incoming =
            ProcessIncoming.connect(clone, image, ProcessIncoming.Settings.DEFAULT)) {
      Guest watched = noting(incoming.guest(), touched);
      Restore restore = new Restore(image, watched, Strategy.recording(image));
      CompletableFuture<Outcome> running =
          CompletableFuture.supplyAsync(() -> {
            try {
              return restore.run();
            } catch (IOException failed) {
              throw new UncheckedIOException(failed);
            }
          });
      clone.console().awaitBeats(beats, PATIENCE);
      restore.cancel();
      assertThatThrownBy(running::join).hasRootCauseInstanceOf(CancellationException.class);
    }
    return touched;
  }

  /** Notes what is placed: while recording, that is what was touched. */
  private static Guest noting(Guest guest, BitSet placed) {
    return (Guest)
        Proxy.newProxyInstance(
            Guest.class.getClassLoader(),
            new Class<?>[] {Guest.class},
            (_, method, arguments) -> {
              if (method.getName().equals("place")) {
                int page = (int) arguments[0];
                placed.set(page, page + (int) arguments[1]);
              }
              try {
                return method.invoke(guest, arguments);
              } catch (InvocationTargetException thrown) {
                throw thrown.getCause();
              }
            });
  }
}
