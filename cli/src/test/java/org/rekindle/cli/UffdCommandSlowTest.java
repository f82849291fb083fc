package org.rekindle.cli;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.uffd.HandOver;
import org.rekindle.guest.uffd.HandedRegion;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.workingset.Profile;

/**
 * The commands with {@code --uffd}, as users run them; this process is the VMM. Its memory is read
 * by system calls only, which may wait for a page; and it is not to be killed.
 */
@Tag("slow")
@Timeout(120)
class UffdCommandSlowTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 2048;
  private static final int BYTES = PAGES * PAGE;

  @TempDir private Path directory;
  private final long seed = System.nanoTime();
  private final byte[] content = new byte[BYTES];

  /** Memory of this process that is handed over. */
  private static final class Vm implements AutoCloseable {
    private final Userfaultfd uffd;
    private final MappedMemory memory = MappedMemory.anonymous(BYTES);
    private final UnixSocket socket;

    Vm(Path path) throws IOException {
      uffd = userfaultfd();
      assertThat(uffd.register(memory.address(), BYTES, Userfaultfd.MISSING)).isPositive();
      socket = connect(path);
    }

    private static Userfaultfd userfaultfd() throws IOException {
      try {
        return Userfaultfd.create(Userfaultfd.FEATURE_EVENT_REMOVE, false);
      } catch (LinuxException refused) {
        return abort("no userfaultfd here: " + refused);
      }
    }

    private static UnixSocket connect(Path path) {
      while (true) {
        try {
          return UnixSocket.connect(path);
        } catch (IOException notYet) {
          LockSupport.parkNanos(5_000_000);
        }
      }
    }

    void handOver() throws IOException {
      HandOver.send(socket, List.of(new HandedRegion(memory.address(), BYTES, 0, PAGE)), uffd);
    }

    byte read(int page) throws IOException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment into = arena.allocate(1);
        ProcessMemory.read(
            ProcessHandle.current().pid(), memory.address() + (long) page * PAGE, into);
        return into.get(JAVA_BYTE, 0);
      }
    }

    @Override
    public void close() {
      socket.close();
      uffd.close();
      memory.close();
    }
  }

  @BeforeEach
  void makeImage() throws IOException {
    Random random = new Random(seed);
    random.nextBytes(content);
    for (int page = 0; page < PAGES; page += 3) {
      Arrays.fill(content, page * PAGE, (page + 1) * PAGE, (byte) 0);
    }
    MemoryMap memory = new MemoryMap(List.of(new Region("mem0", BYTES, PAGE)));
    try (ImageWriter writer = ImageWriter.create(image(), memory, ImageWriter.Options.DEFAULT);
        Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocateFrom(JAVA_BYTE, content);
      for (int page = 0; page < PAGES; page++) {
        writer.page(page, all, (long) page * PAGE);
      }
      writer.deviceState(new byte[0]);
      writer.commit(new Manifest("firecracker", Instant.EPOCH, memory, Map.of()));
    }
  }

  private Path image() {
    return directory.resolve("vm.rekindle");
  }

  private Path socket() {
    return directory.resolve("s");
  }

  private CommandProcess command(String name, String... options) throws IOException {
    List<String> arguments = new ArrayList<>(List.of(name, image().toString(), "--uffd"));
    arguments.add(socket().toString());
    arguments.addAll(List.of(options));
    return CommandProcess.start(directory, arguments);
  }

  private void requireIn(Vm vm) {
    assertThat(vm.memory.segment().mismatch(MemorySegment.ofArray(content)))
        .as("seed %d: first byte that differs", seed)
        .isEqualTo(-1);
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, @Nullable Object>> vms(CommandProcess command)
      throws IOException {
    return (List<Map<String, @Nullable Object>>) Objects.requireNonNull(command.json().get("vms"));
  }

  @Test
  void aVmIsRestoredAndToldOf() throws Exception {
    try (CommandProcess restore = command("restore", "--json");
        Vm vm = new Vm(socket())) {
      vm.handOver();
      assertThat(vm.read(4)).isEqualTo(content[4 * PAGE]);
      Map<String, @Nullable Object> told = vms(restore).getFirst();
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat(restore.rest()).isEqualTo("[]");
      requireIn(vm);
      assertThat(told)
          .containsEntry("pid", ProcessHandle.current().pid())
          .containsEntry("outcome", "restored")
          .containsEntry("vmm", "runs")
          .containsEntry("strategy", "adaptive")
          .containsKeys("ttrMs", "allInMs", "demandFaults");
      assertThat(socket()).doesNotExist();
    }
  }

  @Test
  void someAreRestoredAtATimeAndStrangersDoNotCount() throws Exception {
    try (CommandProcess restore = command("restore", "--vms", "2", "--json");
        Vm first = new Vm(socket());
        Vm second = new Vm(socket());
        Vm stranger = new Vm(socket());
        Arena arena = Arena.ofConfined()) {
      stranger.socket.send(arena.allocateFrom("hello"), 0, 5);
      assertThat(stranger.socket.receive(arena.allocate(1), 0, 1)).isNotEqualTo(1);
      first.handOver();
      second.handOver();
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      assertThat(vms(restore)).extracting(vm -> vm.get("outcome")).contains("restored", "restored");
      requireIn(first);
      requireIn(second);
    }
  }

  @Test
  void aRecordingLearnsWhatWasTouchedAndTheVmLivesOn() throws Exception {
    try (CommandProcess record = command("record", "--for", "1s");
        Vm vm = new Vm(socket())) {
      vm.handOver();
      for (int page : new int[] {100, 7, 2000, 3}) {
        assertThat(vm.read(page)).isEqualTo(content[page * PAGE]);
      }
      assertThat(record.exitCode()).as(record.errors()).isZero();
      requireIn(vm);
      assertThat(record.rest()).contains("recorded a working set of 4 pages");
    }
    try (Image opened = Image.open(image())) {
      Profile profile = opened.profile().orElseThrow();
      assertThat(IntStream.range(0, profile.size()).map(profile::page))
          .containsExactly(100, 7, 2000, 3);
    }
  }

  @Test
  void severalRunsAreMergedAndKeptForTheNextMerge() throws Exception {
    record(new int[][] {{100, 7, 5}, {7, 100, 9}, {2000, 7, 11}}, "--runs", "3");
    try (Image opened = Image.open(image())) {
      assertThat(opened.profile().orElseThrow().pages()).containsExactlyInAnyOrder(7, 100);
      assertThat(opened.runs().runs()).hasSize(3);
    }
    record(new int[][] {{13}}, "--add", "--merge", "union");
    try (Image opened = Image.open(image())) {
      assertThat(opened.profile().orElseThrow().pages())
          .containsExactlyInAnyOrder(5, 7, 9, 11, 13, 100, 2000);
      assertThat(opened.runs().runs()).hasSize(4);
    }
    record(new int[][] {{17}});
    try (Image opened = Image.open(image())) {
      assertThat(opened.profile().orElseThrow().pages()).containsExactly(17);
      assertThat(opened.runs().runs()).hasSize(1);
    }
  }

  /** A slow fill, from the front, so that faults at the end come long before it. */
  @Test
  void aSetThatWentStaleIsSaidToBeSoAndBegunAnew() throws Exception {
    record(new int[][] {{100, 7, 301, 4}});
    assertThat(restored(2000, 100, 7)).containsEntry("outside", 1L).containsEntry("stale", false);
    try (Image opened = Image.open(image())) {
      assertThat(opened.profile().orElseThrow().pages())
          .containsExactlyInAnyOrder(100, 7, 301, 4, 2000);
    }
    assertThat(restored(IntStream.range(0, 40).map(i -> 2047 - i).toArray()))
        .containsEntry("stale", true);
    try (Image opened = Image.open(image())) {
      assertThat(opened.profile().orElseThrow().pages())
          .contains(2047, 2046)
          .doesNotContain(100, 7, 301, 4);
      assertThat(opened.runs().runs()).hasSize(1);
    }
  }

  @Test
  void aSetOfWhichLessThanHalfIsUsedIsSaidToBeStaleAndBegunAnew() throws Exception {
    int[] set = IntStream.range(0, 800).map(i -> 2 * i).toArray();
    record(new int[][] {set});
    assertThat(restored(set)).containsEntry("sampledPages", 100L).containsEntry("stale", false);
    Map<String, @Nullable Object> told = restored(Arrays.copyOf(set, 100));
    assertThat(told).containsEntry("outside", 0L).containsEntry("stale", true);
    assertThat((Double) told.get("usedShareAtMost")).isBetween(0.05, 0.5);
  }

  /** Restores a VM that touches these pages, with --record; what is told of its working set. */
  @SuppressWarnings("unchecked")
  private Map<String, @Nullable Object> restored(int... pages) throws Exception {
    try (CommandProcess restore =
            command("restore", "--json", "--record", "--strategy", "lazy", "--fill-rate", "512");
        Vm vm = new Vm(socket())) {
      vm.handOver();
      for (int page : pages) {
        assertThat(vm.read(page)).isEqualTo(content[page * PAGE]);
      }
      Map<String, @Nullable Object> told = vms(restore).getFirst();
      assertThat(restore.exitCode()).as(restore.errors()).isZero();
      requireIn(vm);
      return (Map<String, @Nullable Object>) Objects.requireNonNull(told.get("workingSet"));
    }
  }

  /** Has VMs recorded, all at a time, that touch these pages. */
  private void record(int[][] touches, String... options) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("--for", "1s"));
    arguments.addAll(List.of(options));
    List<Vm> vms = new ArrayList<>();
    try (CommandProcess record = command("record", arguments.toArray(String[]::new))) {
      for (int[] pages : touches) {
        Vm vm = new Vm(socket());
        vms.add(vm);
        vm.handOver();
        for (int page : pages) {
          assertThat(vm.read(page)).isEqualTo(content[page * PAGE]);
        }
      }
      assertThat(record.exitCode()).as(record.errors()).isZero();
      vms.forEach(this::requireIn);
    } finally {
      vms.forEach(Vm::close);
    }
  }

  @Test
  void anInterruptWhileNobodyHasComeLeavesNothing() throws Exception {
    try (CommandProcess restore = command("restore");
        Vm vm = new Vm(socket())) { // it has connected, and handed nothing over
      restore.interrupt();
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(130);
      assertThat(restore.errors().lines()).last().isEqualTo("rekindle restore: interrupted");
      assertThat(socket()).doesNotExist();
      assertThat(vm.socket.hungUp()).isTrue();
    }
  }

  @Test
  void aVmThatIsLeftIsLeftLoudly() throws Exception {
    try (CommandProcess restore =
            command("restore", "--strategy", "lazy", "--fill-rate", "1", "--on-failure", "leave");
        Vm vm = new Vm(socket())) {
      vm.handOver();
      assertThat(vm.read(1)).isEqualTo(content[PAGE]);
      restore.interrupt();
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(130);
      assertThat(restore.errors())
          .contains("process " + ProcessHandle.current().pid() + ": ")
          .contains("THE VMM WAS LEFT, AND ITS GUEST HANGS FOR EVER");
    }
  }

  @Test
  void anotherMachinesMemoryIsRefused() throws Exception {
    try (CommandProcess restore = command("restore", "--on-failure", "leave");
        Vm vm = new Vm(socket())) {
      HandOver.send(
          vm.socket, List.of(new HandedRegion(vm.memory.address(), PAGE, 0, PAGE)), vm.uffd);
      assertThat(restore.exitCode()).as(restore.errors()).isEqualTo(1);
      assertThat(restore.errors())
          .contains("the regions have 4096 bytes, the image's memory 8388608")
          .contains("1 of 1 VMs failed; see above");
    }
  }
}
