package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.nio.channels.SocketChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What this process holds of the world, so that two moments can be compared. */
final class Leftovers {
  private final List<String> descriptors;
  private final Set<Long> processes;
  private final List<String> mappings;

  private Leftovers(List<String> descriptors, Set<Long> processes, List<String> mappings) {
    this.descriptors = descriptors;
    this.processes = processes;
    this.mappings = mappings;
  }

  /** What it holds now, apart from what a JVM opens for itself. */
  static Leftovers now() throws IOException {
    SocketChannel.open(StandardProtocolFamily.UNIX).close(); // the JDK keeps one from its first on
    return new Leftovers(
        descriptors(),
        ProcessHandle.current().descendants().map(ProcessHandle::pid).collect(Collectors.toSet()),
        mappings());
  }

  /** Sockets, pipes, event descriptors, userfaultfds, memory files: by kind. */
  private static List<String> descriptors() throws IOException {
    List<String> kinds = new ArrayList<>();
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : open) {
        String target = target(fd);
        if (target.contains("rekindle") || target.contains("memfd:")) {
          kinds.add(target);
        } else if (!target.startsWith("/")) {
          kinds.add(target.replaceFirst(":\\[\\d+]$", ""));
        }
      }
    }
    return kinds.stream().sorted().toList();
  }

  private static String target(Path fd) throws IOException {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (NoSuchFileException closedMeanwhile) {
      return "/";
    }
  }

  /** Memory of files of ours, and memory that is watched by a userfaultfd. */
  private static List<String> mappings() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines
          .map(line -> line.split("\\s+", 6))
          .filter(fields -> fields.length == 6)
          .map(fields -> fields[5])
          .filter(name -> name.contains("memfd:") || name.contains("userfaultfd"))
          .sorted()
          .toList();
    }
  }

  /** Fails if this process holds more now, or runs threads of a restore. */
  void assertNothingMore() throws IOException {
    Leftovers now = now();
    assertThat(now.descriptors).as("descriptors").isEqualTo(descriptors);
    assertThat(now.processes).as("processes").isSubsetOf(processes);
    assertThat(now.mappings).as("mappings").isEqualTo(mappings);
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("rekindle")) {
        assertThat(ends(thread)).as(thread.getName()).isTrue();
      }
    }
  }

  /** A thread that has done everything may still be on its last steps. */
  private static boolean ends(Thread thread) {
    try {
      return thread.join(Duration.ofSeconds(10));
    } catch (InterruptedException hurry) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
