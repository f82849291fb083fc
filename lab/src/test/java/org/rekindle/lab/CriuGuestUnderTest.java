package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.rekindle.guest.criu.CriuGuest;
import org.rekindle.guest.criu.CriuImport;
import org.rekindle.guest.criu.LazyPagesSocket;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.lab.criu.CriuDump;
import org.rekindle.lab.criu.Debian13;
import org.rekindle.lab.criu.Sandbox;
import org.rekindle.restore.Outcome;

/** Processes (worker.c) that real CRIU dumps and restores. */
final class CriuGuestUnderTest implements GuestUnderTest {
  /** The CRIU of Debian 13, and a newer one with page maps of another form. */
  static final String STABLE = "/usr/sbin/criu";

  static final String TESTING = "/opt/criu-testing/criu";

  private static final int PAGES = 16_384;
  private static final int WORKING_SET_PAGES = 1024;
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final String name;
  private final Path program;
  private final String criu;
  private final int processes;
  private final boolean unsteady;
  private final long seed = System.nanoTime() % 1_000_000;
  private @Nullable CriuDump dump;

  /**
   * @param program worker.c, compiled
   * @param criu which one, as seen in the Debian folder
   * @param unsteady whether they give memory back and fork while they are restored
   */
  CriuGuestUnderTest(String name, Path program, String criu, int processes, boolean unsteady) {
    this.name = name;
    this.program = program;
    this.criu = criu;
    this.processes = processes;
    this.unsteady = unsteady;
  }

  @Override
  public String toString() {
    return "%s (seed %d)".formatted(name, seed);
  }

  @Override
  public int workingSetPages() {
    return WORKING_SET_PAGES * processes;
  }

  @Override
  public long recordingNs() {
    return 1_000_000_000L;
  }

  @Override
  public boolean mayEndByItself() {
    return true;
  }

  @Override
  public void save(Path image) throws IOException {
    Path root = Debian13.folder();
    Assumptions.assumeTrue(
        Files.exists(root.resolve(criu.substring(1))), criu + " is not in the Debian 13 folder");
    Path work = Files.createDirectory(image.resolveSibling("work"));
    Files.copy(program, work.resolve("worker"), StandardCopyOption.COPY_ATTRIBUTES);
    List<String> command = new ArrayList<>(List.of("./worker", "" + PAGES));
    command.addAll(List.of("" + WORKING_SET_PAGES, "" + processes, "" + seed));
    if (unsteady) {
      command.add("unsteady");
    }
    try (Sandbox sandbox = Sandbox.start(root, work)) {
      int pid = sandbox.daemon("worker", command.toArray(String[]::new));
      for (int number = 0; number < processes; number++) {
        sandbox.awaitFile("ready." + number);
      }
      dump = CriuDump.make(sandbox, criu, work, pid);
    }
    try (CriuImport imported =
        new CriuImport(dump.images(), image, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      assertThat(imported.run().pages()).isEqualTo(processes * PAGES);
    }
  }

  @Override
  public Restored start(Image image, Purpose purpose) throws IOException {
    CriuDump known = Objects.requireNonNull(dump, "nothing was saved");
    for (int number = 0; number < processes; number++) {
      Files.deleteIfExists(known.work().resolve("verdict." + number));
    }
    Files.deleteIfExists(known.work().resolve("ask"));
    Path go = known.work().resolve("go");
    switch (purpose) {
      case RUN -> Files.writeString(go, "");
      case STILL -> Files.deleteIfExists(go);
      case WATCH -> Files.writeString(go, "trace");
    }
    Sandbox sandbox = Sandbox.start(Debian13.folder(), known.work());
    try {
      LazyPagesSocket socket = LazyPagesSocket.listen(known.socket(), image);
      return new RestoredTree(known, sandbox, socket, purpose == Purpose.WATCH && processes == 1);
    } catch (IOException failed) {
      sandbox.close();
      throw failed;
    }
  }

  private final class RestoredTree implements Restored {
    private final CriuDump dump;
    private final Sandbox sandbox;
    private final ProcessHandle init;
    private final LazyPagesSocket socket;
    private final boolean hasOrder;
    private final List<ProcessHandle> all = new ArrayList<>();
    private @Nullable Process restoring;

    RestoredTree(CriuDump dump, Sandbox sandbox, LazyPagesSocket socket, boolean hasOrder)
        throws IOException {
      this.dump = dump;
      this.sandbox = sandbox;
      this.init = sandbox.init();
      this.socket = socket;
      this.hasOrder = hasOrder;
      all.add(init);
    }

    @Override
    public Outcome restore(Restorer restorer) throws IOException {
      Process criu = dump.startRestore(sandbox, "--lazy-pages");
      restoring = criu;
      all.add(criu.toHandle());
      CriuGuest guest = socket.accept(OnFailure.KILL);
      try (guest) {
        Outcome outcome = restorer.restore(guest);
        all.addAll(inside(criu));
        return outcome;
      } catch (IOException failed) {
        List<ProcessHandle> restored = inside(criu);
        all.addAll(restored);
        guest.close();
        restored.forEach(RestoredTree::assertEnds); // whoever did not get all of his memory
        throw failed;
      }
    }

    /** They are CRIU's children until it is done, and then the sandbox's. */
    private List<ProcessHandle> inside(Process criu) {
      return Stream.concat(criu.descendants(), init.descendants()).toList();
    }

    private void awaitCriu() throws IOException {
      try {
        dump.awaitRestored(Objects.requireNonNull(restoring));
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while CRIU was restoring", interrupted);
      }
    }

    private static void assertEnds(ProcessHandle process) {
      assertThat(process.onExit()).succeedsWithin(PATIENCE);
    }

    @Override
    public void assertLives() throws IOException {
      Files.createFile(dump.work().resolve("ask"));
      for (int number = 0; number < processes; number++) {
        sandbox.awaitFile("verdict." + number);
        assertThat(dump.work().resolve("verdict." + number)).hasContent("identical");
      }
    }

    @Override
    public void assertIdentical(Image image) throws IOException {
      awaitCriu(); // the sandbox does not have them before
      assertThat(image.memory().regions()).hasSize(processes);
      long address = Long.parseLong(Files.readString(dump.work().resolve("ready.0")));
      for (int region = 0; region < processes; region++) {
        int pid = Integer.parseInt(image.memory().region(region).name());
        long host = sandbox.process(pid).pid();
        MemoryComparison found = MemoryComparison.compare(image, host, region, address);
        assertThat(found.isIdentical()).as(found.toString()).isTrue();
      }
    }

    @Override
    public Optional<List<Integer>> faultedPages() throws IOException {
      return hasOrder
          ? Optional.of(
              Files.readAllLines(dump.work().resolve("trace.0")).stream()
                  .map(Integer::valueOf)
                  .toList())
          : Optional.empty();
    }

    @Override
    public void kill() {
      sandbox.close();
    }

    @Override
    public List<ProcessHandle> processes() {
      return all;
    }

    @Override
    public List<Path> folders() {
      return List.of(dump.socket());
    }

    @Override
    public void close() throws IOException {
      try (socket) {
        sandbox.close();
      }
    }
  }
}
