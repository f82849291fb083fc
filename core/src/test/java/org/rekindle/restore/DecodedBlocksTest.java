package org.rekindle.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
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

/** Many restores from one image at once, and the frames that they share. */
@Timeout(60)
class DecodedBlocksTest {
  private static final int PAGES = 4096;
  private static final MemoryMap MEMORY =
      new MemoryMap(List.of(new Region("ram", PAGES * 4096L, 4096)));
  private static final long PAGE_DATA_BYTES = PAGES * 4096L;
  private static final Strategy.Options FAST_FILL = new Strategy.Options(1_000_000, 1 << 30);

  @TempDir Path dir;
  private Path directory;

  @BeforeEach
  void save() throws IOException {
    directory = dir.resolve("image");
    try (ImageWriter writer =
        ImageWriter.create(directory, MEMORY, new ImageWriter.Options(Codec.RAW, 8))) {
      for (int page = 0; page < PAGES; page++) {
        writer.page(page, MemorySegment.ofArray(content(page)), 0);
      }
      writer.commit(new Manifest("test", Instant.EPOCH, MEMORY, Map.of()));
    }
  }

  private static byte[] content(int page) {
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    while (buffer.hasRemaining()) {
      buffer.putLong(page * 1_000_003L + buffer.position());
    }
    return buffer.array();
  }

