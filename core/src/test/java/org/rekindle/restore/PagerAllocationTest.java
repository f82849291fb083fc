package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
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

  @Test
  void pageByPageNothingIsAllocated() throws IOException {
    requireFlat(Plan.Miss.PAGE);
  }

  @Test
  void withTheNeighboursNothingIsAllocated() throws IOException {
    requireFlat(Plan.Miss.BLOCK);
  }

  private void requireFlat(Plan.Miss miss) throws IOException {
    Path directory = save();
    long allocated = allocatedBytes(directory, miss);
    long untilNs = System.nanoTime() + PATIENCE_NS;
    while (allocated >= FAULTS && System.nanoTime() < untilNs) {
      allocated = allocatedBytes(directory, miss);
    }
    assertThat(allocated).as("bytes in %d faults", FAULTS).isLessThan(FAULTS);
  }

  private long allocatedBytes(Path directory, Plan.Miss miss) throws IOException {
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
