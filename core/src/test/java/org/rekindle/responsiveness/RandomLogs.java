package org.rekindle.responsiveness;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Small random stall logs in which everything collides: equal times, overlaps, stalls of no length.
 */
final class RandomLogs {
  private RandomLogs() {}

  static BruteForce next(Random random) {
    int vcpus = random.nextInt(4);
    List<Stall> stalls = new ArrayList<>();
    for (int i = random.nextInt(15); i > 0; i--) {
      long begin = random.nextInt(120);
      long length = random.nextInt(random.nextInt(10) == 0 ? 40 : 8);
      int vcpu = vcpus == 0 ? Stall.VCPU_UNKNOWN : random.nextInt(vcpus);
      stalls.add(new Stall(begin, begin + length, vcpu));
    }
    return new BruteForce(random.nextBoolean() ? 0 : random.nextInt(60), vcpus, stalls);
  }
}
