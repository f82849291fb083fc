package org.rekindle.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.Profile;

/** A guest's memory drawn from a seed: several regions, with zero, identical and unlike pages. */
final class RandomGuest {
  private static final byte[] ZEROS = new byte[4096];
  private static final List<Access> KINDS = List.of(Access.values());

  final MemoryMap memory;
  final byte[][] pages;
  final byte[] deviceState;
  private final Random random;

  RandomGuest(long seed, int maxPages) {
    random = new Random(seed);
    List<Region> regions = new ArrayList<>();
    int count = 1 + random.nextInt(4);
    for (int i = 0; i < count; i++) {
      regions.add(new Region("ram" + i, 4096L * (1 + random.nextInt(maxPages)), 4096));
    }
    memory = new MemoryMap(regions);
    pages = new byte[memory.pages()][];
    double zeroShare = random.nextDouble();
    for (int page = 0; page < pages.length; page++) {
      pages[page] = random.nextDouble() < zeroShare ? ZEROS : content(page);
    }
    deviceState = new byte[random.nextInt(5000)];
    random.nextBytes(deviceState);
  }

  private byte[] content(int page) {
    int kind = random.nextInt(4);
    if (kind == 0 && page > 0) {
      return pages[random.nextInt(page)].clone();
    }
    byte[] content = new byte[4096];
    if (kind == 1) {
      random.nextBytes(content);
    } else {
      for (int i = 0; i < content.length; i += 4) { // about half compressible
        content[i] = (byte) random.nextInt();
        content[i + 1] = (byte) random.nextInt(4);
      }
      content[0] |= 1;
    }
    return content;
  }

  Manifest manifest() {
    Map<String, Object> guest = new LinkedHashMap<>();
    guest.put("machine", "pc-q35-7.2");
    guest.put("vcpus", 2L);
    guest.put("nested", Map.of("flag", true, "list", List.of(1L, 2L)));
    return new Manifest("qemu", Instant.parse("2026-01-31T12:00:00.123456789Z"), memory, guest);
  }

  /** Saves it, giving pages in order or not, some of them more than once. */
  void save(Path directory, ImageWriter.Options options) throws IOException {
    List<Integer> order = new ArrayList<>();
    for (int page = 0; page < pages.length; page++) {
      order.add(page);
    }
    if (random.nextBoolean()) {
      Collections.shuffle(order, random);
    }
    try (Arena arena = Arena.ofConfined();
        ImageWriter writer = ImageWriter.create(directory, memory, options)) {
      MemorySegment buffer = arena.allocate(3 * 4096);
      for (int page : order) {
        while (random.nextInt(8) == 0) { // an earlier state of the page
          byte[] old = new byte[4096];
          random.nextBytes(old);
          give(writer, random.nextBoolean() ? page : random.nextInt(page + 1), old, buffer);
        }
      }
      for (int page : order) {
        byte[] content = pages[page];
        if (isZero(page) && random.nextBoolean()) {
          writer.zero(page);
        } else {
          give(writer, page, content, buffer);
        }
      }
      writer.deviceState(deviceState);
      writer.commit(manifest());
    }
  }

  private void give(ImageWriter writer, int page, byte[] content, MemorySegment buffer)
      throws IOException {
    long offset = 8L * random.nextInt(1024);
    MemorySegment.copy(MemorySegment.ofArray(content), 0, buffer, offset, 4096);
    writer.page(page, buffer, offset);
    buffer.fill((byte) 0xee); // the writer must not look at it any more
  }

  Profile profile() {
    Set<Integer> chosen = new HashSet<>();
    int size = random.nextInt(pages.length + 1);
    while (chosen.size() < size) {
      chosen.add(random.nextInt(pages.length));
    }
    List<Integer> order = new ArrayList<>(chosen);
    Collections.shuffle(order, random);
    int[] touched = order.stream().mapToInt(Integer::intValue).toArray();
    long[] touchNs = new long[size];
    Access[] access = new Access[size];
    for (int i = 0; i < size; i++) {
      touchNs[i] = (i == 0 ? 0 : touchNs[i - 1]) + random.nextInt(1_000_000);
      access[i] = KINDS.get(random.nextInt(3));
    }
    return new Profile(touched, touchNs, access, 3_000_000_000L, "a räcording");
  }

  byte[] expected(int page) {
    return pages[page];
  }

  boolean isZero(int page) {
    return Arrays.equals(pages[page], ZEROS);
  }
}
