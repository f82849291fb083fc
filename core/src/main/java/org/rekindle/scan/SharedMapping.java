package org.rekindle.scan;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.ProcessMemory.Mapping;

/*
 * What can be scanned is memory that lives in a file of memory: a memfd, a file in /dev/shm, shared anonymous memory, a
 * System V segment. The mapping of a file on a disk is shared too, but to page it out is to write it there and to read
 * it again; it is left alone. So is memory in huge pages, which is not mapped page by page.
 */

/** Chooses which memory of a process is scanned. */
public final class SharedMapping {
  private static final List<String> MEMORY =
      List.of("/memfd:", "/dev/shm/", "/dev/zero (deleted)", "/SYSV");

  private SharedMapping() {}

  /**
   * The largest of a process.
   *
   * @param name of the one that is meant: a path as in {@code /proc/PID/maps}, or its last part,
   *     for a memfd its name; empty for any
   * @throws IOException if it has none, with what it has; if there is no such process, or this one
   *     may not look into it
   */
  public static ScannedMemory of(long pid, Optional<String> name) throws IOException {
    List<Mapping> mappings;
    try {
      mappings = ProcessMemory.mappings(pid);
    } catch (AccessDeniedException denied) {
      throw new IOException("cannot look into process " + pid + "; scan as root", denied);
    } catch (NoSuchFileException none) {
      throw new IOException(
          "there is no process %d; give the number of one that runs (ps shows them)".formatted(pid),
          none);
    }
    return choose(pid, mappings, name);
  }

  static ScannedMemory choose(long pid, List<Mapping> mappings, Optional<String> name)
      throws IOException {
    if (mappings.isEmpty()) {
      throw new IOException(
          "process %d has no memory: it has ended, or is a part of the kernel; give the number of one that runs (ps shows them)"
              .formatted(pid));
    }
    List<Mapping> shared = mappings.stream().filter(SharedMapping::isSharedMemory).toList();
    if (shared.isEmpty()) {
      throw new IOException(
          "process %d has no shared memory, and only shared memory can be scanned: a memfd, a file in /dev/shm, shared anonymous memory; its own largest mapping has %d MiB"
              .formatted(pid, largest(mappings).map(Mapping::bytes).orElse(0L) >> 20));
    }
    Mapping chosen =
        largest(shared.stream().filter(mapping -> isNamed(mapping, name)).toList())
            .orElseThrow(() ->
                new IOException(
                    "process %d has no shared memory named %s; it has %s"
                        .formatted(
                            pid,
                            name.orElseThrow(),
                            shared.stream()
                                .map(Mapping::path)
                                .distinct()
                                .collect(Collectors.joining(", ")))));
    return new ScannedMemory(
        pid,
        chosen.path(),
        chosen.start(),
        Math.toIntExact(chosen.bytes() / ScannedMemory.PAGE_BYTES));
  }

  private static boolean isSharedMemory(Mapping mapping) {
    String permissions = mapping.permissions();
    return permissions.charAt(3) == 's'
        && (permissions.startsWith("r") || permissions.startsWith("-w"))
        && MEMORY.stream().anyMatch(mapping.path()::startsWith);
  }

  private static boolean isNamed(Mapping mapping, Optional<String> name) {
    String path = mapping.path().replaceFirst(" \\(deleted\\)$", "");
    return name.isEmpty()
        || mapping.path().equals(name.get())
        || path.equals(name.get())
        || path.substring(Math.max(path.lastIndexOf('/'), path.lastIndexOf(':')) + 1)
            .equals(name.get());
  }

  private static Optional<Mapping> largest(List<Mapping> mappings) {
    return mappings.stream().max(Comparator.comparingLong(Mapping::bytes));
  }
}
