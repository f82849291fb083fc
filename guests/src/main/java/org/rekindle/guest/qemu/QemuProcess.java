package org.rekindle.guest.qemu;

import java.io.File;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

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

  private static final int ERROR_TAIL_BYTES = 4096;

  /** QEMU ends within milliseconds of SIGTERM unless its main loop is stuck in a page fault. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final Duration SOCKET_POLL = Duration.ofMillis(2);

  private final Process process;
  private final PrivateDirectory directory;
  private final Thread hook = new Thread(this::end, "qemu-end");
  private boolean released;

  private QemuProcess(Process process, PrivateDirectory directory) {
    this.process = process;
    this.directory = directory;
    Runtime.getRuntime().addShutdownHook(hook);
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
    try {
      List<String> arguments = command.apply(directory.path().resolve("qmp"));
      ProcessBuilder builder = new ProcessBuilder(arguments);
      if (console == Console.OURS) {
        builder.redirectInput(ProcessBuilder.Redirect.INHERIT);
        builder.redirectOutput(ProcessBuilder.Redirect.INHERIT);
      } else {
        builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
        builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
      }
      // A file and not a pipe: QEMU may outlive us, and nobody has to read along.
      builder.redirectError(directory.path().resolve("stderr").toFile());
      try {
        return new QemuProcess(builder.start(), directory);
      } catch (IOException missing) {
        throw new IOException(
            "cannot start %s: %s".formatted(arguments.getFirst(), missing.getMessage()), missing);
      }
    } catch (IOException | RuntimeException failed) {
      directory.close();
      throw failed;
    }
  }

  /** The private directory; a good place for the migration's socket. */
  public Path directory() {
    return directory.path();
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** Waits for QEMU to end by itself; its exit status. */
  public int waitFor() throws InterruptedException {
    return process.waitFor();
  }

  /**
   * Connects to its monitor as soon as that listens.
   *
   * @param timeout for the connection, and for each command afterwards
   * @throws IOException if QEMU ends instead, with what it said
   */
  public Qmp connect(Duration timeout) throws IOException {
    Path socket = directory.path().resolve("qmp");
    long deadlineNs = System.nanoTime() + timeout.toNanos();
    while (true) {
      try {
        // The socket is there a moment before it listens, hence the attempts.
        if (Files.exists(socket)) {
          return Qmp.connect(socket, timeout);
        }
      } catch (IOException notYet) {
        if (process.isAlive() && System.nanoTime() > deadlineNs) {
          throw notYet;
        }
      }
      if (endsWithin(SOCKET_POLL)) {
        throw explain("QEMU ended before it could be restored into");
      }
      if (System.nanoTime() > deadlineNs) {
        throw new IOException(
            "QEMU opened no monitor at %s in %d s".formatted(socket, timeout.toSeconds()));
      }
    }
  }

  private boolean endsWithin(Duration time) throws IOException {
    try {
      return process.waitFor(time.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while QEMU started").initCause(interrupted);
    }
  }

  /** An exception that says what QEMU said last. */
  public IOException explain(String what) {
    String said = errors();
    String state = process.isAlive() ? "" : " (exit status " + process.exitValue() + ")";
    return new IOException(
        what + state + (said.isEmpty() ? "; it said nothing" : "; it said: " + said));
  }

  /** The end of what QEMU has written to its standard error. */
  public String errors() {
    try (RandomAccessFile file =
        new RandomAccessFile(directory.path().resolve("stderr").toFile(), "r")) {
      byte[] tail = new byte[(int) Math.min(ERROR_TAIL_BYTES, file.length())];
      file.seek(file.length() - tail.length);
      file.readFully(tail);
      return new String(tail, StandardCharsets.UTF_8).strip();
    } catch (IOException unreadable) {
      return "";
    }
  }

  /** Leaves QEMU running for good: neither {@link #close} nor the end of this JVM will end it. */
  public void release() throws IOException {
    released = true;
    forget();
    directory.close();
  }

  /** Ends QEMU if it runs, and removes the private directory. */
  @Override
  public void close() {
    if (!released) {
      end();
      forget();
    }
  }

  private void forget() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException alreadyEnding) {
      // The hook runs, or has run: then there is nothing to forget.
    }
  }

  private synchronized void end() {
    process.destroy();
    boolean interrupted = Thread.interrupted();
    try {
      if (!process.waitFor(PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException hurry) {
      interrupted = true;
      process.destroyForcibly();
    }
    try {
      directory.close();
    } catch (IOException left) {
      // A directory of sockets in a place for temporary files: nothing depends on it.
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
