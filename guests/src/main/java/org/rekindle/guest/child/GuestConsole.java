package org.rekindle.guest.child;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the guest says, a line at a time, seen from the host: every line with the time of its
 * arrival on the clock of {@link System#nanoTime}. It comes from a serial port, or from the
 * standard output of a process that is a guest itself.
 *
 * <p>A thread of its own reads, so that a stamp is late by no more than its wake-up. The first line
 * after a restore may be the rest of one that the guest had begun before it was saved.
 *
 * <p>Safe for use by several threads.
 */
public final class GuestConsole implements AutoCloseable {
  private static final Pattern BEAT = Pattern.compile("beat (\\d{1,18}) ([0-9a-f]{16})");
  private static final int MAX_LINE_BYTES = 1 << 16; // no line of the workload comes near it
  private static final long RETRY_MS = 2;

  /** A line without its end. */
  public record Line(long arrivalNs, String text) {}

  /**
   * A heartbeat.
   *
   * @param number counts from the guest's boot
   * @param check hashes the pages of this batch: equal for beats that are one pass apart
   */
  public record Beat(long number, long arrivalNs, String check) {}

  private final String name;
  private final ReadableByteChannel from;
  private final OutputStream to;
  private final Thread reader;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news = lock.newCondition();
  private final List<Line> lines = new ArrayList<>();
  private final List<Beat> beats = new ArrayList<>();
  private @Nullable String end; // why no more lines come

  private GuestConsole(String name, ReadableByteChannel from, OutputStream to) {
    this.name = name;
    this.from = from;
    this.to = to;
    this.reader = Thread.ofPlatform().daemon().name("guest console").unstarted(this::read);
  }

  /**
   * Connects to a serial port that QEMU serves as a Unix socket; waits for the socket to appear.
   *
   * @param vmmIsAlive whether the process lives that will serve it: waiting ends with it
   */
  public static GuestConsole connect(Path socket, BooleanSupplier vmmIsAlive, Duration timeout)
      throws IOException {
    long deadlineNs = System.nanoTime() + timeout.toNanos();
    while (true) {
      SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      try {
        channel.connect(UnixDomainSocketAddress.of(socket));
        GuestConsole console =
            new GuestConsole(socket.toString(), channel, Channels.newOutputStream(channel));
        console.reader.start();
        return console;
      } catch (IOException notYet) {
        channel.close();
        if (!vmmIsAlive.getAsBoolean()) {
          throw new IOException(socket + ": the VMM has ended", notYet);
        }
        if (System.nanoTime() - deadlineNs > 0) {
          throw new IOException(socket + ": nobody listens after " + timeout.toMillis() + " ms");
        }
        pause();
      }
    }
  }

  /** Takes over standard output and input of a process, which is to be ended before this. */
  public static GuestConsole of(String name, Process process) {
    GuestConsole console =
        new GuestConsole(
            name, Channels.newChannel(process.getInputStream()), process.getOutputStream());
    console.reader.start();
    return console;
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(RETRY_MS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the guest's console");
    }
  }

  private void read() {
    ByteBuffer received = ByteBuffer.allocateDirect(1 << 16);
    StringBuilder line = new StringBuilder();
    String why = "the VMM has closed it";
    try {
      while (from.read(received.clear()) >= 0) {
        accept(StandardCharsets.ISO_8859_1.decode(received.flip()), line, System.nanoTime());
      }
    } catch (IOException failed) {
      why = from.isOpen() ? "reading failed: " + failed.getMessage() : "it was closed";
    }
    lock.lock();
    try {
      end = why;
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void accept(CharSequence text, StringBuilder line, long arrivalNs) {
    lock.lock();
    try {
      for (int i = 0; i < text.length(); i++) {
        char c = text.charAt(i);
        if (c == '\n' || line.length() == MAX_LINE_BYTES) {
          add(new Line(arrivalNs, line.toString()));
          line.setLength(0);
        }
        if (c != '\n' && c != '\r') {
          line.append(c);
        }
      }
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void add(Line line) {
    lines.add(line);
    Matcher matcher = BEAT.matcher(line.text());
    if (matcher.matches()) {
      beats.add(new Beat(Long.parseLong(matcher.group(1)), line.arrivalNs(), matcher.group(2)));
    }
  }

  /** The heartbeats that have arrived so far. */
  public List<Beat> beats() {
    lock.lock();
    try {
      return List.copyOf(beats);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The first line that starts so, of those that have come and those to come.
   *
   * @throws EOFException if no more lines can come
   * @throws IOException if none has come in time
   */
  public Line awaitLine(String start, Duration timeout) throws IOException {
    return await(0, line -> line.text().startsWith(start), "line \"" + start + "...\"", timeout);
  }

  /** Waits until so many heartbeats have arrived since connecting; returns the last of these. */
  public Beat awaitBeats(int count, Duration timeout) throws IOException {
    await(0, _ -> beats.size() >= count, count + " heartbeats", timeout);
    return beats().get(count - 1);
  }

  /** Sends a line, without waiting for anything. */
  public void tell(String line) throws IOException {
    to.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    to.flush();
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @param answer how the answering line starts
   * @return the rest of that line
   */
  public String command(String command, String answer, Duration timeout) throws IOException {
    return command(command, line -> line.startsWith(answer), "\"" + answer + "...\"", timeout)
        .substring(answer.length());
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @param isAnswer whether a line that comes after the command is its answer
   * @param what the answer, in words
   * @return that line
   */
  public String command(String command, Predicate<String> isAnswer, String what, Duration timeout)
      throws IOException {
    int before;
    lock.lock();
    try {
      before = lines.size();
    } finally {
      lock.unlock();
    }
    tell(command);
    return await(
            before,
            line -> isAnswer.test(line.text()),
            "answer %s to \"%s\"".formatted(what, command),
            timeout)
        .text();
  }

  /** The number that says which machine this is: new at every boot. */
  public String nonce() throws IOException {
    return command("nonce", "nonce ", Duration.ofSeconds(30));
  }

  /** A checksum over all memory that the workload has filled, computed in the guest. */
  public String sum() throws IOException {
    return command("sum", "sum ", Duration.ofMinutes(2)).split(" ", 2)[0];
  }

  private Line await(int from, Predicate<Line> wanted, String what, Duration timeout)
      throws IOException {
    long leftNs = timeout.toNanos();
    lock.lock();
    try {
      for (int next = from; ; next++) {
        while (next == lines.size()) {
          if (end != null) {
            throw new EOFException(name + ": no " + what + ", for " + end + tail());
          }
          if (leftNs <= 0) {
            throw new IOException(
                name + ": no " + what + " in " + timeout.toMillis() + " ms" + tail());
          }
          leftNs = news.awaitNanos(leftNs);
        }
        if (wanted.test(lines.get(next))) {
          return lines.get(next);
        }
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + what);
    } finally {
      lock.unlock();
    }
  }

  private String tail() {
    return lines.isEmpty()
        ? "; it has said nothing"
        : "; its last words: \"" + lines.getLast().text() + "\"";
  }

  @Override
  public void close() throws IOException {
    from.close();
    to.close();
    try {
      reader.join(TimeUnit.SECONDS.toMillis(5));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
