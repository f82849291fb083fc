package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
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
import org.rekindle.restore.Outcome;

/** The process guest, saved and brought back as the demo does it. */
final class ProcessGuestUnderTest implements GuestUnderTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** Beats that are compared: the digest of each covers all reads before it. */
  private static final int BEATS = 20;

  private static final long BYTES_OF_A_WORKER = 32L << 20;
  private static final Workload WORKLOAD = new Workload(4000, 1000, 8, 64);

  private final ProcessMachine machine;
  private long nonce;
  private List<String> continuation = List.of(); // of the saved guest's heartbeat

  ProcessGuestUnderTest(Backing backing, int workers) {
    long seed = System.nanoTime() % 1_000_000;
    machine = new ProcessMachine(workers * BYTES_OF_A_WORKER, backing, workers, WORKLOAD, seed);
  }

  @Override
  public String toString() {
    return "process, %d vCPU, %s (seed %d)"
        .formatted(machine.workers(), machine.backing(), machine.seed());
  }

  /** Every hot record is asked for, and each has a page of its own at least. */
  @Override
  public int workingSetPages() {
    return Math.toIntExact(WORKLOAD.hotRecords() * machine.workers());
  }

  @Override
  public void save(Path image) throws IOException {
    CPrograms.requireUserfaultfd();
    try (ProcessGuest guest = ProcessGuest.start()) {
      guest.boot(machine);
      guest.run();
      guest.console().awaitBeats(BEATS, PATIENCE);
      ProcessSave.save(guest, image, ImageWriter.Options.DEFAULT, (_, _) -> {});
      nonce = guest.verify().nonce();
      int before = guest.console().beats().size();
      guest.run();
      guest.console().awaitBeats(before + BEATS, PATIENCE);
      continuation = heart(guest, before);
    }
  }

  /** Number and digest of the beats that follow the first so many. */
  private static List<String> heart(ProcessGuest guest, int before) {
    return guest.console().beats().stream()
        .skip(before)
        .limit(BEATS)
        .map((GuestConsole.Beat beat) -> beat.number() + " " + beat.check())
        .toList();
  }

  @Override
  public Restored start(Image image, Purpose purpose) throws IOException {
    return new RestoredProcess(ProcessGuest.start(), image, purpose != Purpose.STILL);
  }

  private final class RestoredProcess implements Restored {
    private final ProcessGuest guest;
    private final ProcessHandle process;
    private final Image image;
    private final boolean runs;
    private @Nullable ProcessIncoming incoming;

    RestoredProcess(ProcessGuest guest, Image image, boolean runs) {
      this.guest = guest;
      this.process = ProcessHandle.of(guest.pid()).orElseThrow();
      this.image = image;
      this.runs = runs;
    }

    @Override
    public Outcome restore(Restorer restorer) throws IOException {
      ProcessIncoming connected =
          ProcessIncoming.connect(
              guest, image, new ProcessIncoming.Settings(machine.backing(), runs, null));
      incoming = connected;
      return connected.settled(restorer.restore(connected.guest()));
    }

    @Override
    public void assertLives() throws IOException {
      guest.console().awaitBeats(BEATS, PATIENCE);
      assertThat(heart(guest, 0)).isEqualTo(continuation);
      assertIntact();
    }

    private void assertIntact() throws IOException {
      ProcessGuest.Verdict verdict = guest.verify();
      assertThat(verdict.nonce()).isEqualTo(nonce);
      assertThat(verdict.isIntact()).as(verdict.toString()).isTrue();
    }

    @Override
    public void assertIdentical(Image restoredImage) throws IOException {
      MemoryComparison found =
          MemoryComparison.compare(restoredImage, guest.pid(), 0, guest.memory().address());
      assertThat(found.isIdentical()).as(found.toString()).isTrue();
      assertThat(found.pages()).isEqualTo(restoredImage.memory().pages());
      guest.run();
      assertLives();
    }

    /** The kernel does not tell which of a thread's faults had to wait. */
    @Override
    public Optional<List<Integer>> faultedPages() {
      return Optional.empty();
    }

    /** Waits for its end: the last pages would come in while it dies. */
    @Override
    public void kill() {
      process.destroyForcibly();
      process.onExit().join();
    }

    @Override
    public List<ProcessHandle> processes() {
      return List.of(process);
    }

    @Override
    public List<Path> folders() {
      return List.of(guest.directory());
    }

    @Override
    public void close() throws IOException {
      try (guest) {
        if (incoming != null) {
          incoming.close();
        }
      }
    }
  }
}
