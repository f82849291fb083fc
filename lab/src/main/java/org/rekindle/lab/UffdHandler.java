package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.Codec;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.linux.UnixListener;
import org.rekindle.restore.BlockSequence;
import org.rekindle.restore.DecodedBlocks;
import org.rekindle.restore.PageList;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;

/** Something that answers the faults of VMMs that hand over a userfaultfd: a line of a table. */
sealed interface UffdHandler {
  String label();

  /** Listens at a socket for so many VMMs, and answers their faults until they end. */
  Serving serve(Path socket, int guests) throws IOException;

  /** A handler at work. Closing waits for its end, which is that of its VMMs. */
  @FunctionalInterface
  interface Serving extends AutoCloseable {
    @Override
    void close() throws IOException;
  }

  /** The C handler, uffd_handler.c: copies the page out of a mapped file, and nothing else. */
  record InC(Path program, Path memory) implements UffdHandler {
    private static final int START_MS = 10;

    @Override
    public String label() {
      return "c-page";
    }

    @Override
    public Serving serve(Path socket, int guests) throws IOException {
      Process process =
          new ProcessBuilder(
                  program.toString(),
                  socket.toString(),
                  memory.toString(),
                  Integer.toString(guests))
              .inheritIO()
              .start();
      try {
        while (!Files.exists(socket)) {
          if (process.waitFor(START_MS, TimeUnit.MILLISECONDS)) {
            throw new IOException("the C handler has not started");
          }
        }
        return () -> end(process);
      } catch (InterruptedException interrupted) {
        process.destroyForcibly();
        throw new IOException("interrupted", interrupted);
      }
    }

    private static void end(Process process) throws IOException {
      int code = process.onExit().join().exitValue();
      if (code != 0) {
        throw new IOException("the C handler ended with " + code);
      }
    }
  }

  /** Ours, on demand only, with one set of decoded blocks for all guests, as restores have it. */
  record Pager(Path directory, ImageWriter.Options layout) implements UffdHandler {
    /** As {@code rekindle restore --vms}: room for all that these small guests have. */
    private static final int SHARED_BYTES = 256 << 20;

    @Override
    public String label() {
      Codec codec = layout.codec();
      return "pager-%s-%dk"
          .formatted(codec.name().toLowerCase(Locale.ROOT), 4 * layout.blockPages());
    }

    @Override
    public Serving serve(Path socket, int guests) throws IOException {
      Image image = Image.open(directory);
      DecodedBlocks shared = new DecodedBlocks(image, SHARED_BYTES);
      UffdServer server =
          new UffdServer(socket, UnixListener.OWNER_ONLY, image.memory(), OnFailure.KILL);
      Plan plan =
          new Plan(
              label(),
              BlockSequence.none(image.base()),
              PageList.NONE,
              new Plan.Start.Immediately(),
              Plan.Miss.PAGE,
              new Plan.Fill.None(), // fill would compete with what is measured
              null);
      Thread serving =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  server.serve(guests, met -> new Restore(image, met, plan, shared).run(), _ -> {});
                } catch (IOException failed) {
                  throw new java.io.UncheckedIOException(failed);
                }
              });
      return () -> {
        try (image;
            shared;
            server) {
          serving.join();
        } catch (InterruptedException interrupted) {
          throw new IOException("interrupted", interrupted);
        }
      };
    }
  }
}
