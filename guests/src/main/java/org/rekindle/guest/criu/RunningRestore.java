package org.rekindle.guest.criu;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/*
 * Nothing in what CRIU says tells which dump it restores. With an image of another dump, above all of
 * an earlier one of the same processes, they would run on with memory that fits nowhere. But CRIU
 * holds its folder open while it restores, and who may look into /proc/PID/fd sees it there, across
 * mount namespaces.
 */

/** Looks which dump a running {@code criu restore} reads. */
final class RunningRestore {
  private RunningRestore() {}

  /**
   * Makes sure that it is the one that an image was made of. If it cannot be seen, it is believed.
   *
   * @param pid of CRIU; 0 if it is not known
   * @param checksum of the image's dump
   * @throws IOException if it is another one
   */
  static void check(int pid, int checksum, Path image) throws IOException {
    Optional<Path> open = pid == 0 ? Optional.empty() : openDump(pid);
    if (open.isEmpty()) {
      return;
    }
    Path name;
    int found;
    try {
      name = Files.readSymbolicLink(open.get());
      found = Dump.open(open.get()).checksum();
    } catch (NoSuchFileException gone) {
      if (Dump.isAt(open.get())) {
        throw gone;
      }
      return; // a small tree: CRIU was done with it before we had looked
    }
    if (found != checksum) {
      throw new IOException(
          "CRIU restores the dump in %s, of which %s was not made; import it, or give the image that was"
              .formatted(name, image));
    }
  }

  private static Optional<Path> openDump(int pid) {
    Path descriptors = Path.of("/proc", Integer.toString(pid), "fd");
    try (DirectoryStream<Path> all = Files.newDirectoryStream(descriptors)) {
      for (Path descriptor : all) {
        if (Dump.isAt(descriptor)) {
          return Optional.of(descriptor);
        }
      }
      return Optional.empty();
    } catch (IOException | java.nio.file.DirectoryIteratorException unseen) {
      return Optional.empty();
    }
  }
}
