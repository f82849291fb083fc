package org.rekindle.workingset.policy;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Collectors;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.Ranking;

/** Small traces: of letters for what was worked out by hand, random ones for properties. */
final class Touches {
  static final int LETTERS = 26;

  private Touches() {}

  /** {@code "A B A"}: one touch a nanosecond from 1 ns on; the save is at the last. */
  static AccessTrace of(String letters) {
    AccessTrace.Builder trace = AccessTrace.of(LETTERS);
    int[] pages = pages(letters);
    for (int i = 0; i < pages.length; i++) {
      trace.touch(pages[i], i + 1, Access.READ);
    }
    return trace.savedAt(pages.length);
  }

  static int[] pages(String letters) {
    return letters.isBlank()
        ? new int[0]
        : Arrays.stream(letters.split(" ")).mapToInt(letter -> letter.charAt(0) - 'A').toArray();
  }

  static String letters(int... pages) {
    return Arrays.stream(pages)
        .mapToObj(page -> String.valueOf((char) ('A' + page)))
        .collect(Collectors.joining(" "));
  }

  static String letters(Ranking ranking) {
    return letters(ranking.pages());
  }

  static Profile profile(String letters) {
    return of(letters).firstTouches("by hand");
  }

  /**
   * Up to 400 touches of up to 40 pages: loops, a hot set, scans and noise, at times that collide
   * or leave gaps.
   */
  static AccessTrace random(Random random) {
    int memoryPages = 1 + random.nextInt(40);
    AccessTrace.Builder trace = AccessTrace.of(memoryPages);
    long atNs = random.nextInt(3);
    int touches = random.nextInt(400);
    while (touches > 0) {
      int kind = random.nextInt(4);
      int first = random.nextInt(memoryPages);
      int length = 1 + random.nextInt(memoryPages);
      for (int i = 1 + random.nextInt(30); i > 0 && touches > 0; i--, touches--) {
        int page =
            switch (kind) {
              case 0 -> first + i % Math.min(length, 5); // a loop
              case 1 -> first + (int) Math.abs(random.nextGaussian() * 2); // a hot set
              case 2 -> first + i; // a scan
              default -> random.nextInt(memoryPages);
            };
        trace.touch(page % memoryPages, atNs, random.nextBoolean() ? Access.READ : Access.WRITE);
        atNs += random.nextInt(10) == 0 ? random.nextInt(60) : random.nextInt(3);
      }
    }
    return trace.savedAt(atNs + random.nextInt(20));
  }
}