  private static ScriptedGuest guest(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] touches = IntStream.range(0, 300).map(_ -> random.nextInt(PAGES)).toArray();
    return new ScriptedGuest(MEMORY, DecodedBlocksTest::content, touches);
  }

  private static List<Outcome> restoreAll(
      Image image, DecodedBlocks shared, Strategy strategy, int count) throws Exception {
    List<Future<Outcome>> restores = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(count)) {
      for (int i = 0; i < count; i++) {
        ScriptedGuest guest = guest(i);
        Plan plan = strategy.plan(image, FAST_FILL);
        restores.add(threads.submit(() -> new Restore(image, guest, plan, shared).run()));
      }
    }
    List<Outcome> outcomes = new ArrayList<>();
    for (Future<Outcome> restore : restores) {
      outcomes.add(restore.get());
    }
    return outcomes;
  }

  @ParameterizedTest
  @EnumSource(
      value = Strategy.class,
      names = {"EAGER", "LAZY", "ADAPTIVE"})
  void eachOfManyRestoresGetsEveryPageRight(Strategy strategy) throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 1 << 20)) { // 32 frames for 512 blocks
      for (Outcome outcome : restoreAll(image, shared, strategy, 8)) {
        assertThat(outcome.tally().placed()).isEqualTo(PAGES);
      }
      assertThat(shared.pinnedFrames()).isZero();
    }
  }

  @Test
  void restoresAtOnceReadLittleMoreThanOneAlone() throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 2 * PAGE_DATA_BYTES)) {
      List<Outcome> outcomes = restoreAll(image, shared, Strategy.EAGER, 8);
      // Eight times without sharing. Read twice is what a restore that was held up gave its turn
      // back for.
      assertThat(outcomes.stream().mapToLong(Outcome::bytesRead).sum())
          .isBetween(PAGE_DATA_BYTES, 3 * PAGE_DATA_BYTES);
      assertThat(restoreAll(image, shared, Strategy.EAGER, 1).getFirst().bytesRead()).isZero();
    }
  }

  @Test
  void whatWasDecodedOnDemandIsSharedToo() throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 2 * PAGE_DATA_BYTES)) {
      Plan recording = Strategy.recording(image);
      Outcome first = new Restore(image, guest(7), recording, shared).run(200_000_000);
      Outcome second = new Restore(image, guest(7), recording, shared).run(200_000_000);
      assertThat(first.bytesRead()).isPositive();
      assertThat(second.bytesRead()).isZero();
      assertThat(second.demandFaults()).isEqualTo(first.demandFaults());
    }
  }

  @Test
  void aRestoreThatFailsLeavesNoFramePinnedAndNobodyWaiting() throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 1 << 20)) {
      ScriptedGuest dying = guest(1);
      dying.diesAt = 700;
      Plan plan = Strategy.EAGER.plan(image, FAST_FILL);
      assertThatThrownBy(() -> new Restore(image, dying, plan, shared).run())
          .isInstanceOf(GuestGoneException.class);
      assertThat(shared.pinnedFrames()).isZero();
      for (int block = 0; block < image.base().blocks(); block++) {
        assertThat(shared.turns().isTaken(shared.key(image.base(), block))).isFalse();
      }
    }
  }

  @Test
  void aDamagedBlockIsNotShared() throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 1 << 20)) {
      try (FileChannel channel = FileChannel.open(image.base().file(), StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.wrap(new byte[] {7, 7, 7, 7}), image.base().offset(3) + 5);
      }
      for (int attempt = 0; attempt < 2; attempt++) {
        Plan plan = Strategy.EAGER.plan(image, FAST_FILL);
        assertThatThrownBy(() -> new Restore(image, guest(1), plan, shared).run())
            .hasMessageContaining("block 3");
      }
      assertThat(shared.has(shared.key(image.base(), 3))).isFalse();
      assertThat(shared.pinnedFrames()).isZero();
    }
  }

  @Test
  void aPinnedFrameIsNotReplacedAndAFullCacheIsPassedBy() throws IOException {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 4 * 8 * 4096)) {
      int[] frames = IntStream.range(0, 4).map(_ -> shared.claim()).toArray();
      for (int i = 0; i < frames.length; i++) {
        shared.memory().set(ValueLayout.JAVA_INT, shared.offset(frames[i]), i);
        shared.publish(frames[i], i);
      }
      assertThat(shared.claim()).isEqualTo(DecodedBlocks.NONE);
      shared.unpin(frames[2]);
      int replaced = shared.claim();
      assertThat(replaced).isEqualTo(frames[2]);
      assertThat(shared.pin(2)).isEqualTo(DecodedBlocks.NONE);
      shared.abandon(replaced);
      assertThat(shared.pin(1)).isEqualTo(frames[1]);
      assertThat(shared.pin(2)).isEqualTo(DecodedBlocks.NONE);
    }
  }

  @Test
  void aFrameThatWasLookedAtGetsASecondChance() throws IOException {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 2 * 8 * 4096)) {
      int first = shared.claim();
      shared.publish(first, 10);
      int second = shared.claim();
      shared.publish(second, 11);
      shared.unpin(first);
      shared.unpin(second);
      shared.unpin(shared.pin(10));
      assertThat(shared.claim()).isEqualTo(second);
    }
  }

  @Test
  void underContentionAPinnedBlockIsAlwaysTheRightOne() throws Exception {
    try (Image image = Image.open(directory);
        DecodedBlocks shared = new DecodedBlocks(image, 8 * 8 * 4096);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<?>> users = new ArrayList<>();
      for (int user = 0; user < 4; user++) {
        SplittableRandom random = new SplittableRandom(user);
        users.add(
            threads.submit(() -> {
              for (int i = 0; i < 200_000; i++) {
                useBlock(shared, random.nextInt(24));
              }
            }));
      }
      for (Future<?> user : users) {
        user.get();
      }
      assertThat(shared.pinnedFrames()).isZero();
    }
  }

  private static void useBlock(DecodedBlocks shared, int key) {
    int frame = shared.pin(key);
    if (frame == DecodedBlocks.NONE) {
      frame = shared.claim();
      if (frame == DecodedBlocks.NONE) {
        return;
      }
      shared.memory().set(ValueLayout.JAVA_INT, shared.offset(frame), key);
      shared.publish(frame, key);
    }
    assertThat(shared.memory().get(ValueLayout.JAVA_INT, shared.offset(frame))).isEqualTo(key);
    shared.unpin(frame);
  }
}
