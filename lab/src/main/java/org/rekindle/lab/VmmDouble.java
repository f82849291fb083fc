package org.rekindle.lab;

import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.GuestConsole;

/** A running process of a {@link DoubleMachine}. Closing ends it; so does the end of this JVM. */
public final class VmmDouble implements AutoCloseable {
  /** For anything that it does by itself, on a busy machine. */
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final ChildProcess child;
  private final GuestConsole console;

  VmmDouble(ChildProcess child) {
    this.child = child;
    this.console = GuestConsole.of("VMM double " + child.pid(), child.process());
  }

  public ChildProcess child() {
    return child;
  }

  /** What it says; lines of it are listed in vmm_double.c. */
  public GuestConsole console() {
    return console;
  }

  /** Waits until it says a line that starts so; the rest of it. */
  public String await(String start) throws IOException {
    try {
      return console.awaitLine(start, PATIENCE).text().substring(start.length());
    } catch (EOFException ended) {
      throw explain("the VMM double has ended", ended);
    }
  }

  /** Waits until virtual CPU 0 has passed through its working set so often. */
  public void awaitBeats(int count) throws IOException {
    await("beat " + count + " ");
  }

  /** Has it pause and look at all of its memory; "identical ..." or "different ...". */
  public String verdict() throws IOException {
    try {
      return console.command("check", "verdict ", PATIENCE);
    } catch (EOFException ended) {
      throw explain("the VMM double has ended", ended);
    }
  }

  /** How many threads of it the kernel keeps waiting for pages or for an event to be read. */
  public int waiting() throws IOException {
    String waiting = console.command("waiting", "waiting ", PATIENCE);
    return Integer.parseInt(waiting.substring(waiting.lastIndexOf('=') + 1));
  }

  private IOException explain(String what, IOException cause) {
    IOException explained = child.explain(what + ": " + cause.getMessage());
    explained.initCause(cause);
    return explained;
  }

  /** As a crash does: without a word. */
  public void kill() {
    child.process().destroyForcibly();
  }

  @Override
  public void close() throws IOException {
    child.close();
    console.close();
  }
}
