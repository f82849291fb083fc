package org.rekindle.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/*
 * Why a throttle
 *
 * Disks of virtual machines answer out of somebody's cache: the same read takes 34 MB/s or 2 GB/s
 * within minutes, and a comparison on them compares luck. The kernel's block I/O controller gives
 * every run the same disk: so many bytes and so many reads a second, queued in the kernel, for
 * direct and buffered reads alike.
 *
 * What the limits mean, measured with the defaults (120 MB/s, 120 reads/s) on kernel 6.18, ext4 on
 * virtio-blk with max_sectors_kb 4096, max_segments 254, read_ahead_kb 8192:
 *
 *   direct, sequential, 1 MiB, memory of scattered 4 KiB pages    64 MB/s   122 reads/s of 512 KiB
 *   direct, sequential, 1 MiB, memory of huge pages              121 MB/s   116 reads/s of 1 MiB
 *   direct, sequential, 4 MiB, memory of huge pages              120 MB/s    29 reads/s of 4 MiB
 *   direct, random, 32 KiB                                       3.8 MB/s   117 reads/s
 *   buffered, sequential (4 KiB to 1 MiB)                        120 MB/s    30 reads/s of 4 MiB
 *   buffered, random, 32 KiB                                     4.1 MB/s   125 reads/s
 *
 * A read counts as often as the block layer splits it: by max_sectors_kb, and by max_segments, the
 * number of pieces of physical memory that one request can have. 1 MiB in scattered pages has 256
 * pieces and is split in two.
 */

/**
 * A disk of modest and steady speed for this process and its children, by a control group of their
 * own; closing it puts them back and removes the group.
 */
public final class DiskThrottle implements AutoCloseable {
  /** How fast the disk is. */
  public record Limits(long readBytesPerSecond, int readsPerSecond) {
    /** A 7,200 rpm disk: about 120 MB/s in sequence and 8 ms for a read elsewhere. */
    public static final Limits DISK = new Limits(120_000_000, 120);

    /** A SATA SSD: the link less its framing, and the usual figure for small random reads. */
    public static final Limits SATA = new Limits(500_000_000, 10_000);

    /** None: only for counting what is read. */
    public static final Limits NONE = new Limits(Long.MAX_VALUE, Integer.MAX_VALUE);

    @Override
    public String toString() {
      return this.equals(NONE)
          ? "no limits"
          : "%.0f MB/s, %,d reads/s".formatted(readBytesPerSecond / 1e6, readsPerSecond);
    }
  }

  /** What its processes have read from the device so far, as the kernel counts. */
  public record Usage(long bytes, long reads) {}

  /** What came of it. */
  public sealed interface Outcome {
    /** It works; to be closed. */
    record Throttled(DiskThrottle throttle) implements Outcome {}

    /**
     * It cannot be had here.
     *
     * @param reason in words, for people
     */
    record Unthrottled(String reason) implements Outcome {}
  }

  private static final int REMOVE_ATTEMPTS = 100;
  private static final long REMOVE_PAUSE_MS = 10;

  private final Path group;
  private final Path procs; // of the group that this process came from
  private final IoHierarchy hierarchy;
  private final BlockDevice device;
  private final Limits limits;
  private boolean closed;

  private DiskThrottle(Path group, IoHierarchy hierarchy, BlockDevice device, Limits limits) {
    this.group = group;
    this.procs = hierarchy.home().resolve("cgroup.procs");
    this.hierarchy = hierarchy;
    this.device = device;
    this.limits = limits;
  }

  /** Slows the disk that holds {@code path} down for this process and the children it will have. */
  public static Outcome apply(Path path, Limits limits) throws IOException {
    return apply(Path.of("/"), ProcessHandle.current().pid(), path, limits);
  }

  /** As {@link #apply(Path, Limits)}, with {@code proc} and {@code sys} under another root. */
  static Outcome apply(Path root, long pid, Path path, Limits limits) throws IOException {
    Optional<BlockDevice> device = BlockDevice.holding(root, path);
    if (device.isEmpty()) {
      return new Outcome.Unthrottled(path + " does not lie on a disk of its own");
    }
    Optional<IoHierarchy> found = IoHierarchy.find(root, pid);
    if (found.isEmpty()) {
      return new Outcome.Unthrottled("this system has no block I/O control groups");
    }
    IoHierarchy hierarchy = found.get();
    Path group = hierarchy.mount().resolve("rekindle-" + pid);
    DiskThrottle throttle = new DiskThrottle(group, hierarchy, device.get(), limits);
    try {
      hierarchy.prepare();
      Files.createDirectories(group);
      for (var setting : hierarchy.settings(device.get(), limits).entrySet()) {
        write(group.resolve(setting.getKey()), setting.getValue());
      }
      write(group.resolve("cgroup.procs"), Long.toString(pid));
      return new Outcome.Throttled(throttle);
    } catch (IOException refused) {
      throttle.close();
      return new Outcome.Unthrottled(
          "the control group " + group + " cannot be set up: " + reason(refused));
    }
  }

  private static String reason(IOException refused) {
    String message = String.valueOf(refused.getMessage());
    return refused instanceof java.nio.file.AccessDeniedException
        ? "permission denied (root can)"
        : refused instanceof NoSuchFileException ? message + " does not exist" : message;
  }

  static void write(Path file, String value) throws IOException {
    // Control files take one write and must not be truncated or created.
    try (var channel = Files.newByteChannel(file, java.nio.file.StandardOpenOption.WRITE)) {
      channel.write(StandardCharsets.US_ASCII.encode(value));
    }
  }

  /** Moves another process with all its threads in: one that was started before. */
  public void add(long pid) throws IOException {
    write(group.resolve("cgroup.procs"), Long.toString(pid));
  }

  public Limits limits() {
    return limits;
  }

  /** What the processes of the group have read; null where the kernel does not tell. */
  public @Nullable Usage usage() throws IOException {
    return hierarchy.usage(group, device);
  }

  @Override
  public String toString() {
    return "%s (%s)".formatted(limits, device);
  }

  /**
   * Moves every process of the group back and removes it; works while this thread is interrupted.
   */
  @Override
  public void close() throws IOException {
    if (closed || !Files.isDirectory(group)) {
      return;
    }
    closed = true;
    boolean interrupted = Thread.interrupted();
    try {
      remove();
    } catch (InterruptedException again) {
      interrupted = true;
      throw new IOException(group + " is left: interrupted while removing it", again);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The kernel counts a process that has just ended as a member for a moment: hence attempts. */
  private void remove() throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      for (String pid : IoHierarchy.lines(group.resolve("cgroup.procs"))) {
        moveOut(pid);
      }
      try {
        Files.deleteIfExists(group);
        return;
      } catch (IOException busy) {
        if (attempt == REMOVE_ATTEMPTS) {
          throw new IOException(group + " is left: " + busy.getMessage(), busy);
        }
        Thread.sleep(REMOVE_PAUSE_MS);
      }
    }
  }

  private void moveOut(String pid) {
    try {
      write(procs, pid);
    } catch (IOException ended) {
      // A process that has ended meanwhile is no loss; if another is left, the removal fails.
    }
  }
}
