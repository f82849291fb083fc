package org.rekindle.guest.process.store;

/** Bits stirred well: for hashes and random numbers. */
final class Mix {
  private Mix() {}

  /** The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA'14): every bit changes every bit. */
  static long of(long value) {
    long x = value + 0x9e3779b97f4a7c15L;
    x = (x ^ x >>> 30) * 0xbf58476d1ce4e5b9L;
    x = (x ^ x >>> 27) * 0x94d049bb133111ebL;
    return x ^ x >>> 31;
  }

  /** Takes one more word into a hash: a multiplication and a rotation, a nanosecond. */
  static long word(long hash, long word) {
    return Long.rotateLeft((hash ^ word) * 0x9fb21c651e98df25L, 29);
  }

  /** The next state of a generator, never 0 for a state that is not 0 (xorshift64, Marsaglia). */
  static long next(long state) {
    long x = state;
    x ^= x << 13;
    x ^= x >>> 7;
    return x ^ x << 17;
  }
}
