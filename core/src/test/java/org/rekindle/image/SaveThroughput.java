package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Measures what saving costs with each codec, beside writing the same pages to a file as they are.
 * Not a test: run its {@code main} with a directory on the disk of interest.
 *
 * <p>The pages are half compressible: of each 16 bytes, 8 are random and 8 come from a small set.
 */
final class SaveThroughput {
  private static final int PAGES = Integer.getInteger("mb", 700) << 8;
  private static final int CHUNK_PAGES = 8; // what one read from QEMU's socket brings

  private SaveThroughput() {}

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment guest = guest(arena);
      for (int round = 0; round < Integer.getInteger("rounds", 3); round++) {
        if (arguments.length == 1) {
          raw(directory, guest);
        }
        for (Codec codec :
            arguments.length > 1 ? List.of(Codec.valueOf(arguments[1])) : List.of(Codec.values())) {
          save(directory, guest, codec);
        }
      }
    }
  }

  private static MemorySegment guest(Arena arena) {
    SplittableRandom random = new SplittableRandom(1);
    long[] few = random.longs(256).toArray();
    MemorySegment guest = arena.allocate((long) PAGES * MemoryMap.PAGE_BYTES, 4096);
    for (long at = 0; at < guest.byteSize(); at += 16) {
      guest.set(ValueLayout.JAVA_LONG, at, random.nextLong());
      guest.set(ValueLayout.JAVA_LONG, at + 8, few[random.nextInt(few.length)]);
    }
    return guest;
  }

  private static void raw(Path directory, MemorySegment guest) throws IOException {
    Path file = directory.resolve("raw.pages");
    long startNs = System.nanoTime();
    long cpuNs = cpuNs();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 0; at < guest.byteSize(); at += CHUNK_PAGES * 4096L) {
        ByteBuffer chunk = guest.asSlice(at, CHUNK_PAGES * 4096L).asByteBuffer();
        channel.write(chunk);
      }
      long writtenNs = System.nanoTime();
      channel.force(true);
      print("plain file", startNs, writtenNs, cpuNs, Files.size(file));
    }
    Files.delete(file);
  }

  private static void save(Path directory, MemorySegment guest, Codec codec) throws IOException {
    MemoryMap memory = new MemoryMap(List.of(new Region("ram", guest.byteSize(), 4096)));
    Path image = directory.resolve("saved");
    long startNs = System.nanoTime();
    long cpuNs = cpuNs();
    try (ImageWriter writer =
        ImageWriter.create(image, memory, new ImageWriter.Options(codec, 16))) {
      for (int page = 0; page < PAGES; page++) {
        writer.page(page, guest, page * 4096L);
      }
      long givenNs = System.nanoTime();
      writer.commit(new Manifest("bench", Instant.now(), memory, Map.of()));
      print(codec.toString(), startNs, givenNs, cpuNs, Files.size(image.resolve("base.pages")));
    }
    long openNs = System.nanoTime();
    try (Image opened = Image.open(image)) {
      long openedNs = System.nanoTime();
      opened.verify((done, total) -> {});
      System.out.printf(
          "%14s opened in %.1f ms, verified at %.0f MB/s%n",
          "", (openedNs - openNs) / 1e6, guest.byteSize() * 1e3 / (System.nanoTime() - openedNs));
    }
    try (Stream<Path> files = Files.list(image)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(image);
  }

  private static void print(String what, long startNs, long givenNs, long cpuNs, long bytes) {
    System.out.printf(
        "%14s: pages taken in %4d ms, durable after %4d ms, CPU %4d ms, %3d MB%n",
        what,
        (givenNs - startNs) / 1_000_000,
        (System.nanoTime() - startNs) / 1_000_000,
        (cpuNs() - cpuNs) / 1_000_000,
        bytes >> 20);
  }

  private static long cpuNs() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
