package org.rekindle.lab.criu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/*
 * Clients of a program that is dumped and restored. Each asks at its pace, one request at a time,
 * and waits for the answer as long as it takes; so what a user would see of a stall is a late
 * answer, and no request is lost. After a stall a client goes on at its pace and does not catch up:
 * throughput is back when answers come in time again. The pace leaves the server idle most of the
 * time, as servers mostly are; a load that saturates it would measure who gets the processor.
 */

/** Clients that ask a {@link Program} from outside, and check every answer. */
public final class Load implements AutoCloseable {
  /** While nobody listens: a fine resolution for a first answer that comes after 100 ms or more. */
  private static final long RETRY_NS = 1_000_000;

  private static final Duration LAST_ANSWER = Duration.ofMinutes(2);

  private final Program program;
  private final Path socket;
  private final Pace pace;
  private final List<Client> clients = new ArrayList<>();
  private final List<Answer> answers = new ArrayList<>();
  private @Nullable IOException failure;
  private volatile boolean stopped;

  /**
   * What is asked how often.
   *
   * @param clients each with a connection of its own
   * @param requestsPerSecond of all clients together
   * @param updates the share of requests that store a value
   */
  public record Pace(int clients, int requestsPerSecond, double updates) {
    /**
     * YCSB's workload B (95 % reads) from four clients, at a rate that keeps one core half idle.
     */
    public static final Pace DEFAULT = new Pace(4, 1000, 0.05);
  }

  /** An answer that came, and was right. Times are those of {@link System#nanoTime}. */
  public record Answer(int client, long askedNs, long answeredNs) {}

  private Load(Program program, Path work, Pace pace) {
    this.program = program;
    this.socket = work.resolve(program.socket());
    this.pace = pace;
  }

  /** Starts the clients; they ask as soon as somebody listens. */
  public static Load start(Program program, Path work, Pace pace, long seed) {
    Load load = new Load(program, work, pace);
    for (int number = 0; number < pace.clients(); number++) {
      load.clients.add(load.new Client(number, seed * pace.clients() + number));
    }
    load.clients.forEach(client -> client.thread.start());
    return load;
  }

  private final class Client {
    private final int number;
    private final ZipfianKeys keys;
    private final SplittableRandom random;
    private final Thread thread;

    Client(int number, long seed) {
      this.number = number;
      this.keys = new ZipfianKeys(program.keys(), seed);
      this.random = new SplittableRandom(~seed);
      this.thread = Thread.ofPlatform().name("load-" + number).daemon().unstarted(this::run);
    }

    private void run() {
      try (Connection connection = connected()) {
        long intervalNs = 1_000_000_000L * pace.clients() / pace.requestsPerSecond();
        long dueNs = System.nanoTime();
        while (!stopped) {
          int key = keys.next();
          boolean update = random.nextDouble() < pace.updates();
          byte[] request = program.request(key, update);
          byte[] expected = program.answer(key, update);
          long askedNs = System.nanoTime();
          connection.ask(request, expected);
          note(new Answer(number, askedNs, System.nanoTime()));
          dueNs = Math.max(dueNs + intervalNs, System.nanoTime());
          while (!stopped && dueNs - System.nanoTime() > 0) {
            LockSupport.parkNanos(dueNs - System.nanoTime());
          }
        }
      } catch (IOException failed) {
        fail(failed);
      }
    }

    private Connection connected() throws IOException {
      while (true) {
        try {
          return Connection.to(socket);
        } catch (SocketException nobodyListens) {
          if (stopped) {
            throw new IOException("nobody has ever listened at " + socket, nobodyListens);
          }
          LockSupport.parkNanos(RETRY_NS);
        }
      }
    }
  }

  private synchronized void note(Answer answer) {
    answers.add(answer);
    notifyAll();
  }

  private synchronized void fail(IOException cause) {
    failure = cause;
    notifyAll();
  }

  /**
   * Every answer so far, in the order in which they came.
   *
   * @throws IOException if one was wrong, or a connection was lost
   */
  public synchronized List<Answer> answers() throws IOException {
    if (failure != null) {
      throw new IOException("a client of " + program.description() + " failed", failure);
    }
    List<Answer> sorted = new ArrayList<>(answers);
    sorted.sort(Comparator.comparingLong(Answer::answeredNs));
    return sorted;
  }

  /**
   * Waits for so many more answers.
   *
   * @throws IOException if one was wrong, or a connection was lost
   */
  public synchronized void awaitMore(int more) throws IOException, InterruptedException {
    int enough = answers.size() + more;
    while (answers.size() < enough && failure == null) {
      wait();
    }
    answers();
  }

  /**
   * Has every client take its last answer, and ends. No connection is left then.
   *
   * @throws IOException if an answer was wrong or did not come
   */
  @Override
  public void close() throws IOException {
    stopped = true;
    for (Client client : clients) {
      try {
        if (!client.thread.join(LAST_ANSWER)) {
          client.thread.interrupt();
          throw new IOException("no answer within " + LAST_ANSWER);
        }
      } catch (InterruptedException interrupted) {
        clients.forEach(each -> each.thread.interrupt());
        Thread.currentThread().interrupt();
        throw (IOException) new InterruptedIOException("interrupted").initCause(interrupted);
      }
    }
    answers();
  }
}
