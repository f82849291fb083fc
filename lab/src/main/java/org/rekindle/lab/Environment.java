package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where and how runs were measured. Everything is in words for people, but the date.
 *
 * @param machine the processor, and how much memory it has
 * @param kernel name and release of the host's kernel
 * @param cores processors that were available
 * @param storage what the image lay on
 * @param throttle how it was slowed down, or null if it was not
 * @param rekindleVersion the version that measured
 * @param date when the first run began
 * @param method how it was measured, a sentence each
 */
public record Environment(
    String machine,
    String kernel,
    int cores,
    String storage,
    @Nullable String throttle,
    String rekindleVersion,
    Instant date,
    List<String> method) {

  public Environment {
    method = List.copyOf(method);
  }

  /** This machine, now. */
  public static Environment here(
      String storage, @Nullable String throttle, String rekindleVersion, List<String> method) {
    return new Environment(
        processor() + ", memory " + memory(),
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        Runtime.getRuntime().availableProcessors(),
        storage,
        throttle,
        rekindleVersion,
        Instant.now().truncatedTo(ChronoUnit.SECONDS),
        method);
  }

  /** By the names that they have in results.json. */
  public Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    members.put("machine", machine);
    members.put("kernel", kernel);
    members.put("cores", cores);
    members.put("storage", storage);
    members.put("throttle", throttle);
    members.put("rekindleVersion", rekindleVersion);
    members.put("date", date.toString());
    members.put("method", method);
    return members;
  }

  static String processor() {
    return field("/proc/cpuinfo", "model name", System.getProperty("os.arch", "unknown processor"));
  }

  private static String memory() {
    String kibibytes = field("/proc/meminfo", "MemTotal", "").replace(" kB", "");
    return kibibytes.isEmpty()
        ? "unknown"
        : Math.round(Long.parseLong(kibibytes) / 1048576.0) + " GiB";
  }

  private static String field(String file, String name, String otherwise) {
    try {
      return Files.readString(Path.of(file))
          .lines()
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(otherwise);
    } catch (IOException unreadable) {
      return otherwise;
    }
  }
}
