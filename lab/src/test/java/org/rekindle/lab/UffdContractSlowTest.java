package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.rekindle.lab.DoubleMachine.MIB;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.SessionEnd.Fate;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.Image;
import org.rekindle.restore.FaultLog;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Restore;
import org.rekindle.restore.RestoreThread;
import org.rekindle.restore.Strategy;

/**
 * A VMM that hands its memory over as Firecracker does; see {@link DoubleMachine} for what it is.
 * It says itself whether each byte of its memory is right.
 */
class UffdContractSlowTest extends GuestContract {
  private static final long SECOND_NS = 1_000_000_000L;

  /** Of a page that two virtual CPUs wanted at once. */
  private static final int BOTH = -1;

  /** All of it would take 16 s: a restore is cancelled in the middle. */
  private static final Strategy.Options SLOW_FILL = new Strategy.Options(1024, Integer.MAX_VALUE);

  @TempDir static Path programs;

  private static DoubleMachine small;
  private static MoreHugePages hugePages;

  @BeforeAll
  static void prepare() throws IOException {
    small = DoubleMachine.small(CPrograms.vmmDouble(programs));
    hugePages = MoreHugePages.of(64); // one machine needs 32, and one may not be cleared away yet
  }

  @AfterAll
  static void putBack() throws IOException {
    hugePages.close();
  }

  static Stream<GuestUnderTest> guests() {
    DoubleMachine flat = new DoubleMachine(small.program(), List.of(64 * MIB), List.of());
    DoubleMachine many =
        new DoubleMachine(
            small.program(), List.of(MIB, 5 * MIB, 2 * MIB, 40 * MIB, 16 * MIB), List.of());
    return Stream.of(
        new UffdGuestUnderTest("two regions", small),
        new UffdGuestUnderTest("one region, 2 vCPUs", flat.with("--vcpus", "2", "--thread-id")),
        new UffdGuestUnderTest("five regions, fields of 1.7", many.with("--fields", "1.7")),
        new UffdGuestUnderTest("the oldest fields", flat.with("--fields", "1.1")),
        new UffdGuestUnderTest("fields to come", small.with("--fields", "future")),
        new UffdGuestUnderTest("a balloon", small.with("--balloon", "300")),
        new UffdGuestUnderTest("a balloon, 4 vCPUs", many.with("--balloon", "300", "--vcpus", "4")),
        new UffdGuestUnderTest("huge pages", small.with("--huge", "--vcpus", "2")),
        new UffdGuestUnderTest("huge pages, a balloon", small.with("--huge", "--balloon", "50")));
  }

  @Override
  UffdGuestUnderTest plainest() {
    return new UffdGuestUnderTest("two regions", small);
  }

  @Test
  void eachFaultIsThatOfTheVirtualCpuThatHadIt() throws IOException {
    UffdGuestUnderTest guest =
        new UffdGuestUnderTest("three virtual CPUs", small.with("--vcpus", "3", "--thread-id"));
    DoubleMachine machine = guest.machine();
    Path saved = directory.resolve("image");
    guest.save(saved);
    Path trace = directory.resolve("trace");
    List<Outcome> outcomes = new ArrayList<>();
    try (Image image = Image.open(saved);
        UffdServing serving =
            serving(
                image,
                OnFailure.KILL,
                met ->
                    outcomes.add(
                        new Restore(image, met, Strategy.recording(image)).run(SECOND_NS)));
        VmmDouble vmm = machine.start("--uffd", socket().toString(), "--trace", trace.toString())) {
      serving.awaitEnd(vmm);
    }
    Map<Integer, Integer> known = new HashMap<>();
    for (String line : Files.readAllLines(trace)) {
      int space = line.indexOf(' ');
      Integer page = Integer.valueOf(line.substring(0, space));
      known.merge(page, Integer.valueOf(line.substring(space + 1)), (_, _) -> BOTH);
    }
    FaultLog log = outcomes.getFirst().faults();
    BitSet seen = new BitSet();
    for (int i = 0; i < log.size(); i++) {
      int vcpu = known.getOrDefault(log.page(i), BOTH); // the last one may not have been served
      if (vcpu != BOTH && log.vcpu(i) != FaultSink.NOT_A_VCPU) { // or devices, while they load
        assertThat(log.vcpu(i)).as("fault %d, on page %d", i, log.page(i)).isEqualTo(vcpu);
        seen.set(vcpu);
      }
    }
    assertThat(seen.cardinality()).isEqualTo(3);
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource(OnFailure.class)
  void aCancelledRestoreLeavesTheVmmOrKillsItAsAsked(OnFailure onFailure) throws IOException {
    Path saved = directory.resolve("image");
    UffdGuestUnderTest guest = plainest();
    guest.save(saved);
    try (Image image = Image.open(saved);
        VmmDouble vmm = cancelled(guest.machine(), image, onFailure)) {
      if (onFailure == OnFailure.KILL) {
        assertThat(vmm.child().endsWithin(Duration.ofSeconds(10))).isTrue();
      } else {
        while (vmm.waiting() == 0) { // its virtual CPU runs on, until it comes to a missing page
          Thread.onSpinWait();
        }
        assertThat(vmm.child().isAlive()).isTrue();
      }
    }
  }

  /** A VMM whose restore has been cancelled when its guest had run a while. */
  private VmmDouble cancelled(DoubleMachine machine, Image image, OnFailure onFailure)
      throws IOException {
    Plan plan = Strategy.LAZY.plan(image, SLOW_FILL);
    UffdServing serving =
        serving(
            image,
            onFailure,
            met ->
                RestoreThread.run(new Restore(image, met, plan), Long.MAX_VALUE, 0, (_, _) -> {}));
    VmmDouble vmm;
    try (serving) {
      vmm = machine.start("--uffd", socket().toString(), "--strays", "1000000");
      vmm.awaitBeats(2);
    }
    SessionEnd end = serving.awaitEnd(vmm);
    assertThat(end.outcome()).isEqualTo(SessionEnd.Outcome.FAILED);
    assertThat(end.fate()).isEqualTo(onFailure == OnFailure.KILL ? Fate.KILLED : Fate.LEFT);
    return vmm;
  }

  private Path socket() {
    return directory.resolve("handover");
  }

  private UffdServing serving(Image image, OnFailure onFailure, UffdServer.Restorer restorer)
      throws IOException {
    return new UffdServing(socket(), image.memory(), onFailure, restorer);
  }
}
