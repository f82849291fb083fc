package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.process.ProcessGuest;
import org.rekindle.guest.process.ProcessIncoming;
import org.rekindle.guest.process.ProcessMachine;
import org.rekindle.guest.process.ProcessSave;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;
import org.rekindle.scope.Scope;

/**
 * The process guest as a subject: a store in a process of ours.
 *
 * <p>A clone is asked what the saved guest would have been asked next. The guest that runs, and the
 * clone that tells the truth about it, are asked by other clients: the same hot records, in another
 * order. So a profile is judged by requests that it has not seen.
 *
 * @param seedOfOthers decides what those other clients ask for
 */
public record DemoProcess(ProcessMachine machine, long seedOfOthers) implements Subject {
  private static final int DEMO_MIB = 256;
  private static final int HOT_ONE_IN = 8;
  private static final long SEED_OF_OTHERS = 2;

  /** It says so before it touches a page. */
  private static final Duration RUNNING = Duration.ofSeconds(30);

  /**
   * The guest of {@code rekindle demo --guest process}: 192 of 256 MiB are filled, and 27 MiB are
   * wanted all the time. An operation takes 65 us on a 2024 server core, so that a heartbeat comes
   * every 17 ms and nearly all of the working set is touched in 2 s.
   */
  public static DemoProcess demo() {
    return ofSize(DEMO_MIB);
  }

  /** The same with more or less memory, and in proportion more or less in it and wanted of it. */
  public static DemoProcess ofSize(int memoryMiB) {
    long records = 34_000L * memoryMiB / DEMO_MIB;
    return of(memoryMiB, records, records / HOT_ONE_IN, 64, 256);
  }

  /** A guest of so many GiB, as full as the demo's, that wants the same 27 MiB all the time. */
  public static DemoProcess grown(int memoryGiB) {
    return of(1024 * memoryGiB, 34_000L * 4 * memoryGiB, 34_000 / HOT_ONE_IN, 64, 256);
  }

  /** One that is up in a second, for tests. */
  public static DemoProcess small() {
    return of(32, 4000, 4000 / HOT_ONE_IN, 16, 128);
  }

  private static DemoProcess of(
      int memoryMiB, long records, long hotRecords, int rounds, int operationsPerBeat) {
    Workload workload = new Workload(records, hotRecords, rounds, operationsPerBeat);
    return new DemoProcess(
        new ProcessMachine((long) memoryMiB << 20, Backing.MEMFD, 1, workload, 1), SEED_OF_OTHERS);
  }

  /** The same, whose other clients are others again. */
  public DemoProcess askedBy(long seed) {
    return new DemoProcess(machine, seed);
  }

  @Override
  public String description() {
    return "%d MiB process, %d vCPU, store".formatted(memoryMiB(), machine.workers());
  }

  @Override
  public int memoryMiB() {
    return (int) (machine.bytes() >> 20);
  }

  /**
   * The least popular of the hot records is not among the first k requests with a probability of
   * exp(-k / 2 hot), so after 6 hot requests 95 % even of those were.
   */
  @Override
  public int beatsPerPass() {
    Workload workload = machine.workload();
    return Math.toIntExact(6 * workload.hotRecords() / workload.operationsPerBeat());
  }

  /** A record has one page and a half; a few are of the index. */
  @Override
  public int workingSetPages() {
    return Math.toIntExact(machine.workload().hotRecords() * machine.workers() * 3 / 2);
  }

  @Override
  public List<String> method() {
    return List.of(
        "Times count from the command to a waiting process to hand its memory over. The start of"
            + " that process, and a second in which its JVM compiles what the guest needs, are not"
            + " in them: a processor does not begin slow.",
        "The profile was recorded with the requests that would have come next; the runs, and the"
            + " second recording, had others for the same hot records.",
        "memoryIdentical: the nonce of the guest is that of the one that was saved, every record"
            + " that it has was intact when all was in, as were index, free lists and counters, and"
            + " no operation had met anything else. (Page by page, paused guests are compared in the"
            + " contract tests.)");
  }

  @Override
  public boolean waitsForRestore() {
    return true;
  }

  @Override
  public boolean takesOtherHandlers() {
    return true;
  }

  @Override
  public Subject.Running start() throws IOException {
    ProcessGuest guest = ProcessGuest.start();
    try {
      guest.boot(machine);
      guest.run();
      return new Running(guest);
    } catch (IOException | RuntimeException failed) {
      guest.close();
      throw failed;
    }
  }

  @Override
  public Returning startForRestore(Purpose purpose) throws IOException {
    ProcessGuest guest = ProcessGuest.start();
    try {
      guest.rehearse();
    } catch (IOException | RuntimeException failed) {
      guest.close();
      throw failed;
    }
    @Nullable Long seed = purpose == Purpose.CLONE ? null : (Long) seedOfOthers;
    return new Returning(
        guest,
        machine.workers(),
        new ProcessIncoming.Settings(machine.backing(), purpose != Purpose.STAY_PAUSED, seed));
  }

  private static String identity(ProcessGuest guest) throws IOException {
    ProcessGuest.Verdict verdict = guest.verify();
    return "%016x %s".formatted(verdict.nonce(), verdict.isIntact() ? "intact" : verdict);
  }

  private record Running(ProcessGuest guest) implements Subject.Running {
    @Override
    public GuestConsole console() {
      return guest.console();
    }

    @Override
    public String awaitReady() throws IOException {
      return "process %d, memory at 0x%x".formatted(guest.pid(), guest.memory().address());
    }

    @Override
    public String identity() throws IOException {
      return DemoProcess.identity(guest);
    }

    @Override
    public Saved save(Path image, Image.Progress progress) throws IOException {
      long startNs = System.nanoTime();
      long bytes = ProcessSave.save(guest, image, ImageWriter.Options.DEFAULT, progress);
      long elapsedNs = System.nanoTime() - startNs;
      return new Saved(elapsedNs, elapsedNs, bytes);
    }

    @Override
    public void close() throws IOException {
      guest.close();
    }
  }

  /** A process that waits, and becomes the guest. */
  static final class Returning implements Subject.Returning {
    private final Scope scope = new Scope();
    private final ProcessGuest guest;
    private final int workers;
    private final ProcessIncoming.Settings settings;
    private @Nullable ProcessIncoming incoming; // since connect

    private Returning(ProcessGuest guest, int workers, ProcessIncoming.Settings settings) {
      this.guest = scope.add(guest);
      this.workers = workers;
      this.settings = settings;
    }

    ProcessGuest guest() {
      return guest;
    }

    @Override
    public long pid() {
      return guest.pid();
    }

    @Override
    public GuestConsole console() {
      return guest.console();
    }

    @Override
    public Guest connect(Image image) throws IOException {
      ProcessIncoming connected = scope.add(ProcessIncoming.connect(guest, image, settings));
      incoming = connected;
      return connected.guest();
    }

    @Override
    public Outcome settled(Outcome outcome) throws IOException {
      return Objects.requireNonNull(incoming).settled(outcome);
    }

    @Override
    public long restoreByHandler(Image image, Path socket) throws IOException {
      ProcessIncoming.handOver(guest, image, settings, socket);
      guest.run();
      return guest.console().awaitLine("running", RUNNING).arrivalNs();
    }

    @Override
    public String identity() throws IOException {
      return DemoProcess.identity(guest);
    }

    @Override
    public int vcpus() {
      return workers;
    }

    @Override
    public void close() throws IOException {
      scope.close();
    }
  }
}
