package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.uffd.SessionEnd.Fate;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;

/** Processes that hand their memory over, run, and end as they like. */
@Timeout(120)
class UffdServerTest {
  private static final int PAGES = 1024;
  private static final int BYTES = PAGES * SavedMemory.PAGE;
  private static final long SEED = System.nanoTime();

  @TempDir private static Path shared;
  private static Path program;
  private static SavedMemory saved;

  @TempDir private Path directory;
  private final List<SessionEnd> ends = Collections.synchronizedList(new ArrayList<>());
  private final List<Outcome> outcomes = Collections.synchronizedList(new ArrayList<>());
  private final List<AutoCloseable> opened = new ArrayList<>();
  private Thread serving = Thread.currentThread();

  @BeforeAll
  static void prepare() throws Exception {
    program = TestVmm.compile(shared);
    saved = SavedMemory.create(shared.resolve("image"), PAGES, SEED);
  }

  @AfterAll
  static void closeImage() throws IOException {
    saved.close();
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : opened) {
      each.close();
    }
  }

  private Path socket() {
    return directory.resolve("s");
  }

  private FutureTask<Void> serve(int count, OnFailure onFailure, UffdServer.Restorer restorer)
      throws IOException {
    UffdServer server =
        new UffdServer(socket(), UnixListener.OWNER_ONLY, saved.image().memory(), onFailure);
    FutureTask<Void> task =
        new FutureTask<>(() -> {
          try (server) {
            server.serve(count, restorer, ends::add);
          }
          return null;
        });
    serving = Thread.ofPlatform().name("serving").start(task);
    return task;
  }

  private FutureTask<Void> serve(int count, Plan plan) throws IOException {
    return serve(count, OnFailure.KILL, guest -> restore(guest, plan));
  }

  private void restore(UffdGuest guest, Plan plan) throws IOException {
    Restore restore = new Restore(saved.image(), guest, plan);
    outcomes.add(RestoreThread.run(restore, Long.MAX_VALUE, 0, (_, _) -> {}));
  }

  private TestVmm vmm() throws IOException {
    return vmm(Userfaultfd.FEATURE_EVENT_REMOVE);
  }

  private TestVmm vmm(long features) throws IOException {
    TestVmm vmm = TestVmm.start(program, socket(), BYTES, SavedMemory.PAGE, features);
    opened.add(vmm);
    return vmm;
  }

  private static Plan onDemandOnly() {
    return Strategy.recording(saved.image());
  }

  private static void read(TestVmm vmm, int page) throws IOException {
    vmm.tell("read " + page, page + " is " + saved.first(page));
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void allMemoryArrivesAndTheVmmRunsOn(Strategy strategy) throws Exception {
    Strategy.Options options = new Strategy.Options(100_000, Integer.MAX_VALUE);
    FutureTask<Void> served = serve(1, strategy.plan(saved.image(), options));
    TestVmm vmm = vmm();
    vmm.handOver();
    served.get();
    assertThat(ends)
        .containsExactly(
            new SessionEnd((int) vmm.pid(), SessionEnd.Outcome.RESTORED, null, Fate.RUNS));
    saved.requireIn(vmm);
    assertThat(socket()).doesNotExist();
    // Nobody reads events any more, and nobody has to.
    vmm.tell("discard 3 5", "discarded 3");
    vmm.tell("read 4", "4 is 0");
    vmm.tell("exit");
    assertThat(vmm.exitStatus()).isZero();
  }

  @Test
  void everyFaultIsAnsweredAndAccountedFor() throws Exception {
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm();
    vmm.handOver();
    List<Integer> order = new ArrayList<>(IntStream.range(0, PAGES).boxed().toList());
    Collections.shuffle(order, new Random(SEED));
    for (int page : order) {
      read(vmm, page);
    }
    served.get();
    saved.requireIn(vmm);
    FaultLog log = outcomes.getFirst().faults();
    assertThat(IntStream.range(0, log.size()).mapToObj(log::page)).isEqualTo(order);
    assertThat(IntStream.range(0, log.size()).map(log::vcpu)).containsOnly(FaultSink.VCPU_UNKNOWN);
    assertThat(IntStream.range(0, log.size()).mapToObj(log::write)).containsOnly(false);
  }

  @Test
  void faultsNameTheVirtualCpuWhereTheVmmTells() throws Exception {
    long features = Userfaultfd.FEATURE_EVENT_REMOVE | Userfaultfd.FEATURE_THREAD_ID;
    List<Integer> vcpus = new ArrayList<>();
    Plan plan = Strategy.recording(saved.image());
    FutureTask<Void> served =
        serve(
            1,
            OnFailure.KILL,
            guest -> {
              restore(guest, plan);
              vcpus.add(guest.vcpus());
            });
    TestVmm vmm = vmm(features);
    vmm.handOver();
    for (int page = 0; page < PAGES; page++) {
      vmm.tell("write " + page + " 7", page + " is 7");
    }
    served.get();
    assertThat(vcpus).containsExactly(1);
    FaultLog log = outcomes.getFirst().faults();
    assertThat(IntStream.range(0, log.size()).map(log::vcpu)).containsOnly(0);
    assertThat(IntStream.range(0, log.size()).mapToObj(log::write)).containsOnly(true);
  }

  @Test
  void whatWasGivenBackReadsAsZeros() throws Exception {
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm();
    vmm.handOver();
    for (int page = 0; page < 100; page++) {
      read(vmm, page);
    }
    vmm.tell("discard 50 100", "discarded 50"); // a half is in, the other is not
    vmm.tell("read 60", "60 is 0");
    vmm.tell("read 140", "140 is 0");
    vmm.tell("write 70 9", "70 is 9");
    vmm.tell("discard 70 1", "discarded 70"); // and once more
    vmm.tell("read 70", "70 is 0");
    for (int page = 150; page < PAGES; page++) {
      read(vmm, page);
    }
    served.get();
    BitSet givenBack = new BitSet();
    givenBack.set(50, 150);
    saved.requireIn(vmm, givenBack);
  }

  /** A balloon that inflates as fast as it can, while pages come in by themselves and by demand. */
  @Test
  void aBalloonMayInflateAtAnyTime() throws Exception {
    Strategy.Options tenthOfASecond = new Strategy.Options(10 * PAGES, Integer.MAX_VALUE);
    FutureTask<Void> served = serve(1, Strategy.LAZY.plan(saved.image(), tenthOfASecond));
    TestVmm vmm = vmm();
    vmm.handOver();
    Random random = new Random(SEED);
    BitSet givenBack = new BitSet();
    for (int i = 0; i < 500; i++) {
      int page = random.nextInt(PAGES - 16);
      int count = 1 + random.nextInt(16);
      vmm.tell("discard " + page + " " + count, "discarded " + page);
      givenBack.set(page, page + count);
      vmm.tell("read " + page, page + " is 0");
    }
    served.get();
    assertThat(ends.getFirst().outcome()).isEqualTo(SessionEnd.Outcome.RESTORED);
    saved.requireIn(vmm, givenBack);
  }

  @Test
  void forksAndUnmappedRangesAreTakenAsTheyCome() throws Exception {
    long features =
        Userfaultfd.FEATURE_EVENT_REMOVE
            | Userfaultfd.FEATURE_EVENT_UNMAP
            | Userfaultfd.FEATURE_EVENT_FORK;
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm(features);
    vmm.handOver();
    vmm.tell("fork", "forked");
    read(vmm, 0);
    vmm.tell("unmap 1 " + (PAGES - 1), "unmapped 1");
    served.get();
    assertThat(ends.getFirst().outcome()).isEqualTo(SessionEnd.Outcome.RESTORED);
  }

  @Test
  void aVmmThatClosesTheConnectionIsServedOn() throws Exception {
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm();
    vmm.handOver();
    vmm.tell("close", "closed");
    for (int page = 0; page < PAGES; page++) {
      read(vmm, page);
    }
    served.get();
    saved.requireIn(vmm);
  }

  /** The file flags are shared with the VMM: a read of ours would wait, and never end. */
  @Test
  void aVmmThatMakesReadsBlockCannotHoldItsSession() throws Exception {
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm();
    vmm.handOver();
    read(vmm, 1);
    vmm.tell("block", "blocking");
    read(vmm, 2);
    vmm.close();
    served.get();
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.ENDED);
  }

  @Test
  void manyAreServedAtATimeAndOneThatDiesHarmsNoOther() throws Exception {
    int count = 8;
    FutureTask<Void> served = serve(count, onDemandOnly());
    List<TestVmm> vmms = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      TestVmm vmm = vmm();
      vmm.handOver();
      read(vmm, i);
      vmms.add(vmm);
    }
    vmms.getFirst().close();
    for (int page = 0; page < PAGES; page++) {
      for (TestVmm vmm : vmms.subList(1, count)) {
        vmm.tell("read " + page);
      }
    }
    served.get();
    assertThat(ends).hasSize(count);
    SessionEnd dead = ends.stream().filter(end -> end.failure() != null).findFirst().orElseThrow();
    assertThat(dead.pid()).isEqualTo((int) vmms.getFirst().pid());
    assertThat(dead.fate()).isEqualTo(Fate.ENDED);
    assertThat(dead.failure()).isInstanceOf(GuestGoneException.class);
    for (TestVmm vmm : vmms.subList(1, count)) {
      saved.requireIn(vmm);
    }
  }

  @Test
  void strangersAreRefusedAndDoNotCount() throws Exception {
    FutureTask<Void> served =
        serve(1, Strategy.EAGER.plan(saved.image(), Strategy.Options.DEFAULT));
    TestVmm stranger = vmm();
    stranger.connect();
    stranger.tell("text {}", "sent");
    TestVmm vmm = vmm();
    vmm.handOver();
    served.get();
    saved.requireIn(vmm);
    SessionEnd refused =
        ends.stream().filter(end -> end.pid() == stranger.pid()).findFirst().orElseThrow();
    assertThat(refused.outcome()).isEqualTo(SessionEnd.Outcome.REFUSED);
    assertThat(refused.fate()).isEqualTo(Fate.UNTOUCHED);
    assertThat(refused.hadGuest()).isFalse();
    assertThat(stranger.isAlive()).isTrue();
  }

  @Test
  void aVmmThatIsRefusedIsKilledLestItHang() throws Exception {
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = vmm();
    vmm.connect();
    vmm.tell("hand 1 []", "handed");
    served.get();
    assertThat(ends.getFirst().outcome()).isEqualTo(SessionEnd.Outcome.REFUSED);
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.KILLED);
    assertThat(vmm.exitStatus()).isEqualTo(128 + 9);
  }

  @Test
  void aFailedRestoreKillsTheVmm() throws Exception {
    FutureTask<Void> served =
        serve(
            1,
            OnFailure.KILL,
            guest -> {
              throw new IOException("the disk is broken");
            });
    TestVmm vmm = vmm();
    vmm.handOver();
    served.get();
    assertThat(ends.getFirst().failure()).hasMessage("the disk is broken");
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.KILLED);
    assertThat(vmm.exitStatus()).isEqualTo(128 + 9);
  }

  @Test
  void aFailedRestoreLeavesTheVmmIfAsked() throws Exception {
    FutureTask<Void> served =
        serve(
            1,
            OnFailure.LEAVE,
            guest -> {
              throw new AssertionError("a bug");
            });
    TestVmm vmm = vmm();
    vmm.handOver();
    served.get();
    assertThat(ends.getFirst().failure()).hasMessage("a bug");
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.LEFT);
    assertThat(vmm.isAlive()).isTrue();
  }

  @Test
  void whatFailsAfterTheLastPageHarmsNoVmm() throws Exception {
    Plan plan = Strategy.EAGER.plan(saved.image(), Strategy.Options.DEFAULT);
    FutureTask<Void> served =
        serve(
            1,
            OnFailure.KILL,
            guest -> {
              restore(guest, plan);
              throw new IOException("the report cannot be written");
            });
    TestVmm vmm = vmm();
    vmm.handOver();
    served.get();
    assertThat(ends.getFirst().outcome()).isEqualTo(SessionEnd.Outcome.FAILED);
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.RUNS);
    saved.requireIn(vmm);
  }

  @Test
  void anInterruptCancelsAllSessions() throws Exception {
    FutureTask<Void> served = serve(0, onDemandOnly());
    List<TestVmm> vmms = List.of(vmm(), vmm());
    for (TestVmm vmm : vmms) {
      vmm.handOver();
      read(vmm, 5);
    }
    serving.interrupt();
    assertThatThrownBy(served::get)
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(InterruptedIOException.class);
    assertThat(ends).extracting(SessionEnd::fate).containsExactly(Fate.KILLED, Fate.KILLED);
    for (TestVmm vmm : vmms) {
      assertThat(vmm.exitStatus()).isEqualTo(128 + 9);
    }
    assertThat(socket()).doesNotExist();
  }

  @Test
  void aFaultOutsideOfAllRegionsEndsTheSession() throws Exception {
    // The first half is handed over as the image; the VMM watches the other too.
    FutureTask<Void> served = serve(1, onDemandOnly());
    TestVmm vmm = TestVmm.start(program, socket(), 2L * BYTES);
    opened.add(vmm);
    vmm.connect();
    HandedRegion half = new HandedRegion(vmm.address(), BYTES, 0, SavedMemory.PAGE);
    vmm.tell("hand 1 " + RegionList.write(List.of(half)), "handed");
    vmm.tell("read " + PAGES);
    served.get();
    assertThat(Objects.requireNonNull(ends.getFirst().failure()))
        .hasMessageContaining("which is in none of the regions");
    assertThat(ends.getFirst().fate()).isEqualTo(Fate.KILLED);
  }
}
