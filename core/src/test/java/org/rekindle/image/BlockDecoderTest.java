package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockDecoderTest {
  private static final int ROUNDS = 2_000;
  private static final long PATIENCE_NS = 60_000_000_000L;

  /**
   * What zstd-jni makes of its own for each call (a duplicate and a segment of either buffer): the
   * compiler removes it or does not, as the profile of the whole JVM has it.
   */
  private static final int ZSTD_JNI_BYTES = 128;

  @TempDir Path temp;

  private Image save(RandomGuest guest, Codec codec) throws IOException {
    guest.save(temp.resolve("image"), new ImageWriter.Options(codec, 8));
    return Image.open(temp.resolve("image"));
  }

  @Test
  void decodersOfSeveralThreadsDoNotDisturbEachOther()
      throws IOException, ExecutionException, InterruptedException {
    long seed = 31;
    RandomGuest guest = new RandomGuest(seed, 300);
    try (Image image = save(guest, Codec.ZSTD);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        Arena arena = Arena.ofShared()) {
      PageStore store = image.base();
      MemorySegment stored =
          arena.allocateFrom(
              java.lang.foreign.ValueLayout.JAVA_BYTE, Files.readAllBytes(store.file()));
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        Random random = new Random(seed + t);
        done.add(
            threads.submit(() -> {
              MemorySegment raw = arena.allocate(store.maxSlots() * 4096L);
              try (PageStore.Decoder decoder = store.newDecoder()) {
                for (int round = 0; round < 3000; round++) {
                  int block = random.nextInt(store.blocks());
                  decoder.decode(block, stored, store.offset(block), raw, 0);
                  for (int k = 0; k < store.pagesServed(block); k++) {
                    int page = store.servedPage(block, k);
                    MemorySegment found = raw.asSlice(store.slotOf(page) * 4096L, 4096);
                    if (found.mismatch(MemorySegment.ofArray(guest.expected(page))) != -1) {
                      throw new AssertionError("page " + page + ", seed " + seed);
                    }
                  }
                }
              }
              return null;
            }));
      }
      for (Future<?> each : done) {
        each.get();
      }
    }
  }

  /** A decoded block may be on its way to a guest that waits: see AllocationTest of the door. */
  @ParameterizedTest
  @EnumSource
  void decodingAllocatesNothingOfOurs(Codec codec) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    RandomGuest guest = new RandomGuest(32, 60);
    try (Image image = save(guest, codec);
        Arena arena = Arena.ofShared();
        PageStore.Decoder decoder = image.base().newDecoder()) {
      PageStore store = image.base();
      MemorySegment stored =
          arena.allocateFrom(
              java.lang.foreign.ValueLayout.JAVA_BYTE, Files.readAllBytes(store.file()));
      MemorySegment[] ring = new MemorySegment[6];
      for (int i = 0; i < ring.length; i++) {
        ring[i] = arena.allocate(store.maxSlots() * 4096L);
      }
      long allocated = Long.MAX_VALUE;
      long allowed = ROUNDS + (codec == Codec.ZSTD ? (long) ROUNDS * ZSTD_JNI_BYTES : 0);
      long untilNs = System.nanoTime() + PATIENCE_NS;
      while (allocated >= allowed && System.nanoTime() < untilNs) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int round = 0; round < ROUNDS; round++) {
          int block = round % store.blocks();
          decoder.decode(block, stored, store.offset(block), ring[round % ring.length], 0);
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
      }
      assertThat(allocated).as("bytes in %d decodings", ROUNDS).isLessThan(allowed);
    }
  }

  @Test
  void buffersThatCannotBeUsedAreRefused() throws IOException {
    try (Image image = save(new RandomGuest(33, 60), Codec.ZSTD);
        Arena arena = Arena.ofConfined();
        PageStore.Decoder decoder = image.base().newDecoder()) {
      byte[] file = Files.readAllBytes(image.base().file());
      MemorySegment stored = arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_BYTE, file);
      MemorySegment raw = arena.allocate(image.base().maxSlots() * 4096L);
      decoder.decode(0, stored, 0, raw, 0);
      assertThatThrownBy(() -> decoder.decode(0, stored, 0, raw, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> decoder.decode(0, stored, stored.byteSize() - 1, raw, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> decoder.decode(0, MemorySegment.ofArray(file), 0, raw, 0))
          .isInstanceOf(IllegalArgumentException.class);
      MemorySegment gone;
      try (Arena brief = Arena.ofConfined()) {
        gone = brief.allocate(raw.byteSize());
        decoder.decode(0, stored, 0, gone, 0);
      }
      assertThatThrownBy(() -> decoder.decode(0, stored, 0, gone, 0))
          .isInstanceOf(IllegalStateException.class);
    }
  }
}
