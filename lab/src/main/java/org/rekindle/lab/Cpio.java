package org.rekindle.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes a cpio archive in the "newc" form, which the Linux kernel unpacks as its initramfs.
 *
 * <pre>
 * entry  = "070701" 13 fields of 8 hexadecimal digits, name, NUL, padding to 4, data, padding to 4
 * fields = inode, mode, uid, gid, links, mtime, data bytes, device major, minor,
 *          own device major, minor (of a device node), name bytes with NUL, checksum (0)
 * end    = an entry named "TRAILER!!!"
 * </pre>
 *
 * Own code rather than the cpio command: device nodes need no root this way, and equal content
 * gives equal bytes. Source: the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 */
final class Cpio implements AutoCloseable {
  private static final int DIRECTORY = 0040755;
  private static final int EXECUTABLE = 0100755;
  private static final int CHARACTER_DEVICE = 0020600;

  private final OutputStream out;
  private int inode;

  /** Writes to {@code out}, and closes it. */
  Cpio(OutputStream out) {
    this.out = out;
  }

  void directory(String name) throws IOException {
    entry(name, DIRECTORY, new byte[0], 0, 0);
  }

  /** Every file is executable: an initramfs has no secrets and little else. */
  void file(String name, byte[] data) throws IOException {
    entry(name, EXECUTABLE, data, 0, 0);
  }

  void characterDevice(String name, int major, int minor) throws IOException {
    entry(name, CHARACTER_DEVICE, new byte[0], major, minor);
  }

  private void entry(String name, int mode, byte[] data, int major, int minor) throws IOException {
    byte[] nameBytes = (name + "\0").getBytes(StandardCharsets.US_ASCII);
    int links = mode == DIRECTORY ? 2 : 1;
    int[] fields = {
      ++inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, nameBytes.length, 0
    };
    StringBuilder header = new StringBuilder("070701");
    for (int field : fields) {
      header.append(String.format("%08x", field));
    }
    out.write(header.toString().getBytes(StandardCharsets.US_ASCII));
    out.write(nameBytes);
    pad(header.length() + nameBytes.length);
    out.write(data);
    pad(data.length);
  }

  private void pad(int written) throws IOException {
    out.write(new byte[-written & 3]);
  }

  @Override
  public void close() throws IOException {
    entry("TRAILER!!!", 0, new byte[0], 0, 0);
    out.close();
  }
}
