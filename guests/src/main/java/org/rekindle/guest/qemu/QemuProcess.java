package org.rekindle.guest.qemu;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.PrivateDirectory;

/**
 * A QEMU that we have started for an incoming migration, with a private directory for its sockets.
 *
 * <p>Closing it ends QEMU and removes the directory; so does the end of this JVM, unless {@link
 * #release} was called.
 */
public final class QemuProcess implements AutoCloseable {
  /** What becomes of QEMU's standard input and output. */
  public enum Console {
    /** They are ours: for {@code -nographic} and {@code -serial stdio}. */
    OURS,
    /** Nothing is read and what is written is dropped. */
    NONE
  }

  private static final Duration SOCKET_POLL = Duration.ofMillis(2);

  private final ChildProcess child;

  private QemuProcess(ChildProcess child) {
    this.child = child;
  }

  /**
   * Starts the user's machine so that it waits for a migration.
   *
   * @param command QEMU's program and arguments, as they were when the machine was saved
   * @throws IllegalArgumentException if the command contradicts an incoming migration
   */
  public static QemuProcess startForRestore(List<String> command, Console console)
      throws IOException {
    return start(qmp -> QemuCommand.toRestore(command, qmp), console);
  }

  /**
   * Starts a throw-away clone of the user's machine: it writes to no disk and reaches no network.
   *
   * @param allowNetwork whether networks that the command names are left as they are
   * @throws IllegalArgumentException if the command contradicts an incoming migration, or gives the
   *     clone something outside that it could change
   */
  public static QemuProcess startClone(List<String> command, boolean allowNetwork, Console console)
      throws IOException {
    return start(qmp -> QemuCommand.toClone(command, qmp, allowNetwork), console);
  }

  private static QemuProcess start(Function<Path, List<String>> command, Console console)
      throws IOException {
    PrivateDirectory directory = PrivateDirectory.create();
    ProcessBuilder builder;
    try {
      builder = new ProcessBuilder(command.apply(directory.path().resolve("qmp")));
    } catch (RuntimeException contradiction) {
      directory.close();
      throw contradiction;
    }
    if (console == Console.OURS) {
      builder.redirectInput(ProcessBuilder.Redirect.INHERIT);
      builder.redirectOutput(ProcessBuilder.Redirect.INHERIT);
    } else {
      builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
      builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    }
    return new QemuProcess(ChildProcess.start(builder, directory));
  }

  /** The private directory; a good place for the migration's socket. */
  public Path directory() {
    return child.directory();
  }

  public long pid() {
    return child.pid();
  }

  public boolean isAlive() {
    return child.isAlive();
  }

  /** Waits for QEMU to end by itself; its exit status. */
  public int waitFor() throws InterruptedException {
    return child.waitFor();
  }

  /**
   * Connects to its monitor as soon as that listens.
   *
   * @param timeout for the connection, and for each command afterwards
   * @throws IOException if QEMU ends instead, with what it said
   */
  public Qmp connect(Duration timeout) throws IOException {
    Path socket = child.directory().resolve("qmp");
    long deadlineNs = System.nanoTime() + timeout.toNanos();
    while (true) {
      try {
        // The socket is there a moment before it listens, hence the attempts.
        if (Files.exists(socket)) {
          return Qmp.connect(socket, timeout);
        }
      } catch (IOException notYet) {
        if (child.isAlive() && System.nanoTime() > deadlineNs) {
          throw notYet;
        }
      }
      if (child.endsWithin(SOCKET_POLL)) {
        throw explain("QEMU ended before it could be restored into");
      }
      if (System.nanoTime() > deadlineNs) {
        throw new IOException(
            "QEMU opened no monitor at %s in %d s".formatted(socket, timeout.toSeconds()));
      }
    }
  }

  /** An exception that says what QEMU said last. */
  public IOException explain(String what) {
    return child.explain(what);
  }

  /** The end of what QEMU has written to its standard error. */
  public String errors() {
    return child.errors();
  }

  /** Leaves QEMU running for good: neither {@link #close} nor the end of this JVM will end it. */
  public void release() throws IOException {
    child.release();
  }

  /** Ends QEMU if it runs, and removes the private directory. */
  @Override
  public void close() {
    child.close();
  }
}
