package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * A folder that {@code criu dump} has written.
 *
 * @param pids of its processes, parents before their children
 */
record Dump(Path directory, List<Integer> pids) {
  /** The layout that all of CRIU 2 to 4 write (CRTOOLS_IMAGES_V1_1). */
  private static final int IMAGES_VERSION = 2;

  /** What Linux allows at most. */
  private static final int MAX_PID = 1 << 22;

  private static final String INVENTORY = "inventory.img";
  private static final String PSTREE = "pstree.img";

  Dump {
    pids = List.copyOf(pids);
  }

  /**
   * Opens it.
   *
   * @throws CriuImageException if it is of a version that is not known, or damaged
   */
  static Dump open(Path directory) throws IOException {
    checkVersion(directory.resolve(INVENTORY));
    Path file = directory.resolve(PSTREE);
    if (!Files.exists(file)) {
      throw new CriuImageException(
          file, "there is none; a pre-dump cannot be restored, give the folder of the dump");
    }
    Set<Integer> pids = new LinkedHashSet<>();
    CriuImageFile.read(
        file,
        CriuImageFile.PSTREE,
        message -> {
          long pid = 0;
          while (message.next()) {
            if (message.field() == 1) {
              pid = message.number();
            }
          }
          if (pid <= 0 || pid > MAX_PID || !pids.add((int) pid)) {
            throw message.failure("process " + pid + ", which cannot be, or is there twice");
          }
        });
    return new Dump(directory, List.copyOf(pids));
  }

  /** Whether a folder looks like a dump. */
  static boolean isAt(Path directory) {
    return Files.isDirectory(directory)
        && Files.exists(directory.resolve(INVENTORY))
        && Files.exists(directory.resolve(PSTREE));
  }

  private static void checkVersion(Path inventory) throws IOException {
    long[] version = {-1};
    CriuImageFile.read(
        inventory,
        CriuImageFile.INVENTORY,
        message -> {
          while (message.next()) {
            if (message.field() == 1) {
              version[0] = message.number();
            }
          }
        });
    if (version[0] != IMAGES_VERSION) {
      throw new CriuImageException(
          inventory,
          "version %d of CRIU's images; this program reads %d"
              .formatted(version[0], IMAGES_VERSION));
    }
  }

  /** A dead process (a zombie) has no memory. */
  boolean hasMemory(int pid) {
    return Files.exists(PageMap.file(directory, pid));
  }

  /**
   * A checksum that tells this dump from others, also of the same processes: the inventory has the
   * time of the dump, the page maps what it has.
   */
  int checksum() throws IOException {
    CRC32C crc = new CRC32C();
    crc.update(Files.readAllBytes(directory.resolve(INVENTORY)));
    crc.update(Files.readAllBytes(directory.resolve(PSTREE)));
    for (int pid : pids) {
      if (hasMemory(pid)) {
        crc.update(Files.readAllBytes(PageMap.file(directory, pid)));
      }
    }
    return (int) crc.getValue();
  }
}
