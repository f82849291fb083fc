package org.rekindle.responsiveness;

import java.time.Duration;

/**
 * How a wait feels to the person who waits.
 *
 * <p>The classes of Tolia, Andersen and Satyanarayanan ("Quantifying Interactive User Experience on
 * Thin Clients", IEEE Computer 39(3), 2006), which refine Miller's 0.1, 1 and 10 s (1968).
 */
public enum ResponsivenessClass {
  /** Below 150 ms. */
  CRISP("crisp", Duration.ofMillis(150)),
  /** 150 ms to 1 s. */
  NOTICEABLE("noticeable to annoying", Duration.ofSeconds(1)),
  /** 1 to 2 s. */
  ANNOYING("annoying", Duration.ofSeconds(2)),
  /** 2 to 5 s. */
  UNACCEPTABLE("unacceptable", Duration.ofSeconds(5).plusNanos(1)), // 5 s itself still belongs here
  /** Above 5 s. */
  UNUSABLE("unusable", Duration.ofNanos(Long.MAX_VALUE));

  private final String words;
  private final long belowNs;

  ResponsivenessClass(String words, Duration below) {
    this.words = words;
    this.belowNs = below.toNanos();
  }

  /** The class of a wait of that length. */
  public static ResponsivenessClass of(long waitNs) {
    for (ResponsivenessClass each : values()) {
      if (waitNs < each.belowNs) {
        return each;
      }
    }
    return UNUSABLE;
  }

  /** The name that people read, such as {@code "noticeable to annoying"}. */
  public String words() {
    return words;
  }
}
