package org.rekindle.guest.process;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Store;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.Profile;

/** Real processes, started, saved, restored and killed. */
@Tag("slow")
@Timeout(120)
class ProcessGuestSlowTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Strategy.Options FAST_FILL =
      new Strategy.Options(16 * Strategy.PAPER_FILL_PAGES_PER_SECOND, Integer.MAX_VALUE);

  @TempDir Path directory;
  private final List<ProcessGuest> started = new ArrayList<>();

  private static ProcessMachine machine(Backing backing, int workers) {
    return new ProcessMachine(
        workers * (16L << 20), backing, workers, new Workload(2000, 250, 8, 64), 42);
  }

  private ProcessGuest start() throws IOException {
    ProcessGuest guest = ProcessGuest.start();
    started.add(guest);
    return guest;
  }

  private ProcessGuest boot(ProcessMachine machine) throws IOException {
    ProcessGuest guest = start();
    guest.boot(machine);
    guest.run();
    return guest;
  }

  @AfterEach
  void nothingIsLeftBehind() throws IOException {
    for (ProcessGuest guest : started) {
      guest.close();
      assertThat(guest.isAlive()).isFalse();
      assertThat(guest.directory()).doesNotExist();
    }
  }

  private Path save(ProcessGuest guest) throws IOException {
    Path image = directory.resolve("image");
    long bytes = ProcessSave.save(guest, image, ImageWriter.Options.DEFAULT, (_, _) -> {});
    assertThat(bytes).isPositive();
    return image;
  }

  private static Outcome restore(
      ProcessGuest process, Image image, ProcessIncoming.Settings settings, Plan plan, long forNs)
      throws IOException {
    try (ProcessIncoming incoming = ProcessIncoming.connect(process, image, settings)) {
      return incoming.settled(
          RestoreThread.run(new Restore(image, incoming.guest(), plan), forNs, 0, (_, _) -> {}));
    }
  }

  private static Outcome restore(
      ProcessGuest process, Image image, ProcessIncoming.Settings settings, Strategy strategy)
      throws IOException {
    return restore(process, image, settings, strategy.plan(image, FAST_FILL), Long.MAX_VALUE);
  }

  private Profile record(Image image, ProcessIncoming.Settings settings) throws IOException {
    Outcome outcome = restore(start(), image, settings, Strategy.recording(image), 500_000_000);
    FaultLog log = outcome.faults();
    for (int i = 0; i < log.size(); i++) {
      assertThat(log.vcpu(i)).as("fault %d", i).isBetween(0, 1);
    }
    return Recording.profile(outcome);
  }

  @ParameterizedTest
  @EnumSource
  void itGoesOnFromWhereItWasSaved(Backing backing) throws IOException {
    ProcessGuest original = boot(machine(backing, 2));
    original.console().awaitBeats(20, PATIENCE);
    Path saved = save(original);
    long nonce = original.verify().nonce();
    // What it does afterwards, undisturbed.
    int before = original.console().beats().size();
    original.run();
    original.console().awaitBeats(before + 20, PATIENCE);
    List<String> expected = heart(original).subList(before, before + 20);

    try (Image image = Image.open(saved)) {
      Profile profile = record(image, settings(backing));
      assertThat(profile.size()).isBetween(100, image.memory().pages() * 3 / 4);
      Image.attach(saved, profile);
    }
    try (Image image = Image.open(saved)) {
      for (Strategy strategy : Strategy.values()) {
        ProcessGuest restored = start();
        Outcome outcome = restore(restored, image, settings(backing), strategy);
        assertThat(outcome.firstInstructionNs()).isBetween(outcome.startedNs(), System.nanoTime());
        restored.console().awaitBeats(20, PATIENCE);
        assertThat(heart(restored).subList(0, 20)).as(strategy.label()).isEqualTo(expected);
        ProcessGuest.Verdict verdict = restored.verify();
        assertThat(verdict.nonce()).as(strategy.label()).isEqualTo(nonce);
        assertThat(verdict.isIntact()).as("%s: %s", strategy.label(), verdict).isTrue();
      }
    }
  }

  /** Number and digest of each beat. */
  private static List<String> heart(ProcessGuest guest) {
    return guest.console().beats().stream()
        .map(beat -> beat.number() + " " + beat.check())
        .toList();
  }

  private static ProcessIncoming.Settings settings(Backing backing) {
    return new ProcessIncoming.Settings(backing, true, null);
  }

  @Test
  void withAnotherSeedItHasOtherRequestsAndTheSameMemory() throws IOException {
    Path saved = save(boot(machine(Backing.MEMFD, 1)));
    List<String> checks = new ArrayList<>();
    try (Image image = Image.open(saved)) {
      for (long seed = 1; seed <= 2; seed++) {
        ProcessGuest restored = start();
        restore(
            restored,
            image,
            new ProcessIncoming.Settings(Backing.MEMFD, true, seed),
            Strategy.LAZY);
        checks.add(restored.console().awaitBeats(1, PATIENCE).check());
        assertThat(restored.verify().isIntact()).isTrue();
      }
    }
    assertThat(checks).doesNotHaveDuplicates();
  }

  @Test
  void clientsGetWhatTheyPutAlsoAfterARestore() throws IOException {
    ProcessGuest original = boot(machine(Backing.MEMFD, 2));
    try (Client client = new Client(original.serve())) {
      assertThat(client.request("GET 12345")).isEqualTo("NONE");
      assertThat(client.request("PUT 12345 11", "hello world")).isEqualTo("STORED 1");
      assertThat(client.request("PUT 12345 5", "hello")).isEqualTo("STORED 2");
      assertThat(client.request("GET 12345")).isEqualTo("VALUE 2 5");
      assertThat(client.line()).isEqualTo("hello");
      assertThat(client.keys()).hasSize(4001).contains(12345L);
      assertThat(client.request("PUT 1 " + (Store.MAX_VALUE_BYTES + 1))).startsWith("ERROR");
    }
    try (Client client = new Client(original.directory().resolve("store"))) {
      assertThat(client.request("nonsense")).isEqualTo("ERROR no request: nonsense");
    }
    Path saved = save(original);
    try (Image image = Image.open(saved)) {
      ProcessGuest restored = start();
      restore(restored, image, ProcessIncoming.Settings.DEFAULT, Strategy.ADAPTIVE);
      try (Client client = new Client(restored.serve())) {
        assertThat(client.request("GET 12345")).isEqualTo("VALUE 2 5");
        assertThat(client.line()).isEqualTo("hello");
        assertThat(client.keys()).hasSize(4001);
      }
    }
  }

  /** A client of the store. */
  private static final class Client implements AutoCloseable {
    private final SocketChannel channel;
    private final java.io.BufferedReader in;

    Client(Path socket) throws IOException {
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(UnixDomainSocketAddress.of(socket));
      in = new java.io.BufferedReader(Channels.newReader(channel, US_ASCII));
    }

    /** Sends a line, and perhaps bytes behind it; the first line of the answer. */
    String request(String line, String... bytes) throws IOException {
      String text = line + "\n" + String.join("", bytes);
      channel.write(ByteBuffer.wrap(text.getBytes(US_ASCII)));
      return line();
    }

    String line() throws IOException {
      return String.valueOf(in.readLine());
    }

    List<Long> keys() throws IOException {
      List<Long> keys = new ArrayList<>();
      String next = "0";
      do {
        String[] words = request("SCAN " + next + " 1000").split(" ", -1);
        assertThat(words[0]).isEqualTo("KEYS");
        next = words[1];
        for (int i = 2; i < words.length; i++) {
          keys.add(Long.valueOf(words[i]));
        }
      } while (!next.equals("0"));
      return keys;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  @Test
  void aPausedGuestStandsStill() throws IOException {
    ProcessGuest guest = boot(machine(Backing.MEMFD, 1));
    guest.console().awaitBeats(2, PATIENCE);
    assertThat(guest.pause()).isEqualTo(guest.pause());
    guest.run();
    guest.console().awaitBeats(guest.console().beats().size() + 1, PATIENCE);
  }

  @Test
  void theDeathOfTheGuestEndsTheRestore() throws IOException {
    Path saved = save(boot(machine(Backing.MEMFD, 1)));
    ProcessGuest dying = start();
    try (Image image = Image.open(saved);
        ProcessIncoming incoming =
            ProcessIncoming.connect(dying, image, ProcessIncoming.Settings.DEFAULT)) {
      Restore restore = new Restore(image, incoming.guest(), Strategy.LAZY.plan(image, FAST_FILL));
      ProcessHandle.of(dying.pid()).orElseThrow().destroyForcibly();
      assertThatThrownBy(() -> RestoreThread.run(restore, Long.MAX_VALUE, 0, (_, _) -> {}))
          .isInstanceOf(GuestGoneException.class);
    }
  }

  /** A worker waits for a page then, in the middle of compiled code. */
  @Test
  void aGuestWhosePagerHasLeftCanBeEnded() throws Exception {
    Path saved = save(boot(machine(Backing.MEMFD, 1)));
    ProcessGuest closed = hanging(saved);
    closed.close();
    assertThat(closed.isAlive()).isFalse();

    // Whoever has started it has ended: so has its standard input.
    ProcessGuest orphaned = hanging(saved);
    orphaned.console().close();
    ProcessHandle.of(orphaned.pid())
        .ifPresent(process -> process.onExit().orTimeout(60, TimeUnit.SECONDS).join());
  }

  private ProcessGuest hanging(Path saved) throws IOException {
    ProcessGuest guest = start();
    try (Image image = Image.open(saved);
        ProcessIncoming incoming =
            ProcessIncoming.connect(guest, image, ProcessIncoming.Settings.DEFAULT)) {
      incoming.guest().start();
      guest.console().awaitLine("running", PATIENCE);
    }
    return guest;
  }

  @Test
  void whatIsWrongIsSaid() throws IOException {
    ProcessGuest guest = start();
    assertThatThrownBy(guest::pause).hasMessageContaining("has not been booted");
    assertThatThrownBy(guest::memory).hasMessageContaining("no memory yet");
    assertThatThrownBy(() ->
            guest.boot(
                new ProcessMachine(1 << 20, Backing.MEMFD, 1, new Workload(2000, 1, 1, 1), 1)))
        .hasMessageContaining("2000 records fit into 1048576 bytes");
    ProcessHandle.of(guest.pid()).orElseThrow().destroyForcibly();
    assertThatThrownBy(guest::pause).hasMessageContaining("the process guest has ended");
    assertThat(Files.exists(guest.directory())).isTrue();
  }
}
