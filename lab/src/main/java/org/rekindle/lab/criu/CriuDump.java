package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.rekindle.guest.criu.LazyPagesSocket;

/**
 * A tree of processes that CRIU has dumped.
 *
 * @param criu the program, as seen inside of a {@link Sandbox}
 * @param work the work folder of the sandbox that it was dumped in; every sandbox that it is
 *     restored in must have the same
 * @param pid of the first process, inside
 */
public record CriuDump(String criu, Path work, int pid) {
  private static final String IMAGES = "dump";
  private static final long RESTORE_S = 120;

  /**
   * An option of dump and restore: the processes stay in the control group that they are started
   * in, or CRIU would put them back where they were, past any limit of ours.
   */
  static final String SAME_CGROUPS = "--manage-cgroups=ignore";

  /**
   * Dumps a tree, which ends by that.
   *
   * @throws IOException with the last lines of CRIU's log, if it cannot be dumped
   */
  public static CriuDump make(Sandbox sandbox, String criu, Path work, int pid, String... options)
      throws IOException {
    CriuDump dump = new CriuDump(criu, work, pid);
    Files.createDirectories(dump.images());
    List<String> command = new ArrayList<>(List.of(criu, "dump", "--tree", Integer.toString(pid)));
    command.addAll(List.of("--images-dir", IMAGES, "--log-file", "dump.log"));
    command.addAll(List.of(options));
    try {
      sandbox.run(command.toArray(String[]::new));
    } catch (IOException failed) {
      throw explained(failed, dump.images().resolve("dump.log"));
    }
    return dump;
  }

  /** The folder with CRIU's images. */
  public Path images() {
    return work.resolve(IMAGES);
  }

  /** Where CRIU looks for its lazy-pages daemon. */
  public Path socket() {
    return work.resolve(LazyPagesSocket.NAME);
  }

  /** Starts CRIU's own daemon; it listens once {@link #socket} exists, and ends when all is in. */
  Process startLazyPages(Sandbox sandbox) throws IOException {
    Files.deleteIfExists(socket());
    List<String> command = new ArrayList<>(List.of(criu, "lazy-pages", "--images-dir", IMAGES));
    command.addAll(List.of("--work-dir", Sandbox.WORK.toString(), "--log-file", "lazy-pages.log"));
    Path discarded = Path.of("/dev/null");
    return sandbox
        .command(command.toArray(String[]::new))
        .redirectInput(discarded.toFile())
        .redirectOutput(discarded.toFile())
        .redirectError(work.resolve("lazy-pages.err").toFile())
        .start();
  }

  /** Starts to restore the tree; the process ends when the tree runs. */
  public Process startRestore(Sandbox sandbox, String... options) throws IOException {
    List<String> command = new ArrayList<>(List.of(criu, "restore", "--restore-detached"));
    command.addAll(List.of("--images-dir", IMAGES, "--work-dir", Sandbox.WORK.toString()));
    command.addAll(List.of("--log-file", "restore.log"));
    command.addAll(List.of(options));
    Path discarded = Path.of("/dev/null");
    return sandbox
        .command(command.toArray(String[]::new))
        .redirectInput(discarded.toFile())
        .redirectOutput(discarded.toFile())
        .redirectError(work.resolve("restore.err").toFile())
        .start();
  }

  /**
   * Waits until the tree runs.
   *
   * @throws IOException with the last lines of CRIU's log, if it could not be restored
   */
  public void awaitRestored(Process restore) throws IOException, InterruptedException {
    boolean ended = restore.waitFor(RESTORE_S, TimeUnit.SECONDS);
    if (!ended) {
      restore.destroyForcibly();
    }
    if (!ended || restore.exitValue() != 0) {
      throw explained(
          new IOException(
              ended
                  ? "criu restore ended with status " + restore.exitValue()
                  : "criu restore did not end"),
          work.resolve("restore.log"));
    }
  }

  private static IOException explained(IOException failed, Path log) throws IOException {
    List<String> errors =
        Files.exists(log)
            ? Files.readString(log, StandardCharsets.ISO_8859_1)
                .lines()
                .filter(line -> line.contains("Error"))
                .toList()
            : List.of();
    return new IOException(failed.getMessage() + "; its log: " + errors, failed);
  }
}
