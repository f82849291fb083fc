package org.rekindle.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;

/**
 * One line that tells how far an operation is, at which rate, and how long it will take.
 *
 * <p>On a terminal the line is drawn in place; elsewhere a plain line is printed every few seconds,
 * so that logs stay readable. Operations that are over within the first moment show nothing. Used
 * by one thread.
 */
final class Progress implements AutoCloseable {
  /** A person sees no flicker at ten frames per second, and needs no more. */
  private static final long FRAME_NS = 100_000_000;

  /** One line every five seconds: a log of a five-minute run stays under sixty lines. */
  private static final long PLAIN_NS = 5_000_000_000L;

  /** What is over within half a second needs no line. */
  private static final long QUIET_NS = 500_000_000;

  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier clockNs;
  private final String what;
  private final long startNs;
  private long nextNs;
  private boolean drawn;

  // The rate is that of a sliding second or two, so that it follows a disk that speeds up.
  private long markNs;
  private long markDone;
  private double rate;

  Progress(PrintStream out, boolean terminal, LongSupplier clockNs, String what) {
    this.out = out;
    this.terminal = terminal;
    this.clockNs = clockNs;
    this.what = what;
    this.startNs = clockNs.getAsLong();
    this.markNs = startNs;
    this.nextNs = startNs + (terminal ? QUIET_NS : PLAIN_NS);
  }

  /** Whether stderr is a terminal that can redraw a line. */
  static boolean stderrIsTerminal() {
    if ("dumb".equals(System.getenv("TERM"))) {
      return false;
    }
    try {
      // Java tells only whether stdin and stdout both are terminals.
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | UnsupportedOperationException unknown) {
      return false;
    }
  }

  /** So much is done of a total in bytes; a total of 0 or less is not known. */
  void bytes(long done, long total) {
    long nowNs = clockNs.getAsLong();
    if (nowNs - nextNs < 0) {
      return;
    }
    nextNs = nowNs + (terminal ? FRAME_NS : PLAIN_NS);
    followRate(nowNs, done);
    StringBuilder line = new StringBuilder(what).append("  ").append(Figures.bytes((double) done));
    if (total > 0) {
      line.append(" of ").append(Figures.bytes((double) total));
      line.append(String.format("  %d %%", Math.min(100, 100 * done / total)));
    }
    if (rate > 0) {
      line.append("  ").append(Figures.bytes(rate)).append("/s");
      if (total > done) {
        line.append("  ")
            .append(Figures.time((long) ((total - done) / rate * 1e9)))
            .append(" left");
      }
    }
    draw(line);
  }

  /** A step without measure, such as waiting for a guest; shows the time gone. */
  void step(String doing) {
    long nowNs = clockNs.getAsLong();
    if (nowNs - nextNs < 0) {
      return;
    }
    nextNs = nowNs + (terminal ? FRAME_NS : PLAIN_NS);
    draw(what + "  " + doing + "  " + Figures.time(nowNs - startNs));
  }

  private void followRate(long nowNs, long done) {
    double now = (done - markDone) / Math.max(1e-9, (nowNs - markNs) / 1e9);
    rate = rate == 0 ? now : 0.7 * rate + 0.3 * now;
    if (nowNs - markNs > 1_000_000_000L) {
      markNs = nowNs;
      markDone = done;
    }
  }

  private void draw(CharSequence line) {
    if (terminal) {
      out.print("\r\033[K" + line);
      out.flush();
      drawn = true;
    } else {
      out.println(line);
    }
  }

  /** Takes the line away: results are printed by others. */
  @Override
  public void close() {
    if (drawn) {
      out.print("\r\033[K");
      out.flush();
    }
  }
}
