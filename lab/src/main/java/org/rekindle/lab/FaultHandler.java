package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import org.rekindle.guest.qemu.PostcopyGuest;
import org.rekindle.guest.qemu.SavedMachine;
import org.rekindle.image.Codec;
import org.rekindle.image.Image;
import org.rekindle.linux.UnixSocket;
import org.rekindle.restore.BlockSequence;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.PageList;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;

/** Something that answers page requests: one line of the benchmark's table. */
sealed interface FaultHandler {
  String label();

  /** Answers requests from a destination that listens, until it hangs up. */
  void serve(Path socket) throws IOException;

  /** The C handler, source.c, reading one page for each request and nothing else. */
  record PageInC(Path program, Path ram) implements FaultHandler {
    @Override
    public String label() {
      return "c-page";
    }

    @Override
    public void serve(Path socket) throws IOException {
      Command.output(program.toString(), socket.toString(), ram.toString());
    }
  }

  /** The C handler with the pager's job: reads, checks and decodes the block of the page. */
  record BlockInC(Path program, Path ram, Codec codec, int blockPages) implements FaultHandler {
    @Override
    public String label() {
      return "c-" + job(codec, blockPages);
    }

    @Override
    public void serve(Path socket) throws IOException {
      Command.output(
          program.toString(),
          socket.toString(),
          ram.toString(),
          Integer.toString(blockPages * 4096),
          codec.name().toLowerCase(Locale.ROOT));
    }
  }

  /** The pager, on an image. */
  record Pager(Path image, Codec codec, int blockPages, Plan.Miss miss) implements FaultHandler {
    private static final SavedMachine MACHINE = new SavedMachine("none", "", 1, "none", true);

    @Override
    public String label() {
      return "pager-" + job(codec, blockPages) + (miss == Plan.Miss.BLOCK ? "-neighbours" : "");
    }

    /** The label of the C handler that has the same job. */
    String peer() {
      return "c-" + job(codec, blockPages);
    }

    @Override
    public void serve(Path socket) throws IOException {
      try (Image open = Image.open(image);
          PostcopyGuest guest =
              new PostcopyGuest(
                  UnixSocket.connect(socket), open.memory(), MACHINE, open.deviceState())) {
        new Restore(open, guest, plan(open)).run();
      } catch (GuestGoneException hungUp) {
        // it has all its answers
      }
    }

    /** On demand only: fill would compete with what is measured. */
    private Plan plan(Image open) {
      return new Plan(
          label(),
          BlockSequence.none(open.base()),
          PageList.NONE,
          new Plan.Start.Immediately(),
          miss,
          new Plan.Fill.None(),
          null);
    }
  }

  private static String job(Codec codec, int blockPages) {
    return "%s-%dk".formatted(codec.name().toLowerCase(Locale.ROOT), 4 * blockPages);
  }
}
