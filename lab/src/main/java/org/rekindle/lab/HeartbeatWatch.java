package org.rekindle.lab;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.responsiveness.SteadyState;

/** Listens to a running guest for some time. */
public final class HeartbeatWatch {
  private static final Duration WARM_UP = Duration.ofMinutes(10);
  private static final Duration NEXT_BEAT = Duration.ofSeconds(60);

  /** Rates are taken over windows of a second: this many seconds of steady state. */
  public static final int STEADY_SECONDS = 5;

  private HeartbeatWatch() {}

  /** The guest's heartbeat in normal operation, which it reaches after so many more beats. */
  public static SteadyState steadyState(GuestConsole console, int warmUpBeats) throws IOException {
    int warm = console.beats().size() + warmUpBeats;
    console.awaitBeats(warm, WARM_UP);
    letRun(console, STEADY_SECONDS * 1_000_000_000L);
    long[] beatsNs =
        console.beats().stream().skip(warm).mapToLong(GuestConsole.Beat::arrivalNs).toArray();
    return SteadyState.of(beatsNs, SteadyState.WINDOW_NS)
        .orElseThrow(() -> new IOException("the guest's heartbeat is slower than one a second"));
  }

  /** Waits until the guest has beaten for so long. */
  public static void letRun(GuestConsole console, long durationNs) throws IOException {
    int heard = console.beats().size();
    long fromNs = console.awaitBeats(heard + 1, NEXT_BEAT).arrivalNs();
    List<GuestConsole.Beat> beats = console.beats();
    while (beats.getLast().arrivalNs() - fromNs <= durationNs) {
      console.awaitBeats(beats.size() + 1, NEXT_BEAT);
      beats = console.beats();
    }
  }
}
