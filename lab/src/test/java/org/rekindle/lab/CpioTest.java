package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

class CpioTest {
  /** Reads an archive by the layout of the kernel's document, independently of the writer. */
  private static Map<String, Entry> read(byte[] archive) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    ByteBuffer in = ByteBuffer.wrap(archive);
    while (true) {
      assertThat(in.position() % 4).isZero();
      assertThat(text(in, 6)).isEqualTo("070701");
      int[] fields = new int[13];
      for (int i = 0; i < fields.length; i++) {
        fields[i] = Integer.parseUnsignedInt(text(in, 8), 16);
      }
      String name = text(in, fields[11] - 1);
      assertThat(in.get()).isZero();
      in.position(in.position() + 3 & ~3);
      if (name.equals("TRAILER!!!")) {
        return entries;
      }
      String data = text(in, fields[6]);
      in.position(in.position() + 3 & ~3);
      entries.put(name, new Entry(fields[0], fields[1], fields[9], fields[10], data));
    }
  }

  private static String text(ByteBuffer in, int bytes) {
    byte[] text = new byte[bytes];
    in.get(text);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  private record Entry(int inode, int mode, int major, int minor, String data) {}

  @Test
  void whatIsWrittenCanBeReadByTheLayoutOfTheFormat() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (Cpio cpio = new Cpio(out)) {
      cpio.directory("dev");
      cpio.characterDevice("dev/console", 5, 1);
      cpio.file("a", new byte[0]);
      cpio.file("ab", "x".getBytes(StandardCharsets.US_ASCII));
      cpio.file("abc", "four".getBytes(StandardCharsets.US_ASCII));
    }
    assertThat(read(out.toByteArray()))
        .containsExactly(
            Map.entry("dev", new Entry(1, 0040755, 0, 0, "")),
            Map.entry("dev/console", new Entry(2, 0020600, 5, 1, "")),
            Map.entry("a", new Entry(3, 0100755, 0, 0, "")),
            Map.entry("ab", new Entry(4, 0100755, 0, 0, "x")),
            Map.entry("abc", new Entry(5, 0100755, 0, 0, "four")));
  }

  @Test
  void theInitramfsHoldsWhatItsInitScriptRuns() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Initramfs.write(
        out, new byte[] {1, 2}, new byte[] {3}, Map.of("virtio_blk", new byte[] {4, 5, 6}));
    byte[] archive =
        new GZIPInputStream(new ByteArrayInputStream(out.toByteArray())).readAllBytes();
    Map<String, Entry> entries = read(archive);
    assertThat(entries.keySet())
        .contains("bin/busybox", "workload", "modules/virtio_blk.ko", "dev/console", "proc");
    assertThat(entries).containsKey("init");
    assertThat(Initramfs.init()).startsWith("#!/bin/busybox sh\n").contains("virtio_net");
  }
}
