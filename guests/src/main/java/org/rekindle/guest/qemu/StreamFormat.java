package org.rekindle.guest.qemu;

/**
 * The layout of QEMU's migration stream, versions 7.2 to 11. All integers are big-endian.
 *
 * <pre>
 * stream        = u32 "QEVM", u32 3, CONFIGURATION, section*, EOF, [VMDESCRIPTION]
 * CONFIGURATION = 07, u32 length, machine type, subsection*
 * subsection    = 05, u8 length, name, u32 version, data (by name)
 *   configuration/target-page-bits   u32
 *   configuration/capabilities       u32 count, count * (u8 length, name)
 *   configuration/uuid               16 bytes
 * section       = START or FULL: type, u32 section id, u8 length, name, u32 instance, u32 version,
 *                                payload, FOOTER
 *               | PART or END:   type, u32 section id, payload, FOOTER
 *               | COMMAND:       08, u16 command, u16 length, payload
 * FOOTER        = 7e, u32 section id
 * VMDESCRIPTION = 06, u32 length, JSON
 * </pre>
 *
 * <p>A FULL section carries a device; it has no length, only the VMDESCRIPTION tells where it ends.
 * The payload of {@code ram} (START, PART* and END, version 4) is a list of records up to EOS. A
 * record starts with a u64: a page-aligned address inside a block in the high bits, flags in the
 * low 12. A record without CONTINUE names its block (u8 length, name), right after that u64.
 *
 * <pre>
 * MEM_SIZE  in START: the address is the sum of all lengths that follow: per block
 *             u8 length, name, u64 bytes,
 *             [u64 host page size]   if capability postcopy-ram is on and it is not the usual one
 *             [mapped-ram header]    if capability mapped-ram is on (9.0 and later)
 * ZERO      u8 fill byte, 0
 * PAGE      4096 bytes
 * EOS       end of the section's payload
 *
 * mapped-ram header = u32 version 1, u64 page size, u64 bitmap offset, u64 pages offset
 *   bitmap: at its offset, one bit for each page, 64-bit little-endian words (host order)
 *   page at byte o of the block: at pages offset + o; pages without a bit are zero
 *   the stream goes on at pages offset + bytes
 * </pre>
 *
 * @see <a href="https://www.qemu.org/docs/master/devel/migration/main.html">QEMU: migration</a>,
 *     migration/savevm.c and migration/ram.c
 */
final class StreamFormat {
  static final int MAGIC = 0x5145564d; // "QEVM"
  static final int VERSION = 3;

  static final int EOF = 0x00;
  static final int SECTION_START = 0x01;
  static final int SECTION_PART = 0x02;
  static final int SECTION_END = 0x03;
  static final int SECTION_FULL = 0x04;
  static final int SUBSECTION = 0x05;
  static final int VMDESCRIPTION = 0x06;
  static final int CONFIGURATION = 0x07;
  static final int COMMAND = 0x08;
  static final int FOOTER = 0x7e;

  static final int COMMAND_OPEN_RETURN_PATH = 1;
  static final int COMMAND_PING = 2;
  static final int COMMAND_POSTCOPY_ADVISE = 3;
  static final int COMMAND_POSTCOPY_LISTEN = 4;
  static final int COMMAND_POSTCOPY_RUN = 5;
  static final int COMMAND_POSTCOPY_RAM_DISCARD = 6;
  static final int COMMAND_PACKAGED = 7;
  static final int COMMAND_ENABLE_COLO = 8;
  static final int COMMAND_POSTCOPY_RESUME = 9;
  static final int COMMAND_RECV_BITMAP = 10;
  static final int COMMAND_SWITCHOVER_START = 11;

  static final String RAM = "ram";
  static final int RAM_VERSION = 4;

  static final int FLAGS_MASK = 0xfff;
  static final int FLAG_FULL = 0x001;
  static final int FLAG_ZERO = 0x002;
  static final int FLAG_MEM_SIZE = 0x004;
  static final int FLAG_PAGE = 0x008;
  static final int FLAG_EOS = 0x010;
  static final int FLAG_CONTINUE = 0x020;
  static final int FLAG_XBZRLE = 0x040;
  static final int FLAG_HOOK = 0x080;
  static final int FLAG_COMPRESS_PAGE = 0x100;
  static final int FLAG_MULTIFD_FLUSH = 0x200;

  /** QEMU's own names of machine types have at most about 30 characters. */
  static final int MAX_MACHINE_TYPE_BYTES = 255;

  private StreamFormat() {}
}
