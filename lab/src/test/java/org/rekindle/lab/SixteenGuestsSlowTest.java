package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.image.Image;
import org.rekindle.restore.DecodedBlocks;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;
import org.rekindle.scope.Scope;

/**
 * One process restores sixteen machines from one image at the same time, while others die in the
 * middle, or are not what they should be.
 */
@Tag("slow")
@Timeout(300)
class SixteenGuestsSlowTest {
  private static final int GOOD = 16;
  private static final Strategy.Options FAST_FILL = new Strategy.Options(32_768, Integer.MAX_VALUE);

  @TempDir static Path programs;
  @TempDir Path directory;

  @ParameterizedTest(name = "{0}")
  @EnumSource(Strategy.class)
  void allGoodOnesAreIdentical(Strategy strategy) throws IOException {
    Leftovers before = Leftovers.now();
    UffdGuestUnderTest guest =
        new UffdGuestUnderTest(
            "one of sixteen", DoubleMachine.small(CPrograms.vmmDouble(programs)));
    DoubleMachine machine = guest.machine();
    Path saved = directory.resolve("image");
    guest.save(saved);
    Path socket = directory.resolve("handover");
    record(machine, saved, socket);
    try (Scope scope = new Scope()) {
      Image image = scope.add(Image.open(saved));
      DecodedBlocks shared = scope.add(new DecodedBlocks(image, 16 << 20));
      Plan plan = strategy.plan(image, FAST_FILL);
      UffdServing serving =
          scope.add(
              new UffdServing(
                  socket,
                  image.memory(),
                  OnFailure.KILL,
                  met -> new Restore(image, met, plan, shared).run()));
      DoubleMachine any = machine.with("--uffd", socket.toString(), "--pause-us", "5000");
      List<VmmDouble> good = new ArrayList<>();
      List<VmmDouble> dying = new ArrayList<>();
      List<VmmDouble> hostile = new ArrayList<>();
      for (int i = 0; i < GOOD; i++) {
        good.add(
            scope.add(
                any.with("--balloon", Integer.toString(i % 4 * 50), "--vcpus", "2")
                    .start("--pattern", Long.toString(System.nanoTime()))));
        if (i % 4 == 0) {
          dying.add(scope.add(any.start("--die", "touch:" + 30 * i)));
          hostile.add(scope.add(any.start("--misbehave", "many-fds")));
        }
      }
      for (VmmDouble each : dying) {
        serving.awaitEnd(each); // some may have been restored before
        assertThat(each.child().endsWithin(Duration.ofMinutes(1))).isTrue();
      }
      for (VmmDouble each : hostile) {
        assertThat(serving.awaitEnd(each).outcome()).isEqualTo(SessionEnd.Outcome.REFUSED);
      }
      for (VmmDouble each : good) {
        SessionEnd end = serving.awaitEnd(each);
        assertThat(end.outcome()).as("%s, %s", end, machine).isEqualTo(SessionEnd.Outcome.RESTORED);
        assertThat(each.verdict()).as("%s", machine).startsWith("identical pages=16384 ");
        assertThat(each.waiting()).isZero();
      }
    }
    before.assertNothingMore();
  }

  private static void record(DoubleMachine machine, Path saved, Path socket) throws IOException {
    List<Outcome> outcomes = new ArrayList<>();
    try (Image image = Image.open(saved);
        UffdServing serving =
            new UffdServing(
                socket,
                image.memory(),
                OnFailure.KILL,
                met ->
                    outcomes.add(
                        new Restore(image, met, Strategy.recording(image)).run(500_000_000L)));
        VmmDouble clone = machine.start("--uffd", socket.toString())) {
      serving.awaitEnd(clone);
    }
    Image.attach(saved, Recording.profile(outcomes.getFirst()));
  }
}
