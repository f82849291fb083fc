package org.rekindle.workingset.policy;

/** What a policy with a capacity asks of it. */
final class Capacity {
  private Capacity() {}

  static void check(int capacity, int atLeast) {
    if (capacity < atLeast) {
      throw new IllegalArgumentException(
          "a capacity of " + capacity + " pages is too small; take at least " + atLeast);
    }
  }
}
