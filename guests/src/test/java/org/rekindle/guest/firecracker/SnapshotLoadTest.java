package org.rekindle.guest.firecracker;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.uffd.HandOver;
import org.rekindle.guest.uffd.HandedRegion;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.json.Json;
import org.rekindle.json.Members;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;

/**
 * A load through the API, with the hand-over and the faults that a real one has: this process is
 * the VMM, and its memory is read by system calls only, which may wait for a page.
 */
@Timeout(60)
class SnapshotLoadTest {
  private static final int PAGES = 64;
  private static final int DEVICE_PAGE = 3;

  @TempDir Path directory;
  private FakeFirecracker firecracker;
  private Image image;
  private final List<SessionEnd> ends = Collections.synchronizedList(new ArrayList<>());
  private final List<AutoCloseable> opened = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void start() throws IOException {
    firecracker = new FakeFirecracker(directory);
    firecracker.state = "Not started";
    image = image("image", Files.write(directory.resolve("vmstate"), firecracker.stateFile));
  }

  private Image image(String name, @Nullable Path state) throws IOException {
    Path memory =
        SnapshotBuilder.memory(directory.resolve(name + ".mem"), "abc.".repeat(PAGES / 4));
    Path made = directory.resolve(name);
    new FirecrackerImport(
            new SnapshotFiles(memory, state, null), made, ImageWriter.Options.DEFAULT, (_, _) -> {})
        .run();
    return Image.open(made);
  }

  @AfterEach
  void end() throws Exception {
    for (AutoCloseable each : opened.reversed()) {
      each.close();
    }
    image.close();
    firecracker.close();
  }

  private SnapshotLoad prepare(Map<String, ?> options) throws IOException {
    return SnapshotLoad.prepare(firecracker.socket(), Jail.NONE, image, options);
  }

