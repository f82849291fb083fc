package org.rekindle.lab.criu;

import java.util.SplittableRandom;

/*
 * Real requests are skewed. The usual model, that of YCSB (Cooper et al., SoCC 2010), is Zipf's law
 * with the exponent 0.99: the key of rank r is asked for with a probability proportional to r^-0.99.
 * Drawn by the rejection-free approximation of Gray et al. ("Quickly Generating Billion-Record
 * Synthetic Databases", SIGMOD 1994), section 4.2. Ranks are scattered over the keys by a hash, or the
 * popular ones would be neighbours in memory.
 */

/** Draws keys by Zipf's law, the popular ones scattered over all. Not thread-safe. */
final class ZipfianKeys {
  private static final double EXPONENT = 0.99;

  private final SplittableRandom random;
  private final int keys;
  private final double zeta;
  private final double alpha = 1 / (1 - EXPONENT);
  private final double eta;

  /**
   * @param keys how many; keys are 0 to this, exclusive
   */
  ZipfianKeys(int keys, long seed) {
    this.random = new SplittableRandom(seed);
    this.keys = keys;
    this.zeta = zeta(keys);
    this.eta = (1 - Math.pow(2.0 / keys, 1 - EXPONENT)) / (1 - zeta(2) / zeta);
  }

  private static double zeta(int keys) {
    double sum = 0;
    for (int rank = 1; rank <= keys; rank++) {
      sum += Math.pow(rank, -EXPONENT);
    }
    return sum;
  }

  /** The next key. */
  int next() {
    return (int) Long.remainderUnsigned(hash(rank()), keys);
  }

  /** 0 is the most popular. */
  int rank() {
    double u = random.nextDouble();
    double scaled = u * zeta;
    if (scaled < 1) {
      return 0;
    }
    if (scaled < 1 + Math.pow(0.5, EXPONENT)) {
      return 1;
    }
    return Math.min(keys - 1, (int) (keys * Math.pow(eta * u - eta + 1, alpha)));
  }

  /** The finalizer of splitmix64. */
  private static long hash(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
