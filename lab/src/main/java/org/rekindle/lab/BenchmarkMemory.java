package org.rekindle.lab;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.SplittableRandom;
import org.rekindle.image.MemoryMap;

/**
 * Pages that compress as those of the demo's guest do (see workload.c): a quarter noise, a third
 * prose, the rest records. Their LZ4 blocks take as long to decode, which neither noise nor zeros
 * do.
 */
final class BenchmarkMemory {
  private static final String[] WORDS =
      ("the saved guest runs again before most of its memory has come back because every page that"
              + " it touches first is placed at once while all others follow in an order which a"
              + " recording of an earlier run has shown to be the one that makes it wait least")
          .split(" ", -1);

  private BenchmarkMemory() {}

  static byte[] page(int number) {
    SplittableRandom random = new SplittableRandom(number);
    byte[] page = new byte[MemoryMap.PAGE_BYTES];
    int kind = random.nextInt(100);
    if (kind < 28) {
      random.nextBytes(page);
    } else if (kind < 60) {
      prose(page, random);
    } else {
      records(page, random);
    }
    return page;
  }

  private static void prose(byte[] page, SplittableRandom random) {
    int at = 0;
    while (at < page.length) {
      byte[] word = (WORDS[random.nextInt(WORDS.length)] + " ").getBytes(US_ASCII);
      int bytes = Math.min(word.length, page.length - at);
      System.arraycopy(word, 0, page, at, bytes);
      at += bytes;
    }
  }

  /** 32 bytes each: an address, a small count, flags, and what is mostly zero. */
  private static void records(byte[] page, SplittableRandom random) {
    java.nio.ByteBuffer buffer = java.nio.ByteBuffer.wrap(page);
    while (buffer.hasRemaining()) {
      buffer.putLong(0x7f00_0000_0000L | random.nextInt(1 << 24) << 4);
      buffer.putLong(random.nextInt(100));
      buffer.putLong(1L << random.nextInt(8));
      buffer.putLong(random.nextInt(4) == 0 ? random.nextLong() : 0);
    }
  }
}
