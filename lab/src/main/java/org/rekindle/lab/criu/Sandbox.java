package org.rekindle.lab.criu;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A Debian folder as a small machine: programs see it as their root, and have process ids of their
 * own, which is what CRIU wants (it gives every process the id that it had). Needs root.
 *
 * <p>Everything that runs in it ends when it is closed, and also when this JVM dies, however it
 * does: its first process waits for the end of a pipe that we hold.
 */
public final class Sandbox implements AutoCloseable {
  /** Where the work folder lies inside. */
  public static final Path WORK = Path.of("/mnt/work");

  private static final long ENDING_S = 30;

  private final Process keeper;
  private final long init;

  private Sandbox(Process keeper, long init) {
    this.keeper = keeper;
    this.init = init;
  }

  /**
   * Makes one.
   *
   * @param root the Debian folder; it is only bound, several sandboxes can share it
   * @param work a folder of the host to share with the programs inside
   * @throws IOException with the shell's words if it cannot be made
   */
  public static Sandbox start(Path root, Path work) throws IOException {
    Process keeper =
        new ProcessBuilder(
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                script(),
                "sandbox",
                root.toRealPath().toString(),
                work.toRealPath().toString())
            .redirectErrorStream(true)
            .start();
    try {
      String said = keeper.inputReader(StandardCharsets.UTF_8).readLine();
      Optional<ProcessHandle> init = keeper.children().findFirst();
      if (!"ready".equals(said) || init.isEmpty()) {
        throw new IOException("no sandbox in " + root + ": " + said);
      }
      return new Sandbox(keeper, init.get().pid());
    } catch (IOException | RuntimeException failed) {
      keeper.destroyForcibly();
      throw failed;
    }
  }

  private static String script() throws IOException {
    try (InputStream script = Sandbox.class.getResourceAsStream("sandbox.sh")) {
      if (script == null) {
        throw new IllegalStateException("sandbox.sh is missing from this program");
      }
      return new String(script.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** A command to be run inside, in the work folder. */
  public ProcessBuilder command(String... command) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "nsenter",
                "--target",
                Long.toString(init),
                "--mount",
                "--pid",
                "--root",
                "--wd",
                "--"));
    words.addAll(List.of(command));
    ProcessBuilder builder = new ProcessBuilder(words);
    builder.environment().put("LC_ALL", "C.UTF-8");
    return builder;
  }

  /**
   * Runs a command to its end; what it printed, errors included.
   *
   * @throws IOException with what it printed, if it fails
   */
  public String run(String... command) throws IOException {
    ProcessBuilder builder = command(command).redirectErrorStream(true);
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    Process process = builder.start();
    try (InputStream output = process.getInputStream();
        InputStream _ = errors(process)) {
      String printed = new String(output.readAllBytes(), StandardCharsets.UTF_8).strip();
      int status = process.waitFor();
      if (status != 0) {
        throw new IOException(
            "%s failed with status %d: %s".formatted(String.join(" ", command), status, printed));
      }
      return printed;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while " + command[0] + " was running")
              .initCause(interrupted);
    } finally {
      process.destroyForcibly();
    }
  }

  /**
   * Starts a program that can be dumped: the leader of a session of its own, with no file open
   * beside /dev/null and its log, NAME.log in the work folder. It and its threads and children have
   * numbers from 1000 on: CRIU and its daemon have lower ones in the sandbox that it is restored
   * in, or a number that it had might be taken there.
   *
   * @return its process id inside
   */
  public int daemon(String name, String... command) throws IOException {
    List<String> words = new ArrayList<>(List.of("sh", "-euc", DAEMON, name));
    words.addAll(List.of(command));
    return Integer.parseInt(run(words.toArray(String[]::new)));
  }

  /**
   * A process that runs inside, as it is seen from here.
   *
   * @param pid inside
   * @throws IOException if there is none
   */
  public ProcessHandle process(int pid) throws IOException {
    List<ProcessHandle> all =
        ProcessHandle.of(init).stream().flatMap(ProcessHandle::descendants).toList();
    for (ProcessHandle each : all) {
      if (pidInside(each.pid()).equals(Integer.toString(pid))) {
        return each;
      }
    }
    throw new IOException("no process " + pid + " runs in the sandbox");
  }

  /** The last of its numbers is that in the innermost namespace; empty if it has ended. */
  private static String pidInside(long pid) throws IOException {
    try (Stream<String> status = Files.lines(Path.of("/proc", Long.toString(pid), "status"))) {
      return status
          .filter(line -> line.startsWith("NSpid:"))
          .map(line -> line.substring(line.lastIndexOf('\t') + 1))
          .findFirst()
          .orElse("");
    } catch (NoSuchFileException ended) {
      return "";
    }
  }

  /** Its first process, with which everything inside ends. */
  public ProcessHandle init() throws IOException {
    return ProcessHandle.of(init).orElseThrow(() -> new IOException("the sandbox has ended"));
  }

  /**
   * Waits until a file exists inside, such as one that a {@link #daemon} makes when it is ready.
   */
  public void awaitFile(String path) throws IOException {
    run("timeout", "300", "sh", "-c", "while [ ! -e \"$0\" ]; do sleep 0.01; done", path);
  }

  private static final String DAEMON =
      """
      echo 999 >/proc/sys/kernel/ns_last_pid
      setsid sh -c 'echo $$ >"$0.pid"; exec "$@"' "$0" "$@" </dev/null >"$0.log" 2>&1 3>&- &
      while [ ! -s "$0.pid" ]; do sleep 0.01; done
      cat "$0.pid"
      rm "$0.pid"
      """;

  /**
   * A pipe that nothing comes out of, for errors go where the output goes; yet it is there, and a
   * thread of the JDK's would close it some time after the process has ended.
   */
  private static InputStream errors(Process process) {
    return process.getErrorStream();
  }

  /** Ends everything inside; works while this thread is interrupted. */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    try (InputStream _ = keeper.getInputStream();
        InputStream _ = errors(keeper)) {
      keeper.getOutputStream().close();
      if (!keeper.waitFor(ENDING_S, TimeUnit.SECONDS)) {
        keeper.destroyForcibly().waitFor();
      }
    } catch (IOException | InterruptedException hurry) {
      interrupted |= hurry instanceof InterruptedException;
      keeper.destroyForcibly();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
