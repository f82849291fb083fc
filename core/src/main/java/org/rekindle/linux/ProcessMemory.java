package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The memory of another process, read from outside: to compare what a VMM holds with what the image
 * says.
 *
 * <p>Needs the right to trace the process (ptrace(2), "ptrace access mode checking": root, or the
 * same user where {@code kernel.yama.ptrace_scope} allows). Nothing stops the process meanwhile:
 * for a consistent picture its guest must be paused.
 *
 * <p><b>Reading can wait without end.</b> A page that is missing from memory registered with
 * userfaultfd is a fault for the reader too: the read blocks until the pager places the page, and
 * for ever if this thread is the pager's, or the pager has left. Compare only after every page of
 * the restore has been placed.
 */
public final class ProcessMemory {
  /** proc_pid_maps(5). */
  private static final Pattern LINE =
      Pattern.compile(
          "([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([-rwxsp]{4}) ([0-9a-f]{1,16})"
              + " [0-9a-f]+:[0-9a-f]+ ([0-9]{1,19}) *(.*)");

  private ProcessMemory() {}

  /**
   * One line of {@code /proc/PID/maps}.
   *
   * @param start first address (compare as unsigned)
   * @param end first address behind it
   * @param permissions such as {@code rw-p}
   * @param offset of the first byte in the mapped file
   * @param inode of the mapped file, 0 for none
   * @param path of the mapped file; a name in brackets such as {@code [heap]}; {@code /memfd:NAME
   *     (deleted)} for a memfd; empty for anonymous memory
   */
  public record Mapping(
      long start, long end, String permissions, long offset, long inode, String path) {
    public long bytes() {
      return end - start;
    }
  }

  /**
   * What a process has mapped, by ascending address. Neighbours with equal attributes are one
   * mapping: the kernel merges them.
   *
   * @throws java.nio.file.NoSuchFileException if there is no such process
   */
  public static List<Mapping> mappings(long pid) throws IOException {
    Path maps = Path.of("/proc", Long.toString(pid), "maps");
    List<Mapping> mappings = new ArrayList<>();
    // File names are any bytes: those that are not UTF-8 are replaced, not refused.
    new String(Files.readAllBytes(maps), StandardCharsets.UTF_8)
        .lines()
        .forEach(line -> mappings.add(parse(line, maps)));
    return mappings;
  }

  static Mapping parse(String line, Path maps) {
    Matcher matcher = LINE.matcher(line);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(maps + ": not a mapping: " + line);
    }
    return new Mapping(
        Long.parseUnsignedLong(matcher.group(1), 16),
        Long.parseUnsignedLong(matcher.group(2), 16),
        matcher.group(3),
        Long.parseUnsignedLong(matcher.group(4), 16),
        Long.parseLong(matcher.group(5)),
        matcher.group(6));
  }

  /**
   * Fills native memory from an address of a process. May wait, see above.
   *
   * @throws LinuxException EFAULT with the first address that is not mapped or not readable; ESRCH
   *     if there is no such process, EPERM if this one may not trace it
   */
  public static void read(long pid, long address, MemorySegment into) throws IOException {
    long bytes = into.byteSize();
    long target = Libc.addressOf(into, 0, bytes, true);
    try {
      for (long done = 0; done < bytes; ) {
        // SAFETY: the rest of the checked segment, which the fence keeps alive; the other process's
        // side is checked by the kernel.
        long read =
            Libc.processVmReadv(Math.toIntExact(pid), target + done, address + done, bytes - done);
        if (read <= 0 && read != -Errno.EINTR) {
          throw new LinuxException(
              "read memory of process %d at 0x%x".formatted(pid, address + done),
              read == 0 ? Errno.EFAULT : (int) -read);
        }
        done += Math.max(0, read);
      }
    } finally {
      Reference.reachabilityFence(into);
    }
  }
}
