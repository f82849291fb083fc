package org.rekindle.guest.process.inside;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.json.Json;
import org.rekindle.json.Members;
import org.rekindle.linux.PidFd;

/*
 * The console of the guest program
 *
 * Standard input has a command a line: its number, a word, and what it needs as JSON. To each,
 * standard output has one answer: "done", the number and JSON, or "failed", the number and a sentence.
 * Between the answers come
 *
 *   beat NUMBER DIGEST   a heartbeat of virtual CPU 0: so many times operationsPerBeat operations are
 *                        done; the digest is of all that it has read
 *   running              virtual CPU 0 is about to run its first operation after "run"
 *
 *   rehearse   runs a load on scratch memory until the compiler has nothing left to do
 *   boot       {"bytes":,"backing":,"workers":,"seed":,"workload":{}}: maps memory and fills a store
 *   restore    {"bytes":,"backing":,"socket":,"workers":[{registers}]}: maps memory and hands it over,
 *              nothing in it
 *   run, pause the load; "pause" answers {"workers":[{registers}]}
 *   serve      {"socket":}: clients may connect there
 *   memory     {"address":,"bytes":}: where it lies
 *   verify     {"nonce":,"failures":,"damage":""}: looks through everything, also while paused
 *   peek       {"offset":}: the word of memory there; the worker whose part that is reads it
 *   poke       {"offset":,"value":}: writes it
 *   watch      {"socket":}: hands the memory over to instruments, as it is
 *   drop       {"offset":,"bytes":}: drops a range from the mapping, its content stays in the file
 *   note-writes has the kernel note which pages are written, for whoever asks
 *   unwatch     ends either
 *
 * The end of standard input ends the program, whatever it does then: so it never outlives whoever has
 * started it.
 */

/** The process guest, as a program. */
public final class GuestProgram {
  /** Of a rehearsal: as long as the load gets faster, in a memory with room for it. */
  private static final long SCRATCH_BYTES = 8 << 20;

  private static final Workload REHEARSED = new Workload(900, 450, 8, 64);
  private static final int REHEARSAL_OPERATIONS = 40_000;

  private final OutputStream out;
  private @Nullable GuestMemory memory;
  private List<Worker> workers = List.of();
  private boolean running;

  private GuestProgram(OutputStream out) {
    this.out = out;
  }

