package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
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
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.Userfaultfd;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/** A VMM whose guest has huge pages of 2 MiB, from an image in pages of 4 KiB. */
@Timeout(120)
class HugeGuestTest {
  private static final int HUGE = 2 << 20;
  private static final int UNIT = HUGE / SavedMemory.PAGE;
  private static final int UNITS = 4;
  private static final long SEED = System.nanoTime();

  @TempDir private static Path shared;
  private static Path program;
  private static SavedMemory saved;
  private static HugePagePool pool;

  @TempDir private Path directory;
  private final List<Outcome> outcomes = Collections.synchronizedList(new ArrayList<>());
  private final List<SessionEnd> ends = Collections.synchronizedList(new ArrayList<>());
  private final List<TestVmm> vmms = new ArrayList<>();

  @BeforeAll
  static void prepare() throws Exception {
    program = TestVmm.compile(shared);
    saved = SavedMemory.create(shared.resolve("image"), UNITS * UNIT, SEED, UNIT);
    pool = HugePagePool.atLeast(2 * UNITS);
  }

  @AfterAll
  static void putBack() throws IOException {
    saved.close();
    if (pool != null) {
      pool.close();
    }
  }

  @AfterEach
  void close() {
    vmms.forEach(TestVmm::close);
  }

  private FutureTask<Void> serve(Plan plan) throws IOException {
    UffdServer server =
        new UffdServer(
            directory.resolve("s"),
            UnixListener.OWNER_ONLY,
            saved.image().memory(),
            OnFailure.KILL);
    FutureTask<Void> task =
        new FutureTask<>(() -> {
          try (server) {
            server.serve(
                1, guest -> outcomes.add(new Restore(saved.image(), guest, plan).run()), ends::add);
          }
          return null;
        });
    Thread.ofPlatform().start(task);
    return task;
  }

  private TestVmm handedOver() throws IOException {
    TestVmm vmm =
        TestVmm.start(
            program,
            directory.resolve("s"),
            (long) UNITS * HUGE,
            HUGE,
            Userfaultfd.FEATURE_EVENT_REMOVE);
    vmms.add(vmm);
    vmm.handOver();
    return vmm;
  }

  private static void read(TestVmm vmm, int page) throws IOException {
    vmm.tell("read " + page, page + " is " + saved.first(page));
  }

  @ParameterizedTest
  @EnumSource(Strategy.class)
  void allMemoryArrives(Strategy strategy) throws Exception {
    Strategy.Options options = new Strategy.Options(20_000, Integer.MAX_VALUE);
    FutureTask<Void> served = serve(strategy.plan(saved.image(), options));
    TestVmm vmm = handedOver();
    read(vmm, 3 * UNIT + 77);
    served.get();
    assertThat(ends).extracting(SessionEnd::outcome).containsOnly(SessionEnd.Outcome.RESTORED);
    saved.requireIn(vmm);
  }

  @Test
  void aFaultIsOnAWholeHugePage() throws Exception {
    FutureTask<Void> served = serve(Strategy.recording(saved.image()));
    TestVmm vmm = handedOver();
    for (int unit : new int[] {2, 0, 3, 1}) { // one of them is all zeros
      read(vmm, unit * UNIT + 300);
    }
    served.get();
    saved.requireIn(vmm);
    FaultLog log = outcomes.getFirst().faults();
    assertThat(IntStream.range(0, log.size()).map(log::page)).containsExactly(1024, 0, 1536, 512);
    assertThat(IntStream.range(0, log.size()).map(log::pages)).containsOnly(UNIT);
  }

  @Test
  void aHugePageThatWasGivenBackReadsAsZeros() throws Exception {
    FutureTask<Void> served = serve(Strategy.recording(saved.image()));
    TestVmm vmm = handedOver();
    read(vmm, 5);
    vmm.tell("discard 0 1024", "discarded 0"); // one that is in, one that is not
    vmm.tell("read 5", "5 is 0");
    vmm.tell("read 600", "600 is 0");
    vmm.tell("discard 512 512", "discarded 512");
    vmm.tell("read 700", "700 is 0");
    read(vmm, 1024);
    read(vmm, 2047);
    served.get();
    BitSet givenBack = new BitSet();
    givenBack.set(0, 1024);
    saved.requireIn(vmm, givenBack);
  }

  /** Some pages of a huge page have come already when it is given back. */
  @Test
  void aHugePageMayBeGivenBackWhileItIsCollected() throws Exception {
    Strategy.Options slow = new Strategy.Options(8_000, Integer.MAX_VALUE); // 64 ms each
    FutureTask<Void> served = serve(Strategy.LAZY.plan(saved.image(), slow));
    TestVmm vmm = handedOver();
    BitSet givenBack = new BitSet();
    for (int unit = 0; unit < UNITS; unit += 2) {
      read(vmm, Math.max(0, unit * UNIT - 1)); // the fill has come about so far
      vmm.tell("discard " + unit * UNIT + " 512", "discarded " + unit * UNIT);
      vmm.tell("read " + (unit * UNIT + 1), (unit * UNIT + 1) + " is 0");
      givenBack.set(unit * UNIT, unit * UNIT + UNIT);
    }
    served.get();
    saved.requireIn(vmm, givenBack);
  }
}
