package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.FirecrackerImport;
import org.rekindle.guest.firecracker.SnapshotFiles;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.UffdGuest;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.linux.UnixListener;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;

/** A machine of the VMM double, imported from its snapshot files and restored at a socket. */
final class UffdGuestUnderTest implements GuestUnderTest {
  private static final int WORKING_SET_PAGES = 1024; // the double's own default

  /** With them, what the double knows of its faults is not the order of ours. */
  private static final Set<String> WITHOUT_ORDER = Set.of("--vcpus", "--balloon", "--huge");

  private final String name;
  private final DoubleMachine machine;

  UffdGuestUnderTest(String name, DoubleMachine machine) {
    long seed = System.nanoTime() % 1_000_000;
    this.name = "%s (seed %d)".formatted(name, seed);
    this.machine = machine.with("--seed", Long.toString(seed));
  }

  /** The machine, with the seed that it was given. */
  DoubleMachine machine() {
    return machine;
  }

  @Override
  public String toString() {
    return name;
  }

  @Override
  public int workingSetPages() {
    return WORKING_SET_PAGES;
  }

  @Override
  public long recordingNs() {
    return 1_000_000_000L;
  }

  @Override
  public void save(Path image) throws IOException {
    CPrograms.requireUserfaultfd();
    if (machine.options().contains("--huge")) {
      MoreHugePages.require(machine.memory().pages() / 512);
    }
    Path memory = image.resolveSibling("memory");
    Path state = image.resolveSibling("state");
    machine.writeSnapshot(memory, state);
    SnapshotFiles files = new SnapshotFiles(memory, state, null);
    try (FirecrackerImport work =
        new FirecrackerImport(files, image, ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      work.run();
    }
  }

  @Override
  public Restored start(Image image, Purpose purpose) throws IOException {
    Path socket = image.directory().resolveSibling("handover");
    UffdServer server =
        new UffdServer(socket, UnixListener.OWNER_ONLY, image.memory(), OnFailure.KILL);
    try {
      Path trace = image.directory().resolveSibling("trace");
      VmmDouble vmm =
          switch (purpose) {
            case RUN -> machine.start("--uffd", socket.toString());
            case STILL -> machine.start("--uffd", socket.toString(), "--paused");
            case WATCH -> machine.start("--uffd", socket.toString(), "--trace", trace.toString());
          };
      boolean hasOrder =
          purpose == Purpose.WATCH && Collections.disjoint(machine.options(), WITHOUT_ORDER);
      return new RestoredDouble(server, socket, vmm, hasOrder ? trace : null);
    } catch (IOException failed) {
      try (server) {
        throw failed;
      }
    }
  }

  private static final class RestoredDouble implements Restored {
    private final UffdServer server;
    private final Path socket;
    private final VmmDouble vmm;
    private final ProcessHandle process;
    private final @Nullable Path trace;

    RestoredDouble(UffdServer server, Path socket, VmmDouble vmm, @Nullable Path trace) {
      this.server = server;
      this.socket = socket;
      this.vmm = vmm;
      this.process = vmm.child().process().toHandle();
      this.trace = trace;
    }

    @Override
    public Outcome restore(Restorer restorer) throws IOException {
      List<Outcome> outcomes = new ArrayList<>();
      List<SessionEnd> ends = new ArrayList<>();
      server.serve(1, (UffdGuest guest) -> outcomes.add(restorer.restore(guest)), ends::add);
      assertThat(ends).hasSize(1);
      SessionEnd end = ends.getFirst();
      if (end.failure() != null) {
        assertThat(end.fate())
            .isEqualTo(
                end.failure() instanceof GuestGoneException
                    ? SessionEnd.Fate.ENDED
                    : SessionEnd.Fate.KILLED);
        throw thrown(end.failure());
      }
      return outcomes.getFirst();
    }

    private static IOException thrown(Throwable failure) throws IOException {
      switch (failure) {
        case IOException io -> throw io;
        case RuntimeException runtime -> throw runtime;
        case Error error -> throw error;
        default -> throw new IOException(failure);
      }
    }

    @Override
    public void assertLives() throws IOException {
      vmm.awaitBeats(3);
      assertThat(vmm.verdict()).startsWith("identical pages=16384 ");
      assertThat(vmm.waiting()).isZero();
    }

    @Override
    public void assertIdentical(Image image) throws IOException {
      assertThat(vmm.verdict())
          .startsWith("identical pages=" + image.memory().pages() + " removed=0 written=0");
    }

    @Override
    public Optional<List<Integer>> faultedPages() throws IOException {
      return trace == null
          ? Optional.empty()
          : Optional.of(
              Files.readAllLines(trace).stream()
                  .map(line -> Integer.valueOf(line.substring(0, line.indexOf(' '))))
                  .toList());
    }

    @Override
    public void kill() {
      vmm.kill();
    }

    @Override
    public List<ProcessHandle> processes() {
      return List.of(process);
    }

    @Override
    public List<Path> folders() {
      return List.of(socket, vmm.child().directory());
    }

    @Override
    public void close() throws IOException {
      try (server;
          vmm) {
        // in this order, backwards
      }
    }
  }
}
