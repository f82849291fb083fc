package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.rekindle.linux.ProcessMemory.Mapping;

class RamBlockLocatorTest {
  private static final String BLOCKS_7_2 =
      """
                    Block Name    PSize              Offset               Used              Total
                        pc.ram    4 KiB  0x0000000000000000 0x000000000c000000 0x000000000c000000
          /rom@etc/acpi/tables    4 KiB  0x000000000c080000 0x0000000000020000 0x0000000000200000
                        pc.rom    4 KiB  0x000000000c040000 0x0000000000020000 0x0000000000020000
      """;

  private static final String BLOCKS_10 =
      """
                    Block Name    PSize              Offset               Used              Total                HVA  RO
                        pc.ram    4 KiB  0x0000000000000000 0x000000000c000000 0x000000000c000000 0x00007f4c93e00000  rw
                       pc.bios    4 KiB  0x000000000c000000 0x0000000000040000 0x0000000000040000 0x00007f4cee000000  ro
      """;

  private static Mapping mapping(long start, long bytes, String permissions) {
    return new Mapping(start, start + bytes, permissions, 0, 0, "");
  }

  @Test
  void whereQemuTellsItIsBelieved() {
    RamBlockLocator locator = RamBlockLocator.of(BLOCKS_10, "unknown command", List.of());
    assertThat(locator.addresses("pc.ram")).containsExactly(0x7f4c93e00000L);
    assertThat(locator.addresses("pc.bios")).containsExactly(0x7f4cee000000L);
    assertThat(locator.addresses("vga.vram")).isEmpty();
    assertThat(locator.ram()).isEmpty();
  }

  @Test
  void whereQemuDoesNotTellTheShapeOfTheMappingDoes() {
    List<Mapping> mappings =
        List.of(
            mapping(0x100000000L, 0x1000, "r--p"),
            mapping(0x200000000L, 0x20000, "rw-p"), // the table's used part, with other flags
            mapping(0x200020000L, 0x1e0000, "rw-p"), // and the rest of it
            mapping(0x200200000L, 0x1000, "---p"), // its guard page
            mapping(0x300000000L, 0x20000, "rw-p"),
            mapping(0x300021000L, 0x20000, "rw-p"), // as long as pc.rom, but not aligned
            mapping(0x400000000L, 0x20000, "rw-p"));
    RamBlockLocator locator =
        RamBlockLocator.of(
            BLOCKS_7_2, "Host virtual address for 0x0 (pc.ram) is 0x7f0000000000\r\n", mappings);
    assertThat(locator.addresses("pc.ram")).containsExactly(0x7f0000000000L);
    assertThat(locator.ram())
        .contains(new RamBlockLocator.Ram("pc.ram", 0x7f0000000000L, 192L << 20));
    assertThat(locator.addresses("/rom@etc/acpi/tables")).containsExactly(0x200000000L);
    assertThat(locator.addresses("pc.rom"))
        .containsExactly(0x200000000L, 0x300000000L, 0x400000000L);
  }
}
