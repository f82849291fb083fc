package org.rekindle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.rekindle.guest.qemu.QemuDouble;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.NativeCalls;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/*
 * What the JVM learns before it is used
 *
 * A JVM that has just started loads, verifies and links some 2,700 classes for a restore, and runs
 * them in its interpreter: several times as long as QEMU takes to come up. With an AOT cache (JEP 483,
 * 514, 515) classes are mapped as they were in an earlier run, together with what was counted about
 * their methods. This is that run: real restores by the real command, of a small image into a program
 * that stands in for QEMU. The launcher makes the cache with it after each build.
 */

/** Restores small machines, so that the JVM can keep what it has loaded for later starts. */
final class StartTraining {
  /** Some 8,000 faults and as many pages without: more than the last tier of the JIT waits for. */
  private static final int MEMORY_MIB = 64;

  private StartTraining() {}

  public static void main(String[] arguments) throws Exception {
    NativeCalls.linkInBackground();
    Path folder = Files.createTempDirectory("rekindle-training-");
    try {
      Path image = folder.resolve("image");
      write(image);
      restore(image, "--json", "--strategy", "adaptive");
      restore(image, "--strategy", "lazy", "--fill-rate", Integer.toString(MEMORY_MIB * 256));
    } finally {
      delete(folder);
    }
  }

  private static void restore(Path image, String... options) {
    List<String> words = new ArrayList<>(List.of("restore", "--detach"));
    words.addAll(Arrays.asList(options));
    words.addAll(List.of(image.toString(), "--"));
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(List.of("-cp", System.getProperty("java.class.path")));
    words.addAll(List.of(QemuDouble.class.getName(), "-m", Integer.toString(MEMORY_MIB)));
    String[] line = words.toArray(String[]::new);
    int status = Main.commandLine(line).execute(line);
    if (status != 0) {
      throw new IllegalStateException("a restore failed with status " + status);
    }
  }

  /** Two pages of three have content, half of it compressible; a quarter of them is touched. */
  private static void write(Path image) throws IOException {
    MemoryMap memory = QemuDouble.memory(MEMORY_MIB);
    SplittableRandom random = new SplittableRandom(1);
    byte[] page = new byte[MemoryMap.PAGE_BYTES];
    try (ImageWriter writer = ImageWriter.create(image, memory, ImageWriter.Options.DEFAULT)) {
      for (int gpn = 0; gpn < memory.pages(); gpn++) {
        if (gpn % 3 == 0) {
          writer.zero(gpn);
        } else {
          random.nextBytes(page);
          Arrays.fill(page, page.length / 2, page.length, (byte) gpn);
          writer.page(gpn, MemorySegment.ofArray(page), 0);
        }
      }
      writer.deviceState(new byte[1 << 14]);
      writer.commit(new Manifest("qemu", Instant.now(), memory, QemuDouble.MACHINE.toMap()));
    }
    int[] touched = IntStream.range(0, memory.pages() / 4).map(i -> 4 * i).toArray();
    Access[] access = new Access[touched.length];
    Arrays.fill(access, Access.READ);
    long[] touchNs = IntStream.range(0, touched.length).mapToLong(i -> i * 10_000L).toArray();
    Image.attach(image, new Profile(touched, touchNs, access, 1_000_000_000, "training"));
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      files
          .sorted(Comparator.reverseOrder())
          .forEach(file -> {
            try {
              Files.delete(file);
            } catch (IOException failed) {
              throw new UncheckedIOException(failed);
            }
          });
    }
  }
}
