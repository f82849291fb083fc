package org.rekindle.guest.qemu;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.SplittableRandom;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;

/*
 * Saving a small machine that does not exist, before a real one is stopped
 *
 * A save is a new process, and all of its work on the stream falls into the time in which the guest
 * stands still: also loading the classes, interpreting them, and compiling them. So the same code
 * first reads a made-up stream into an image that is thrown away, while the guest still runs.
 * Measured with QEMU 7.2, 1 GiB of which 187 MB not zero, on two busy cores: stop time 590 ms
 * without, 330 ms with 4,096 records (taking 260 ms), 300 ms with 16,384 (taking 290 ms); the whole
 * save takes as long as before, since the work is only moved.
 */

/** Warms up the reading of a stream into an image. */
final class Rehearsal {
  private static final int RECORDS = 4096;

  /** Every so many records a page, the others zero: as in a guest with free memory. */
  private static final int PAGE_EVERY = 8;

  private static final int RAM_ID = 2;
  private static final int DEVICE_ID = 3;

  private Rehearsal() {}

  /** Rehearses; says nothing if that fails, because the save itself will say it better. */
  static void run(ImageWriter.Options layout) {
    try (PrivateDirectory directory = PrivateDirectory.create();
        ImageSink sink =
            new ImageSink(directory.path().resolve("rehearsal"), layout, (_, _) -> {})) {
      read(sink);
    } catch (IOException withoutConsequence) {
      // Such as a full /tmp. The guest stands still for a moment longer, that is all.
    }
  }

  static void read(StreamSink sink) throws IOException {
    MigrationStreamReader.read(
        "rehearsal", Channels.newChannel(new ByteArrayInputStream(stream())), sink);
  }

  private static byte[] stream() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(StreamFormat.MAGIC);
    out.writeInt(StreamFormat.VERSION);
    out.writeByte(StreamFormat.CONFIGURATION);
    out.writeInt(2);
    out.writeBytes("pc");
    section(out, StreamFormat.SECTION_START, RAM_ID, StreamFormat.RAM, StreamFormat.RAM_VERSION);
    out.writeLong((long) RECORDS * MemoryMap.PAGE_BYTES | StreamFormat.FLAG_MEM_SIZE);
    name(out, "pc.ram");
    out.writeLong((long) RECORDS * MemoryMap.PAGE_BYTES);
    records(out);
    end(out, RAM_ID);
    out.writeByte(StreamFormat.SECTION_END);
    out.writeInt(RAM_ID);
    out.writeLong(StreamFormat.FLAG_EOS);
    end(out, RAM_ID);
    section(out, StreamFormat.SECTION_FULL, DEVICE_ID, "nothing", 1);
    end(out, DEVICE_ID);
    out.writeByte(StreamFormat.EOF);
    return bytes.toByteArray();
  }

  private static void records(DataOutputStream out) throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    byte[] page = new byte[MemoryMap.PAGE_BYTES];
    for (int gpn = 0; gpn < RECORDS; gpn++) {
      boolean zero = gpn % PAGE_EVERY != 0;
      int flags = zero ? StreamFormat.FLAG_ZERO : StreamFormat.FLAG_PAGE;
      if (gpn > 0) {
        flags |= StreamFormat.FLAG_CONTINUE;
      }
      out.writeLong((long) gpn * MemoryMap.PAGE_BYTES | flags);
      if (gpn == 0) {
        name(out, "pc.ram");
      }
      if (zero) {
        out.writeByte(0);
      } else {
        random.nextBytes(page);
        out.write(page);
      }
    }
    out.writeLong(StreamFormat.FLAG_EOS);
  }

  private static void section(DataOutputStream out, int type, int id, String name, int version)
      throws IOException {
    out.writeByte(type);
    out.writeInt(id);
    name(out, name);
    out.writeInt(0);
    out.writeInt(version);
  }

  private static void end(DataOutputStream out, int id) throws IOException {
    out.writeByte(StreamFormat.FOOTER);
    out.writeInt(id);
  }

  private static void name(DataOutputStream out, String name) throws IOException {
    out.writeByte(name.length());
    out.writeBytes(name);
  }
}