  /** Obeys standard input. */
  public static void main(String[] arguments) throws IOException {
    // A file stream writes an array in one system call, from a copy, and allocates nothing.
    try (OutputStream out = new FileOutputStream(FileDescriptor.out);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
      GuestProgram program = new GuestProgram(out);
      Thread.setDefaultUncaughtExceptionHandler((_, failure) -> program.fail(failure));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        program.obey(line);
      }
    } finally {
      end();
    }
  }

  /** See Worker: nothing gentler ends a program whose workers wait for pages. */
  private static void end() throws IOException {
    try (PidFd self = PidFd.open(Math.toIntExact(ProcessHandle.current().pid())).orElseThrow()) {
      self.signal(PidFd.SIGKILL);
    }
  }

  private void fail(Throwable failure) {
    try {
      say("fatal: " + failure);
      end();
    } catch (IOException nobodyListens) {
      Runtime.getRuntime().halt(1);
    }
  }

  private void say(String line) throws IOException {
    out.write((line.replace('\n', ' ') + "\n").getBytes(UTF_8));
  }

  private void obey(String line) throws IOException {
    String[] words = line.split(" ", 3);
    String answer;
    try {
      if (words.length != 3) {
        throw new IllegalArgumentException("no command: " + line);
      }
      Map<String, Object> result = obey(words[1], Json.parseObject(words[2]));
      answer = "done %s %s".formatted(words[0], Json.compact(result));
    } catch (IOException | RuntimeException failed) {
      String why =
          Objects.requireNonNullElse(failed.getMessage(), failed.getClass().getSimpleName());
      answer = "failed %s %s".formatted(words[0], why);
    }
    say(answer);
  }

  private Map<String, Object> obey(String command, Map<String, @Nullable Object> members)
      throws IOException {
    switch (command) {
      case "rehearse" -> rehearse();
      case "boot" -> boot(members);
      case "restore" -> restore(members);
      case "run" -> run();
      case "pause" -> {
        return pause();
      }
      case "serve" -> StoreServer.listen(Path.of(Members.text(members, "socket")), workers);
      case "memory" -> {
        return Map.of("address", memory().address(), "bytes", memory().bytes());
      }
      case "verify" -> {
        return verify();
      }
      case "peek" -> {
        return Map.of("value", access(Members.integer(members, "offset"), null));
      }
      case "poke" -> access(Members.integer(members, "offset"), Members.integer(members, "value"));
      case "watch" -> memory().handOver(Path.of(Members.text(members, "socket")), true);
      case "drop" ->
          memory().drop(Members.integer(members, "offset"), Members.integer(members, "bytes"));
      case "note-writes" -> memory().noteWrites();
      case "unwatch" -> memory().letGo();
      default -> throw new IllegalArgumentException("no command: " + command);
    }
    return Map.of();
  }

  private GuestMemory memory() {
    if (memory == null) {
      throw new IllegalStateException("this guest has no memory yet");
    }
    return memory;
  }

  private void rehearse() throws IOException {
    GuestMemory scratch = GuestMemory.map(Backing.ANONYMOUS, SCRATCH_BYTES);
    Worker worker =
        new Worker(0, scratch.part(0, 1), null, new BeatLine(OutputStream.nullOutputStream()));
    worker.start();
    worker.mailbox().ask(self -> self.boot(REHEARSED, 1, 1));
    worker.mailbox().ask(Worker::resume);
    long[] operations = new long[1];
    while (operations[0] < REHEARSAL_OPERATIONS) {
      LockSupport.parkNanos(1_000_000);
      worker.mailbox().ask(self -> operations[0] = self.load().operations());
    }
    worker.mailbox().ask(Worker::end);
    System.gc(); // the last one for a while, see Worker
  }

  private void map(Map<String, @Nullable Object> members) throws IOException {
    if (memory != null) {
      throw new IllegalStateException("this guest has its memory already");
    }
    memory =
        GuestMemory.map(
            Backing.valueOf(Members.text(members, "backing").toUpperCase(Locale.ROOT)),
            Members.integer(members, "bytes"));
  }

  private void employ(List<@Nullable Registers> registers) {
    List<Worker> employed = new ArrayList<>();
    for (int i = 0; i < registers.size(); i++) {
      Worker worker =
          new Worker(
              i,
              memory().part(i, registers.size()),
              registers.get(i),
              i == 0 ? new BeatLine(out) : null);
      worker.mailbox().hold();
      worker.start();
      employed.add(worker);
    }
    workers = employed;
  }

  private void boot(Map<String, @Nullable Object> members) throws IOException {
    Workload workload = Workload.fromMap(Members.object(members, "workload"));
    long seed = Members.integer(members, "seed");
    map(members);
    employ(Collections.nCopies(Math.toIntExact(Members.integer(members, "workers")), null));
    long nonce = new SplittableRandom().nextLong();
    for (int i = 0; i < workers.size(); i++) {
      long partSeed = seed + i;
      workers.get(i).mailbox().ask(self -> self.boot(workload, partSeed, nonce));
    }
  }

  private void restore(Map<String, @Nullable Object> members) throws IOException {
    List<@Nullable Registers> registers = new ArrayList<>();
    for (Map<String, @Nullable Object> each : Members.objects(members.get("workers"), "workers")) {
      registers.add(Registers.fromMap(each));
    }
    map(members);
    employ(registers);
    memory().handOver(Path.of(Members.text(members, "socket")), false);
  }

  /** Between pause and run, we hold the mailboxes: nobody else changes the memory. */
  private void run() {
    if (!running) {
      running = true;
      forEach(worker -> {
        worker.mailbox().ask(Worker::resume);
        worker.mailbox().release();
      });
    }
  }

  private Map<String, Object> pause() {
    List<Object> registers = new ArrayList<>();
    forEach(worker -> {
      if (running) {
        worker.mailbox().hold();
        worker.mailbox().ask(Worker::pause);
      }
      registers.add(worker.registers().toMap());
    });
    running = false;
    return Map.of("workers", registers);
  }

  private void forEach(Consumer<Worker> action) {
    if (workers.isEmpty()) {
      throw new IllegalStateException("this guest has not been booted yet");
    }
    workers.forEach(action);
  }

  private Map<String, Object> verify() {
    Map<String, Object> verdict = new LinkedHashMap<>();
    StringBuilder damage = new StringBuilder();
    long[] sums = new long[2];
    forEach(worker ->
        worker
            .mailbox()
            .ask(self -> {
              sums[0] = self.load().store().nonce();
              sums[1] += self.load().failures();
              damage.append(self.load().store().damage());
            }));
    verdict.put("nonce", sums[0]);
    verdict.put("failures", sums[1]);
    verdict.put("damage", damage.toString());
    return verdict;
  }

  /** Reads a word, and writes one if there is one to write. */
  private long access(long offset, @Nullable Long value) {
    long partBytes = memory().partBytes(workers.size());
    long[] word = new long[1];
    workers
        .get(Math.toIntExact(offset / partBytes))
        .mailbox()
        .ask(self -> {
          if (value == null) {
            word[0] = self.memory().get(JAVA_LONG, offset % partBytes);
          } else {
            self.memory().set(JAVA_LONG, offset % partBytes, value);
          }
        });
    return word[0];
  }
}
