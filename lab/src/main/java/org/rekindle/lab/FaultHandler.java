package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

  /**
   * The C handler, source.c.
   *
   * @param blockBytes what it reads and checks for one page; 0: the page alone, without a checksum
   */
  record InC(Path program, Path ram, int blockBytes) implements FaultHandler {
    @Override
    public String label() {
      return blockBytes == 0 ? "c-page" : "c-block-" + (blockBytes >> 10) + "k";
    }

    @Override
    public void serve(Path socket) throws IOException {
      List<String> command =
          new ArrayList<>(List.of(program.toString(), socket.toString(), ram.toString()));
      if (blockBytes > 0) {
        command.add(Integer.toString(blockBytes));
      }
      Command.output(command.toArray(String[]::new));
    }
  }

  /** The pager, on an image. */
  record Pager(Path image, Codec codec, int blockPages, Plan.Miss miss) implements FaultHandler {
    private static final SavedMachine MACHINE = new SavedMachine("none", "", 1, "none", true);

    @Override
    public String label() {
      return "pager-%s-%dk%s"
          .formatted(
              codec.name().toLowerCase(java.util.Locale.ROOT),
              4 * blockPages,
              miss == Plan.Miss.BLOCK ? "-neighbours" : "");
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
      BlockSequence nothing = BlockSequence.none(open.base());
      return new Plan(
          label(),
          nothing,
          PageList.NONE,
          new Plan.Start.Immediately(),
          miss,
          new Plan.Fill.None(),
          null);
    }
  }
}
