package org.rekindle.guest.process;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.inside.GuestProgram;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.image.Region;
import org.rekindle.json.Json;
import org.rekindle.json.Members;
import org.rekindle.scan.ScannedMemory;

/**
 * The process guest from outside: its process, and the console by which it is driven (see {@link
 * GuestProgram}).
 *
 * <p>Closing it ends the process; so does the end of this JVM.
 */
public final class ProcessGuest implements AutoCloseable {
  /**
   * For each command. Looking through 256 MiB takes 0.2 s; a worker that waits for a page of a
   * throttled disk keeps a command waiting too.
   */
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /**
   * Its JVM. The heap: a demo allocates 20 MB until the guest runs and next to nothing afterwards,
   * so that it has no collection but the one that it asks for (see Worker). Without the JVM's own
   * signal handlers SIGTERM ends it at once, also when its workers wait for pages.
   */
  private static final List<String> JVM_OPTIONS =
      List.of(
          "-XX:+UseSerialGC",
          "-Xms64m",
          "-Xmx64m",
          "-Xmn48m",
          "-Xrs",
          "--enable-native-access=ALL-UNNAMED");

  private final ChildProcess child;
  private final GuestConsole console;
  private final AtomicLong commands = new AtomicLong(); // so far
  private volatile boolean runs;

  private ProcessGuest(ChildProcess child) {
    this.child = child;
    this.console = GuestConsole.of("process guest " + child.pid(), child.process());
  }

  /** Starts a process without memory, which waits for commands. */
  public static ProcessGuest start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(JVM_OPTIONS);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(GuestProgram.class.getName());
    return new ProcessGuest(
        ChildProcess.start(new ProcessBuilder(command), PrivateDirectory.create()));
  }

  /** Has it compiled before it is needed: a processor does not begin slow. About a second. */
  public void rehearse() throws IOException {
    command("rehearse");
  }

  /** Maps its memory and fills the stores in it. It does not run yet. */
  public void boot(ProcessMachine machine) throws IOException {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("bytes", machine.bytes());
    members.put("backing", name(machine.backing()));
    members.put("workers", (long) machine.workers());
    members.put("seed", machine.seed());
    members.put("workload", machine.workload().toMap());
    command("boot", members);
  }

  static String name(Backing backing) {
    return backing.name().toLowerCase(Locale.ROOT);
  }

  /** Lets its workers run; a line "running" of its console says that they do. */
  public void run() throws IOException {
    runs = true;
    command("run");
  }

  /** Whether its workers run, or have been told to. */
  boolean runs() {
    return runs;
  }

  /** The same, without waiting for an answer. */
  void tellToRun() throws IOException {
    runs = true;
    console.tell(commands.incrementAndGet() + " run {}");
  }

  /**
   * Stops its workers between two operations, and holds its clients up.
   *
   * @return what they know beside their memory
   */
  public List<Registers> pause() throws IOException {
    List<Registers> registers = new ArrayList<>();
    runs = false;
    for (Map<String, @Nullable Object> worker :
        Members.objects(command("pause").get("workers"), "workers")) {
      registers.add(Registers.fromMap(worker));
    }
    return registers;
  }

  /** Maps memory and hands it over, nothing in it, to whoever listens there. */
  void restore(Path socket, long bytes, Backing backing, List<Registers> registers)
      throws IOException {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("bytes", bytes);
    members.put("backing", name(backing));
    members.put("socket", socket.toString());
    members.put("workers", registers.stream().map(Registers::toMap).toList());
    command("restore", members);
  }

  /** Hands the memory over to instruments, as it is. */
  void watch(Path socket) throws IOException {
    command("watch", Map.of("socket", socket.toString()));
  }

  /**
   * Has the kernel note which pages it writes, for {@link org.rekindle.scan.WrittenPages}; it may
   * run meanwhile. Who watched the memory does so no longer.
   *
   * @throws IOException before Linux 6.7
   */
  public void noteWrites() throws IOException {
    command("note-writes");
  }

  /** Has nobody watch the memory, and no writes noted. */
  public void unwatch() throws IOException {
    command("unwatch");
  }

  /** Drops a range from the mapping; of a memory file the content stays. */
  void drop(long offset, long bytes) throws IOException {
    command("drop", Map.of("offset", offset, "bytes", bytes));
  }

  /** Lets clients connect; where. Once. */
  public Path serve() throws IOException {
    Path socket = child.directory().resolve("store");
    command("serve", Map.of("socket", socket.toString()));
    return socket;
  }

  /**
   * Where the memory lies.
   *
   * @param address in the guest's process
   */
  public record Location(long address, long bytes) {}

  public Location memory() throws IOException {
    Map<String, @Nullable Object> answer = command("memory");
    return new Location(Members.integer(answer, "address"), Members.integer(answer, "bytes"));
  }

  /** The same, for those who scan it. */
  public ScannedMemory scanned() throws IOException {
    Location location = memory();
    Region region = ProcessMachine.memory(location.bytes()).regions().getFirst();
    return new ScannedMemory(pid(), region.name(), location.address(), region.pages());
  }

  /**
   * What the guest has found when it looked through all of its memory.
   *
   * @param nonce by which it is recognised: another one at every boot
   * @param failures operations that met something damaged
   * @param damage what is wrong now; empty if nothing is
   */
  public record Verdict(long nonce, long failures, String damage) {
    public boolean isIntact() {
      return failures == 0 && damage.isEmpty();
    }
  }

  /** Has it look through all of its memory: every record, the indexes, the free lists. */
  public Verdict verify() throws IOException {
    Map<String, @Nullable Object> answer = command("verify");
    return new Verdict(
        Members.integer(answer, "nonce"),
        Members.integer(answer, "failures"),
        Members.text(answer, "damage"));
  }

  /** Has a worker read the word of memory at an offset. */
  public long peek(long offset) throws IOException {
    return Members.integer(command("peek", Map.of("offset", offset)), "value");
  }

  /** Has a worker write the word of memory at an offset; it should be paused. */
  public void poke(long offset, long value) throws IOException {
    command("poke", Map.of("offset", offset, "value", value));
  }

  private Map<String, @Nullable Object> command(String command) throws IOException {
    return command(command, Map.of());
  }

  private Map<String, @Nullable Object> command(String command, Map<String, Object> members)
      throws IOException {
    String number = Long.toString(commands.incrementAndGet());
    String done = "done %s ".formatted(number);
    String failed = "failed %s ".formatted(number);
    try {
      String answer =
          console.command(
              "%s %s %s".formatted(number, command, Json.compact(members)),
              line -> line.startsWith(done) || line.startsWith(failed),
              "\"" + done + "...\"",
              PATIENCE);
      if (answer.startsWith(failed)) {
        throw new IOException("the process guest: " + answer.substring(failed.length()));
      }
      return Json.parseObject(answer.substring(done.length()));
    } catch (EOFException ended) {
      IOException explained = child.explain("the process guest has ended");
      explained.initCause(ended);
      throw explained;
    }
  }

  /** What it says: its heartbeat, each beat with the time of its arrival. */
  public GuestConsole console() {
    return console;
  }

  public long pid() {
    return child.pid();
  }

  public boolean isAlive() {
    return child.isAlive();
  }

  /** The private directory, for sockets. */
  public Path directory() {
    return child.directory();
  }

  @Override
  public void close() throws IOException {
    child.close();
    console.close();
  }
}