  /** Does what Firecracker does: hands memory over, and touches it for a device's sake. */
  private void handOverAndTouch(Map<String, @Nullable Object> request) throws IOException {
    long bytes = (long) PAGES * MemoryMap.PAGE_BYTES;
    MappedMemory memory = MappedMemory.anonymous(bytes);
    opened.add(memory);
    Userfaultfd uffd = userfaultfd();
    opened.add(uffd);
    uffd.register(memory.address(), bytes, Userfaultfd.MISSING);
    Path path = Path.of(Members.text(Members.object(request, "mem_backend"), "backend_path"));
    UnixSocket socket = UnixSocket.connect(path);
    opened.add(socket);
    HandOver.send(
        socket, List.of(new HandedRegion(memory.address(), bytes, 0, MemoryMap.PAGE_BYTES)), uffd);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment into = arena.allocate(1);
      ProcessMemory.read(
          ProcessHandle.current().pid(),
          memory.address() + (long) DEVICE_PAGE * MemoryMap.PAGE_BYTES - 1,
          into);
      assertThat(into.get(JAVA_BYTE, 0)).isEqualTo((byte) 'c');
    }
  }

  private static Userfaultfd userfaultfd() throws IOException {
    try {
      return Userfaultfd.create(Userfaultfd.FEATURE_EVENT_REMOVE, false);
    } catch (LinuxException refused) {
      return abort("no userfaultfd here: " + refused);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Strategy.class,
      names = {"EAGER", "LAZY", "ADAPTIVE"})
  void snapshotIsLoadedPausedServedAndResumedWhenTheStrategyStarts(Strategy strategy)
      throws Exception {
    CompletableFuture<String> asked = new CompletableFuture<>();
    firecracker.loader =
        request -> {
          try {
            asked.complete(Json.compact(request));
            assertThat(Files.readAllBytes(Path.of(Members.text(request, "snapshot_path"))))
                .isEqualTo(firecracker.stateFile);
            handOverAndTouch(request);
          } catch (Throwable wrong) {
            asked.completeExceptionally(wrong);
            throw wrong;
          }
        };
    AtomicReference<@Nullable Outcome> outcome = new AtomicReference<>();
    Path socket;
    try (SnapshotLoad load = prepare(Map.of("track_dirty_pages", true))) {
      socket = load.socket();
      try (UffdServer server =
          new UffdServer(socket, UnixListener.OWNER_ONLY, image.memory(), OnFailure.LEAVE)) {
        load.begin(socket, asked::completeExceptionally);
        server.serve(
            1,
            guest -> {
              guest.onStart(load::resume);
              Restore restore =
                  new Restore(
                      image,
                      guest,
                      strategy.plan(image, new Strategy.Options(100_000, Integer.MAX_VALUE)));
              outcome.set(RestoreThread.run(restore, Long.MAX_VALUE, 0, (_, _) -> {}));
            },
            ends::add);
      }
      assertThat(Json.parseObject(asked.get()))
          .containsEntry("resume_vm", false)
          .containsEntry("track_dirty_pages", true)
          .containsEntry(
              "mem_backend", Map.of("backend_type", "Uffd", "backend_path", socket.toString()));
      long runsNs = load.awaitRunning();
      Outcome restored = outcome.get();
      assertThat(restored).isNotNull();
      assertThat(runsNs).isGreaterThanOrEqualTo(restored == null ? 0 : restored.startedNs());
    }
    assertThat(ends).singleElement().satisfies(end -> assertThat(end.failure()).isNull());
    assertThat(firecracker.requests).containsExactly("GET /", "PUT /snapshot/load", "PATCH /vm");
    assertThat(firecracker.bodies.get("PATCH /vm")).contains("Resumed");
    assertThat(firecracker.state).isEqualTo("Running");
    assertThat(socket.getParent()).doesNotExist();
  }

  @Test
  void refusedLoadIsToldInFirecrackersWordsAndToWhoeverWaits() throws Exception {
    firecracker.refused =
        Map.of("PUT /snapshot/load", "Load snapshot error: CRC64 validation failed");
    CompletableFuture<IOException> told = new CompletableFuture<>();
    try (SnapshotLoad load = prepare(Map.of())) {
      try (UnixListener listener = UnixListener.bind(load.socket(), UnixListener.OWNER_ONLY)) {
        assertThat(listener.fd()).isNotNegative();
        load.begin(load.socket(), told::complete);
        assertThat(told.get()).hasMessageContaining("CRC64 validation failed");
      }
      assertThatThrownBy(load::awaitRunning)
          .isInstanceOf(IOException.class)
          .hasMessage(
              "not loaded: Firecracker refused PUT /snapshot/load: Load snapshot error: CRC64"
                  + " validation failed");
      assertThat(load.reason(new IOException("the guest is gone")))
          .hasMessageContaining("CRC64 validation failed");
    }
  }

  @Test
  void guestThatIsRefusedToRunIsToldSo() throws Exception {
    firecracker.refused = Map.of("PATCH /vm", "no");
    try (SnapshotLoad load = prepare(Map.of());
        UnixListener listener = UnixListener.bind(load.socket(), UnixListener.OWNER_ONLY)) {
      assertThat(listener.fd()).isNotNegative();
      load.begin(load.socket(), _ -> {});
      load.resume();
      assertThatThrownBy(load::awaitRunning).hasMessageContaining("refused PATCH /vm: no");
    }
  }

  @Test
  void guestIsNotResumedUnlessTheStrategyStartsIt() throws Exception {
    SnapshotLoad load = prepare(Map.of());
    CompletableFuture<IOException> told = new CompletableFuture<>();
    try (load;
        UnixListener listener = UnixListener.bind(load.socket(), UnixListener.OWNER_ONLY)) {
      assertThat(listener.fd()).isNotNegative();
      load.begin(load.socket(), told::complete);
      while (!firecracker.state.equals("Paused")) {
        Thread.onSpinWait();
      }
    }
    assertThat(told.get()).isInstanceOf(java.io.InterruptedIOException.class);
    assertThat(firecracker.requests).doesNotContain("PATCH /vm");
  }

  @Test
  void failureThatTheLoadIsNotToBlameForStaysItself() throws Exception {
    firecracker.hangsAt = "PUT /snapshot/load";
    try (SnapshotLoad load = prepare(Map.of());
        UnixListener listener = UnixListener.bind(load.socket(), UnixListener.OWNER_ONLY)) {
      assertThat(listener.fd()).isNotNegative();
      load.begin(load.socket(), _ -> {});
      IOException seen = new IOException("the image is damaged");
      assertThat(load.reason(seen)).isSameAs(seen);
    }
    firecracker.release();
  }

  @Test
  void whatCannotBeLoadedIsSaidBeforeFirecrackerIsAsked() throws Exception {
    assertThatThrownBy(() -> prepare(Map.of("resume_vm", true)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("resume_vm");
    try (Image stateless = image("stateless", null)) {
      assertThatThrownBy(
              () -> SnapshotLoad.prepare(firecracker.socket(), Jail.NONE, stateless, Map.of()))
          .hasMessageContaining("has no state file; import it with --state");
    }
    firecracker.state = "Running";
    assertThatThrownBy(() -> prepare(Map.of()))
        .hasMessageContaining("has a guest already (Running)");
    assertThat(firecracker.requests).containsExactly("GET /");
  }
}
