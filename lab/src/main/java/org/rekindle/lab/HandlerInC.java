package org.rekindle.lab;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.child.PrivateDirectory;

/**
 * The least that answers page faults: {@code lab/src/bench/c/uffd_handler.c}, which copies each
 * page that is asked for from a memory file on disk, and does nothing else.
 *
 * @param program compiled
 */
public record HandlerInC(Path program) {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /**
   * Compiles it.
   *
   * @param directory for the program
   * @return empty where there is no C compiler, or no source
   */
  public static Optional<HandlerInC> compile(Path directory) throws IOException {
    return isAvailable()
        ? Optional.of(new HandlerInC(DoubleMachine.compile(directory, "uffd_handler")))
        : Optional.empty();
  }

  /** Whether it can be compiled here: in a source tree, with a C compiler. */
  public static boolean isAvailable() {
    String root = System.getProperty("rekindle.root", "..");
    return Command.find("gcc").isPresent()
        && Files.exists(Path.of(root, "lab/src/bench/c/uffd_handler.c"));
  }

  /** Starts it for one guest; it listens already. */
  Session serve(Path memory) throws IOException {
    PrivateDirectory directory = PrivateDirectory.create();
    Path socket = directory.path().resolve("uffd");
    Path log = directory.path().resolve("faults");
    ChildProcess child =
        ChildProcess.start(
            new ProcessBuilder(
                program.toString(), socket.toString(), memory.toString(), "1", log.toString()),
            directory);
    Session session =
        new Session(child, GuestConsole.of("handler in C", child.process()), socket, log);
    try {
      session.console.awaitLine("listening", PATIENCE);
      return session;
    } catch (EOFException ended) {
      session.close();
      throw child.explain("the handler in C has ended");
    }
  }

  /** A handler that serves one guest. Closing ends it. */
  record Session(ChildProcess child, GuestConsole console, Path socket, Path log)
      implements AutoCloseable {
    /**
     * The faults that it has served, once the guest is gone.
     *
     * @param commandNs their times count from here
     * @param untilNs later ones do not count, for somebody has looked at all of the memory
     */
    List<FaultRow> faults(String region, long commandNs, long untilNs) throws IOException {
      if (!child.endsWithin(PATIENCE)) {
        throw new IOException("the handler in C does not end, although its guest has ended");
      }
      List<FaultRow> rows = new ArrayList<>();
      for (String line : Files.readAllLines(log)) {
        String[] fields = line.split(" ", -1);
        long arrivalNs = Long.parseLong(fields[0]);
        if (arrivalNs < untilNs) {
          rows.add(
              new FaultRow(
                  arrivalNs - commandNs,
                  Long.parseLong(fields[1]) - commandNs,
                  region,
                  Long.parseLong(fields[2]),
                  FaultRow.Cause.DEMAND,
                  FaultRow.VCPU_UNKNOWN));
        }
      }
      return rows;
    }

    @Override
    public void close() throws IOException {
      child.close();
      console.close();
    }
  }
}
