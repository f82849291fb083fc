package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * What a restore costs the host: processor time and peak memory of this process and of the VMM, and
 * what the device was asked for.
 *
 * <p>This process is an experiment in a warm JVM with a heap that earlier runs have grown; the
 * restore command alone has at most what is told here.
 */
final class CostMeter {
  /** USER_HZ, which no Linux that Java runs on has otherwise. */
  private static final double MS_PER_TICK = 10;

  private static final Path SELF = Path.of("/proc/self");

  private final @Nullable DiskThrottle group;
  private final double startCpuMs;
  private final DiskThrottle.@Nullable Usage startUsage;
  private double vmmStartCpuMs;

  private CostMeter(@Nullable DiskThrottle group) throws IOException {
    this.group = group;
    this.startCpuMs = cpuMs(SELF);
    this.startUsage = group == null ? null : group.usage();
  }

  /**
   * Starts measuring.
   *
   * @param group whose use of the device counts; null if it is not counted
   */
  static CostMeter start(@Nullable DiskThrottle group) throws IOException {
    // proc(5): resets the peak. Where it is refused, the peak is that of all runs so far.
    try (var peak = Files.newByteChannel(SELF.resolve("clear_refs"), StandardOpenOption.WRITE)) {
      peak.write(java.nio.ByteBuffer.wrap(new byte[] {'5'}));
    } catch (IOException refused) {
      // said in the documentation of the member
    }
    return new CostMeter(group);
  }

  /** What this VMM has done before the command does not count: it has waited for it. */
  void ignoreUntilNow(long vmmPid) throws IOException {
    vmmStartCpuMs = cpuMs(proc(vmmPid));
  }

  /** What has been spent by now, as the restore of memory begins. */
  RunResult.Opening opening(long vmmPid, double openedMs) throws IOException {
    DiskThrottle.@Nullable Usage used = used();
    return new RunResult.Opening(
        openedMs,
        cpuMs(proc(vmmPid)) - vmmStartCpuMs,
        used == null ? null : (Long) used.bytes(),
        used == null ? null : (Long) used.reads());
  }

  RunResult.Cost stop(long vmmPid) throws IOException {
    DiskThrottle.@Nullable Usage used = used();
    return new RunResult.Cost(
        cpuMs(SELF) - startCpuMs,
        cpuMs(proc(vmmPid)) - vmmStartCpuMs,
        peakBytes(SELF),
        peakBytes(proc(vmmPid)),
        used == null ? null : (Long) used.bytes(),
        used == null ? null : (Long) used.reads());
  }

  /** What the device was asked for since the start; null if that is not known. */
  private DiskThrottle.@Nullable Usage used() throws IOException {
    DiskThrottle.Usage from = startUsage;
    DiskThrottle.Usage to = group == null ? null : group.usage();
    return from == null || to == null
        ? null
        : new DiskThrottle.Usage(to.bytes() - from.bytes(), to.reads() - from.reads());
  }

  private static Path proc(long pid) {
    return Path.of("/proc", Long.toString(pid));
  }

  /** Of a process and the children that it has waited for; proc(5), stat, fields 14 to 17. */
  private static double cpuMs(Path process) throws IOException {
    String stat = Files.readString(process.resolve("stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    long ticks = 0;
    for (int field = 14; field <= 17; field++) {
      ticks += Long.parseLong(fields[field - 3]);
    }
    return ticks * MS_PER_TICK;
  }

  private static @Nullable Long peakBytes(Path process) throws IOException {
    try {
      return Files.readAllLines(process.resolve("status")).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElse(null);
    } catch (NoSuchFileException ended) {
      return null;
    }
  }
}
