package org.rekindle.lab;

import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Programs that people run, in the Debian guest of the evaluation (scripts/paper-guest). Each beat
 * is so many units of a program's own work, counted by the guest's first process (console.c).
 */
public enum DebianWorkload implements GuestWorkload {
  /** Two idle servers, a warm page cache, and a process ten times a second. */
  IDLE("idle Debian", 1, 150, null),
  /** Transactions in 60 warehouses in a heap of 768 MB; a unit is a thousand of them. */
  JVM("JVM transactions", 1, 300, "next"),
  /** MPlayer with a film of 320x240 at 30 frames a second; a unit is a frame. */
  MPLAYER("MPlayer", 1, 600, "loadfile /data/other.avi"),
  /** pgbench, select-only; a unit is a transaction. */
  POSTGRES("pgbench select-only", 20, 100, null),
  /** Lookups of skewed keys; a unit is a hundred of them. */
  REDIS("Redis", 4, 200, null);

  private final String title;
  private final int unitsPerBeat;
  private final int beatsUntilSteady;
  private final @Nullable String otherInput;

  DebianWorkload(
      String title, int unitsPerBeat, int beatsUntilSteady, @Nullable String otherInput) {
    this.title = title;
    this.unitsPerBeat = unitsPerBeat;
    this.beatsUntilSteady = beatsUntilSteady;
    this.otherInput = otherInput;
  }

  /** For people and tables. */
  public String title() {
    return title;
  }

  /** What its console can tell it, so that it goes on with other input; empty if it has none. */
  public Optional<String> otherInput() {
    return Optional.ofNullable(otherInput).map(words -> "tell " + words);
  }

  @Override
  public String kernelArguments() {
    return "rekindle.workload=%s rekindle.batch=%d"
        .formatted(name().toLowerCase(Locale.ROOT), unitsPerBeat);
  }

  @Override
  public int beatsPerPass() {
    return beatsUntilSteady;
  }

  /** Not known before it is recorded: as much as the paper's largest, 160 MB. */
  @Override
  public int workingSetPages() {
    return 160 << 8;
  }

  @Override
  public boolean sumsItsMemory() {
    return false;
  }
}
