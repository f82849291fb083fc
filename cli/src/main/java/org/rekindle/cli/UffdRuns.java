package org.rekindle.cli;

/** As many VMMs as runs are to be watched, at a time or one after another. */
final class UffdRuns extends UffdTarget {
  private int runs = 1;

  UffdRuns times(int count) {
    runs = count;
    return this;
  }

  @Override
  int vms() {
    return runs;
  }
}
