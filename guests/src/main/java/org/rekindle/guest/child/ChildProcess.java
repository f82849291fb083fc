package org.rekindle.guest.child;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * A process that we have started, with a private directory for its sockets and its standard error.
 *
 * <p>Closing it ends the process and removes the directory; so does the end of this JVM, unless
 * {@link #release} was called.
 */
public final class ChildProcess implements AutoCloseable {
  private static final int ERROR_TAIL_BYTES = 4096;

  /**
   * What we start ends within milliseconds of SIGTERM, unless it is stuck in a page fault that
   * nobody answers any more.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final String program;
  private final Process process;
  private final PrivateDirectory directory;
  private final Thread hook = new Thread(this::end, "child-end");
  private boolean released;

  private ChildProcess(String program, Process process, PrivateDirectory directory) {
    this.program = program;
    this.process = process;
    this.directory = directory;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Starts it. Its standard error goes to a file: it may outlive us, and nobody has to read along.
   *
   * @param builder what to start, and where its standard input and output go
   * @param directory passes to the child, also if this fails
   */
  public static ChildProcess start(ProcessBuilder builder, PrivateDirectory directory)
      throws IOException {
    String program = builder.command().getFirst();
    try {
      builder.redirectError(stderr(directory).toFile());
      return new ChildProcess(program, builder.start(), directory);
    } catch (IOException missing) {
      directory.close();
      throw new IOException(
          "cannot start %s: %s".formatted(program, missing.getMessage()), missing);
    }
  }

  private static Path stderr(PrivateDirectory directory) {
    return directory.path().resolve("stderr");
  }

  public Path directory() {
    return directory.path();
  }

  public Process process() {
    return process;
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** Waits for it to end by itself; its exit status. */
  public int waitFor() throws InterruptedException {
    return process.waitFor();
  }

  /** Waits for it to end by itself, for so long; whether it has. */
  public boolean endsWithin(Duration time) throws IOException {
    try {
      return process.waitFor(time.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while waiting for " + program)
              .initCause(interrupted);
    }
  }

  /** An exception that says what it said last. */
  public IOException explain(String what) {
    String said = errors();
    String state = process.isAlive() ? "" : " (exit status " + process.exitValue() + ")";
    return new IOException(
        what + state + (said.isEmpty() ? "; it said nothing" : "; it said: " + said));
  }

  /** The end of what it has written to its standard error. */
  public String errors() {
    try (RandomAccessFile file = new RandomAccessFile(stderr(directory).toFile(), "r")) {
      byte[] tail = new byte[(int) Math.min(ERROR_TAIL_BYTES, file.length())];
      file.seek(file.length() - tail.length);
      file.readFully(tail);
      return new String(tail, StandardCharsets.UTF_8).strip();
    } catch (IOException unreadable) {
      return "";
    }
  }

  /** Leaves it running for good: neither {@link #close} nor the end of this JVM will end it. */
  public void release() throws IOException {
    released = true;
    forget();
    directory.close();
  }

  /** Ends it if it runs, and removes the private directory. */
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

  /** Asks first, then forces; works while this thread is interrupted. */
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
