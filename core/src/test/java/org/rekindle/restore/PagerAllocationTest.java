package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.image.Codec;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/** The pager answering faults, against the JVM's own account of what its thread has allocated. */
@Timeout(120)
class PagerAllocationTest {
  private static final int BLOCK_PAGES = 2;
  private static final int PAGES = 24_000;
  private static final int WARM_UP_FAULTS = 1_000;
  private static final int FAULTS = 10_000;
  private static final int FAULTS_BETWEEN_BATCHES = 20;

  /**
   * Until the JIT's last tier has compiled a native call, the JDK makes an object for each (see
   * Libc); when that is depends on how busy the machine is.
   */
  private static final long PATIENCE_NS = 60_000_000_000L;

  @TempDir Path dir;

  @ParameterizedTest
  @EnumSource(Plan.Miss.class)
  void nothingIsAllocated(Plan.Miss miss) throws Exception {
    assertThat(inItsOwnJvm(miss, save())).as("bytes in %d faults", FAULTS).isLessThan(FAULTS);
  }

  /**
   * As a restore is, and since the JIT compiles a native call into its callers in the way that
   * everything suggests that ran before: after other tests it now and then never gets as far.
   */
  private static long inItsOwnJvm(Plan.Miss miss, Path image) throws Exception {
    Process jvm =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                PagerAllocationTest.class.getName(),
                miss.name(),
                image.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out = jvm.inputReader()) {
      String line = out.readLine();
      assertThat(line).as("what the other JVM says").isNotNull();
      return Long.parseLong(line);
    } finally {
      jvm.destroyForcibly();
    }
  }

  /** Says how many bytes were allocated; arguments: what a miss brings, the image. */
  public static void main(String[] arguments) throws IOException {
    Plan.Miss miss = Plan.Miss.valueOf(arguments[0]);
    Path image = Path.of(arguments[1]);
    long untilNs = System.nanoTime() + PATIENCE_NS;
    long allocated = allocatedBytes(image, miss);
    while (allocated >= FAULTS && System.nanoTime() < untilNs) {
      allocated = allocatedBytes(image, miss);
    }
    System.out.println(allocated);
  }

  private static long allocatedBytes(Path directory, Plan.Miss miss) throws IOException {
    try (Image image = Image.open(directory);
        FaultingGuest guest = new FaultingGuest(image.memory())) {
      Plan recording = Strategy.recording(image);
      Plan plan =
          new Plan(
              "on demand only",
              recording.prefetch(),
              recording.zeroFirst(),
              recording.start(),
              miss,
              recording.fill(),
              null);
      Outcome outcome = new Restore(image, guest, plan).run();
      assertThat(outcome.faults().size()).isEqualTo(WARM_UP_FAULTS + FAULTS);
      assertThat(outcome.tally().placed(Cause.DEMAND)).isEqualTo(WARM_UP_FAULTS + FAULTS);
      return guest.allocatedAfter - guest.allocatedBefore;
    }
  }

  private Path save() throws IOException {
    Path directory = dir.resolve("image");
    MemoryMap memory = new MemoryMap(List.of(new Region("ram", PAGES * 4096L, 4096)));
    try (ImageWriter writer =
        ImageWriter.create(directory, memory, new ImageWriter.Options(Codec.LZ4, BLOCK_PAGES))) {
      for (int page = 0; page < PAGES; page++) {
        byte[] content = ByteBuffer.allocate(4096).putInt(page + 1).array();
        writer.page(page, MemorySegment.ofArray(content), 0);
      }
      writer.commit(new Manifest("test", Instant.EPOCH, memory, Map.of()));
    }
    return directory;
  }

  /**
   * Faults on one page of each block, here and there, and takes what it did not ask for only now
   * and then, so that many buffers are in use. Allocates nothing itself.
   */
  private static final class FaultingGuest implements Guest {
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final MemoryMap memory;
    private final BitSet present = new BitSet(PAGES);
    private int faults;
    private int asked = -1;
    private long allocatedBefore;
    private long allocatedAfter;

    FaultingGuest(MemoryMap memory) {
      this.memory = memory;
    }

    @Override
    public MemoryMap memory() {
      return memory;
    }

    @Override
    public int batchPages() {
      return FAULTS_BETWEEN_BATCHES * (BLOCK_PAGES - 1);
    }

    @Override
    public void start() {}

    @Override
    public boolean drainFaults(FaultSink sink) {
      if (asked >= 0 && !present.get(asked)) {
        return true;
      }
      if (faults == WARM_UP_FAULTS) {
        allocatedBefore = threads.getCurrentThreadAllocatedBytes();
      }
      if (faults == WARM_UP_FAULTS + FAULTS) {
        allocatedAfter = threads.getCurrentThreadAllocatedBytes();
      } else {
        int block = (int) (faults * 7919L % (PAGES / BLOCK_PAGES)); // prime: no block twice
        asked = block * BLOCK_PAGES;
        faults++;
        sink.fault(asked, 1, System.nanoTime(), FaultSink.VCPU_UNKNOWN, false);
      }
      return true;
    }

    @Override
    public boolean ready() {
      return faults % FAULTS_BETWEEN_BATCHES == 0;
    }

    @Override
    public int place(
        int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded) {
      present.set(page, page + pages);
      return pages;
    }

    @Override
    public boolean flush() {
      return true;
    }

    @Override
    public void finish() {}

    @Override
    public boolean finished() {
      return allocatedAfter > 0;
    }

    @Override
    public void await(long timeoutNs) {}

    @Override
    public void wake() {}

    @Override
    public long firstInstructionNs() {
      return -1;
    }

    @Override
    public void close() {}
  }
}
