package org.rekindle.lab;

/**
 * What the guest's workload does; given to it on the kernel command line.
 *
 * @param fillMiB memory that it fills with data
 * @param setMiB how much of that the walk touches
 * @param batchPages pages that it works on between two heartbeats
 * @param rounds how often it hashes each page: how long the work on a page takes
 * @param seed of data and order
 * @param threads walkers; only the first one beats and writes
 * @param shape of the walk
 */
public record WorkloadParameters(
    int fillMiB, int setMiB, int batchPages, int rounds, int seed, int threads, Shape shape)
    implements GuestWorkload {
  /**
   * How the walk goes.
   *
   * @param sequential in the order of addresses, not of a shuffle
   * @param writeOneIn one page in so many is written, the others are only read
   * @param strayEveryBeats after so many beats a page from anywhere is read once; 0: never
   */
  public record Shape(boolean sequential, int writeOneIn, int strayEveryBeats) {
    static final Shape DEMO = new Shape(false, 5, 0);

    public Shape {
      if (writeOneIn < 1 || strayEveryBeats < 0) {
        throw new IllegalArgumentException(
            "one page in %d is written, one beat in %d strays"
                .formatted(writeOneIn, strayEveryBeats));
      }
    }
  }

  /**
   * For a guest of 1 GiB. With 200 rounds a beat comes every 20 ms and a pass takes 4 s under TCG
   * on a 2024 server core: 1.5 ns for each hashed word, 128 pages of 504 words, 192 batches.
   */
  public static final WorkloadParameters DEMO = new WorkloadParameters(720, 96, 128, 200, 1, 1);

  /** For tests, in a guest of 192 MiB: a beat every few milliseconds, a pass in half a second. */
  public static final WorkloadParameters SMALL = new WorkloadParameters(96, 16, 64, 60, 1, 1);

  public WorkloadParameters {
    if (fillMiB < 1 || setMiB < 1 || setMiB > fillMiB || batchPages < 1 || rounds < 1) {
      throw new IllegalArgumentException(
          "the working set must lie between 1 MiB and the filled " + fillMiB + " MiB: " + setMiB);
    }
  }

  /** With the demo's walk. */
  public WorkloadParameters(
      int fillMiB, int setMiB, int batchPages, int rounds, int seed, int threads) {
    this(fillMiB, setMiB, batchPages, rounds, seed, threads, Shape.DEMO);
  }

  public WorkloadParameters withThreads(int walkers) {
    return new WorkloadParameters(fillMiB, setMiB, batchPages, rounds, seed, walkers, shape);
  }

  public WorkloadParameters withShape(Shape other) {
    return new WorkloadParameters(fillMiB, setMiB, batchPages, rounds, seed, threads, other);
  }

  @Override
  public int beatsPerPass() {
    return Math.ceilDiv(setMiB * 256, batchPages);
  }

  @Override
  public int workingSetPages() {
    return setMiB * 256;
  }

  @Override
  public boolean sumsItsMemory() {
    return true;
  }

  @Override
  public String kernelArguments() {
    String walk =
        "rekindle.fill=%d rekindle.set=%d rekindle.batch=%d rekindle.rounds=%d rekindle.seed=%d rekindle.threads=%d"
            .formatted(fillMiB, setMiB, batchPages, rounds, seed, threads);
    return shape.equals(Shape.DEMO)
        ? walk
        : walk
            + " rekindle.sequential=%d rekindle.writes=%d rekindle.strays=%d"
                .formatted(shape.sequential ? 1 : 0, shape.writeOneIn, shape.strayEveryBeats);
  }
}
