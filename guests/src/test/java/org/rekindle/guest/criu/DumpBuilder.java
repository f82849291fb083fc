package org.rekindle.guest.criu;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.rekindle.image.MemoryMap;

/** Writes dumps as CRIU does, and otherwise. */
final class DumpBuilder {
  static final int PRESENT_LAZY = PageMap.PRESENT | PageMap.LAZY;

  /** What the image of {@link #typical} holds: the fill byte of each page. */
  static final byte[] TYPICAL_FILLS = {1, 2, 3, 4, 5, 21, 22, 0, 1};

  private final Path directory;
  private final ByteArrayOutputStream pstree = image(CriuImageFile.PSTREE);

  DumpBuilder(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
    ByteArrayOutputStream inventory = new ByteArrayOutputStream();
    inventory.writeBytes(u32(CriuImageFile.INVENTORY));
    entry(inventory, new Message().number(1, 2).number(8, System.nanoTime()));
    write("inventory.img", inventory);
  }

  /** A protocol buffer message. */
  static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message number(int field, long value) {
      return varint((long) field << 3).varint(value);
    }

    Message message(int field, Message value) {
      varint(((long) field << 3) | 2).varint(value.out.size());
      out.writeBytes(value.bytes());
      return this;
    }

    private Message varint(long value) {
      long left = value;
      while (left >>> 7 != 0) {
        out.write((int) ((left & 0x7f) | 0x80));
        left >>>= 7;
      }
      out.write((int) left);
      return this;
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }

  /** The page map and the pages of a process. */
  final class Task {
    private final int pid;
    private final ByteArrayOutputStream pageMap = image(CriuImageFile.PAGEMAP);
    private final ByteArrayOutputStream pages = new ByteArrayOutputStream();

    Task(int pid) {
      this.pid = pid;
      entry(new Message().number(1, pid));
    }

    /** Pages in the form of CRIU 4.1: page {@code i} is full of {@code fill + i}. */
    Task pages(long address, int count, int flags, int fill) {
      return fill(flags, count, fill)
          .entry(new Message().number(1, address).number(2, count).number(4, flags));
    }

    /** The same in the form of CRIU 4.2. */
    Task pagesOf42(long address, int count, int flags, int fill) {
      return fill(flags, count, fill)
          .entry(new Message().number(1, address).number(2, 0).number(4, flags).number(5, count));
    }

    Task fill(int flags, int count, int fill) {
      if ((flags & PageMap.PRESENT) != 0) {
        for (int i = 0; i < count; i++) {
          byte[] page = new byte[MemoryMap.PAGE_BYTES];
          Arrays.fill(page, (byte) (fill + i));
          pages.writeBytes(page);
        }
      }
      return this;
    }

    Task entry(Message message) {
      DumpBuilder.entry(pageMap, message);
      return this;
    }

    DumpBuilder done() throws IOException {
      write("pagemap-" + pid + ".img", pageMap);
      write("pages-" + pid + ".img", pages);
      return DumpBuilder.this;
    }
  }

  /** A process with mappings, each from and to an address. */
  Task task(int pid, long... mappings) throws IOException {
    zombie(pid);
    Message mm = new Message().number(1, 0x400000);
    for (int i = 0; i < mappings.length; i += 2) {
      mm.message(14, new Message().number(1, mappings[i]).number(2, mappings[i + 1]).number(3, 0));
    }
    mm.message(14, new Message().number(1, 0xffff_ffff_ff60_0000L).number(2, -4096));
    ByteArrayOutputStream out = image(CriuImageFile.MM);
    entry(out, mm);
    write("mm-" + pid + ".img", out);
    return new Task(pid);
  }

  /** A process without memory. */
  DumpBuilder zombie(int pid) {
    entry(pstree, new Message().number(1, pid).number(2, 1).number(5, pid));
    return this;
  }

  Path done() throws IOException {
    write("pstree.img", pstree);
    return directory;
  }

  /** A dump with all that can be read, in folders "before" and "dump". */
  static Path typical(Path folder) throws IOException {
    new DumpBuilder(folder.resolve("before"))
        .task(7, 0x10000, 0x40000)
        .pages(0x20000, 8, PageMap.PRESENT, 20)
        .done()
        .done();
    Path dump =
        new DumpBuilder(folder.resolve("dump"))
            .task(7, 0x10000, 0x12000, 0x12000, 0x40000)
            .pages(0x10000, 4, PRESENT_LAZY, 1)
            .pagesOf42(0x14000, 1, PRESENT_LAZY, 5)
            .pages(0x15000, 1, PageMap.PRESENT, 99)
            .pages(0x21000, 2, PageMap.PARENT | PageMap.LAZY, 0)
            .done()
            .zombie(8)
            .task(9, 0x7f0000000000L, 0x7f0000002000L)
            .pages(0x7f0000000000L, 2, PRESENT_LAZY, 0)
            .done()
            .done();
    Files.createSymbolicLink(dump.resolve("parent"), Path.of("../before"));
    return dump;
  }

  private static ByteArrayOutputStream image(int kind) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(u32(0x54564319));
    out.writeBytes(u32(kind));
    return out;
  }

  private static void entry(ByteArrayOutputStream out, Message message) {
    out.writeBytes(u32(message.bytes().length));
    out.writeBytes(message.bytes());
  }

  private static byte[] u32(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  private void write(String name, ByteArrayOutputStream content) throws IOException {
    Files.write(directory.resolve(name), content.toByteArray());
  }
}
