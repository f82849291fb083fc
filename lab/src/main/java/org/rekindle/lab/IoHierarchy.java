package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The control groups that limit block I/O.
 *
 * @param unified version 2 of the interface
 * @param mount where the hierarchy is mounted
 * @param home the group of the process
 */
record IoHierarchy(boolean unified, Path mount, Path home) {
  static Optional<IoHierarchy> find(Path root, long pid) throws IOException {
    Map<String, String> memberships = new TreeMap<>();
    for (String line : lines(root.resolve("proc/" + pid + "/cgroup"))) {
      String[] fields = line.split(":", 3); // number:controllers:path
      if (fields.length == 3) {
        for (String controller : fields[1].split(",", -1)) {
          memberships.put(controller, fields[2]);
        }
      }
    }
    List<IoHierarchy> candidates = new ArrayList<>();
    for (String line : lines(root.resolve("proc/self/mounts"))) {
      String[] fields = line.split(" ", 6); // device, where, type, options
      if (fields.length < 4) {
        continue;
      }
      Path mount = root.resolve(fields[1].substring(1));
      boolean v1 =
          fields[2].equals("cgroup") && List.of(fields[3].split(",", -1)).contains("blkio");
      boolean v2 = fields[2].equals("cgroup2") && offersIo(mount);
      String home = memberships.get(v1 ? "blkio" : "");
      if ((v1 || v2) && home != null) {
        candidates.add(new IoHierarchy(v2, mount, mount.resolve(home.substring(1))));
      }
    }
    return candidates.stream().findFirst();
  }

  private static boolean offersIo(Path mount) throws IOException {
    return lines(mount.resolve("cgroup.controllers")).stream()
        .anyMatch(line -> List.of(line.split(" ", -1)).contains("io"));
  }

  /** Version 2 wants a controller passed on to child groups. */
  void prepare() throws IOException {
    if (unified) {
      Path control = mount.resolve("cgroup.subtree_control");
      if (lines(control).stream().noneMatch(line -> List.of(line.split(" ", -1)).contains("io"))) {
        DiskThrottle.write(control, "+io");
      }
    }
  }

  /** File and value of each limit. */
  Map<String, String> settings(BlockDevice device, DiskThrottle.Limits limits) {
    return unified
        ? Map.of(
            "io.max",
            "%s rbps=%d riops=%d"
                .formatted(device, limits.readBytesPerSecond(), limits.readsPerSecond()))
        : Map.of(
            "blkio.throttle.read_bps_device",
            device + " " + limits.readBytesPerSecond(),
            "blkio.throttle.read_iops_device",
            device + " " + limits.readsPerSecond());
  }

  /** What the processes of a group have read of a device; null if neither count is kept. */
  DiskThrottle.@Nullable Usage usage(Path group, BlockDevice device) throws IOException {
    Long bytes;
    Long reads;
    if (unified) { // 254:0 rbytes=1 wbytes=2 rios=3 ...
      bytes = count(group.resolve("io.stat"), device + " ", "rbytes=(\\d+)");
      reads = count(group.resolve("io.stat"), device + " ", "rios=(\\d+)");
    } else { // 254:0 Read 1
      String line = device + " Read ";
      bytes = count(group.resolve("blkio.throttle.io_service_bytes"), line, "(\\d+)$");
      reads = count(group.resolve("blkio.throttle.io_serviced"), line, "(\\d+)$");
    }
    return bytes == null || reads == null ? null : new DiskThrottle.Usage(bytes, reads);
  }

  /** The number in the line that begins so; 0 without such a line, null without the file. */
  private static @Nullable Long count(Path file, String begin, String number) throws IOException {
    if (!Files.exists(file)) {
      return null;
    }
    for (String line : lines(file)) {
      Matcher found = Pattern.compile(number).matcher(line);
      if (line.startsWith(begin) && found.find()) {
        return Long.parseLong(found.group(1));
      }
    }
    return 0L;
  }

  static List<String> lines(Path file) throws IOException {
    try {
      return Files.readAllLines(file);
    } catch (NoSuchFileException absent) {
      return List.of();
    }
  }
}
