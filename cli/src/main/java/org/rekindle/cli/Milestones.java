package org.rekindle.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far a command had come, and when: where the time goes before a guest's first instruction. For
 * all threads.
 */
final class Milestones {
  private final Map<String, Long> reachedNs = new LinkedHashMap<>();

  /** Notes that the command has come so far. */
  synchronized void reached(String milestone) {
    reachedNs.put(milestone, System.nanoTime());
  }

  /** All of them in their order, in milliseconds from the start of this JVM on. */
  synchronized Map<String, @Nullable Object> ms() {
    long startNs = Main.startNs();
    Map<String, @Nullable Object> ms = new LinkedHashMap<>();
    reachedNs.forEach((milestone, ns) -> ms.put(milestone, Figures.ms(ns - startNs)));
    return ms;
  }
}
