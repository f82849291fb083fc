package org.rekindle.guest.qemu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rekindle.linux.ProcessMemory;
import org.rekindle.linux.ProcessMemory.Mapping;

/*
 * Where QEMU keeps a RAM block
 *
 * Later versions tell: the column HVA of "info ramblock". Version 7.2 tells for the block at
 * guest-physical address 0 only, by "gpa2hva 0": that is the guest's RAM. The others (firmware,
 * option ROMs, ACPI tables) are found by their shape: QEMU asks mmap for memory aligned to 2 MiB
 * and puts a guard page behind it, so a block is a private writable mapping, or a shared one of a
 * memfd, that begins at such a boundary and is as long as the block's total length. Two blocks may
 * have the same shape; then there are several candidates, and the caller takes the one that fits.
 */

/** Finds the RAM blocks of a QEMU process in its address space. */
public final class RamBlockLocator {
  private static final long ALIGNMENT = 2 << 20;
  private static final String HEX = "\\s+0x(\\p{XDigit}{1,16})";

  /** Name, page size, offset, used, total and, where QEMU tells, the host's address. */
  private static final Pattern BLOCK =
      Pattern.compile("\\s*(\\S.*?)\\s+\\d+ [KMG]iB" + HEX + HEX + HEX + "(?:" + HEX + ")?.*");

  private static final Pattern GPA =
      Pattern.compile("Host virtual address for 0x0+ \\((.*)\\) is 0x(\\p{XDigit}{1,16})\\s*");

  /**
   * The block that the guest has at its address 0.
   *
   * @param name as in the migration stream and in images
   * @param address in QEMU's address space
   */
  public record Ram(String name, long address, long bytes) {}

  private final Map<String, List<Long>> addresses;
  private final @Nullable Ram ram;

  private RamBlockLocator(Map<String, List<Long>> addresses, @Nullable Ram ram) {
    this.addresses = addresses;
    this.ram = ram;
  }

  /** The guest's RAM; empty if QEMU does not tell. */
  public Optional<Ram> ram() {
    return Optional.ofNullable(ram);
  }

  /**
   * Asks a QEMU.
   *
   * @param qmp the monitor of process {@code pid}
   */
  public static RamBlockLocator of(long pid, Qmp qmp) throws IOException {
    return of(
        monitor(qmp, "info ramblock"), monitor(qmp, "gpa2hva 0"), ProcessMemory.mappings(pid));
  }

  private static String monitor(Qmp qmp, String line) throws IOException {
    return qmp.executeForText("human-monitor-command", Map.of("command-line", line));
  }

  static RamBlockLocator of(String blocks, String addressOfZero, List<Mapping> mappings) {
    Map<String, List<Long>> found = new LinkedHashMap<>();
    Ram atZero = null;
    Matcher zero = GPA.matcher(addressOfZero);
    String ram = zero.matches() ? zero.group(1) : "";
    for (String line : blocks.lines().toList()) {
      Matcher block = BLOCK.matcher(line);
      if (!block.matches()) {
        continue;
      }
      String name = block.group(1);
      if (name.equals(ram)) {
        long address = Long.parseUnsignedLong(zero.group(2), 16);
        atZero = new Ram(name, address, Long.parseUnsignedLong(block.group(4), 16));
      }
      if (block.group(5) != null) {
        found.put(name, List.of(Long.parseUnsignedLong(block.group(5), 16)));
      } else if (name.equals(ram)) {
        found.put(name, List.of(Long.parseUnsignedLong(zero.group(2), 16)));
      } else {
        found.put(name, ofShape(Long.parseUnsignedLong(block.group(4), 16), mappings));
      }
    }
    return new RamBlockLocator(found, atZero);
  }

  /** The kernel may show one block as several mappings with different flags, end to end. */
  private static List<Long> ofShape(long totalBytes, List<Mapping> mappings) {
    List<Long> candidates = new ArrayList<>();
    for (int i = 0; i < mappings.size(); i++) {
      Mapping first = mappings.get(i);
      long end = first.start();
      for (int k = i; k < mappings.size() && end - first.start() < totalBytes; k++) {
        Mapping next = mappings.get(k);
        if (next.start() != end || !isMemory(next)) {
          break;
        }
        end = next.end();
      }
      if (first.start() % ALIGNMENT == 0 && end - first.start() == totalBytes) {
        candidates.add(first.start());
      }
    }
    return candidates;
  }

  private static boolean isMemory(Mapping mapping) {
    return switch (mapping.permissions()) {
      case "rw-p" -> mapping.path().isEmpty();
      case "rw-s" -> mapping.path().startsWith("/memfd:");
      default -> false;
    };
  }

  /** Where the named block may start; none if nothing has its shape. */
  public List<Long> addresses(String name) {
    return addresses.getOrDefault(name, List.of());
  }
}
