package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import org.rekindle.image.MemoryMap;

/*
 * Reads a stream as QEMU's own loader would, but only what concerns memory
 *
 * The stream is read once, front to back, as it comes; pages are handed on as slices of the input
 * buffer and never kept. Of all that can be in a stream, only the sections of "ram" are understood.
 * The sections of devices are opaque and come last (see DeviceState). Whatever lies in between and
 * has no length (block-dirty-bitmap, vfio, early device state) cannot be passed over, so it is
 * refused by name: a wrong guess would make a guest that starts and then fails.
 */

/** Reads QEMU's migration stream; see {@link StreamFormat} for its layout. */
final class MigrationStreamReader {
  private final StreamInput in;
  private final StreamSink sink;

  private MigrationStreamReader(StreamInput in, StreamSink sink) {
    this.in = in;
    this.sink = sink;
  }

  /**
   * Reads a whole stream.
   *
   * @param source names the stream in exceptions
   * @param channel blocking, positioned at the start of the stream; read to its end
   * @throws MigrationStreamException if the stream is damaged or holds what cannot be served
   */
  static SavedStream read(String source, ReadableByteChannel channel, StreamSink sink)
      throws IOException {
    return read(new StreamInput(source, channel, StreamInput.BUFFER_BYTES), sink);
  }

  static SavedStream read(StreamInput in, StreamSink sink) throws IOException {
    return new MigrationStreamReader(in, sink).read();
  }

  private SavedStream read() throws IOException {
    int magic = in.i32("the file header");
    if (magic != StreamFormat.MAGIC) {
      throw in.unexpected("a QEMU migration stream (\"QEVM\")", "0x%08x".formatted(magic));
    }
    int version = in.i32("the file header");
    if (version != StreamFormat.VERSION) {
      throw in.unexpected("stream version 3", "version " + Integer.toUnsignedLong(version));
    }
    ConfigurationSection configuration = ConfigurationSection.read(in);
    skipCommands();
    int ramId = ramStart();
    RamSection ram = new RamSection(in, sink, configuration.mappedRam());
    MemoryMap memory = ram.start();
    footer(ramId);
    boolean end = false;
    for (int parts = 0; !end; parts++) {
      skipCommands();
      if (parts > 0 && in.peekU8("a section") == StreamFormat.SECTION_FULL) {
        break; // a background snapshot has no END
      }
      end = ramPart(ramId);
      ram.records();
      footer(ramId);
    }
    DeviceState devices = DeviceState.read(in);
    return new SavedStream(
        configuration.machineType(),
        configuration.replayHex(),
        ramId,
        memory,
        devices,
        configuration.mappedRam(),
        in.bytesRead());
  }

  /** Reads the header of the first section, which must be that of ram; gives its section id. */
  private int ramStart() throws IOException {
    int type = in.u8("a section");
    if (type == StreamFormat.SECTION_FULL) {
      in.i32("a section id");
      throw in.failure(
          "device state of "
              + in.name("a section's name")
              + " before the memory, which Rekindle cannot restore");
    }
    if (type != StreamFormat.SECTION_START) {
      throw in.unexpected("the start of a section (0x01)", "0x%02x".formatted(type));
    }
    return sectionStart();
  }

  private int sectionStart() throws IOException {
    int id = in.i32("a section id");
    String name = in.name("a section's name");
    int instance = in.i32("the instance of " + name);
    int version = in.i32("the version of " + name);
    if (!name.equals(StreamFormat.RAM)) {
      throw in.failure(
          "the section "
              + name
              + " saves in passes as memory does, which Rekindle cannot restore; remove the device,"
              + " or switch the capability off, and save again");
    }
    if (instance != 0 || version != StreamFormat.RAM_VERSION) {
      throw in.unexpected(
          "ram, instance 0, version 4",
          "instance %d, version %d"
              .formatted(Integer.toUnsignedLong(instance), Integer.toUnsignedLong(version)));
    }
    return id;
  }

  /** Reads the header of the next section of ram; whether it is the last. */
  private boolean ramPart(int ramId) throws IOException {
    int type = in.u8("a section");
    return switch (type) {
      case StreamFormat.SECTION_PART, StreamFormat.SECTION_END -> {
        int id = in.i32("a section id");
        if (id != ramId) {
          throw in.unexpected("the section id of ram, " + ramId, "" + id);
        }
        yield type == StreamFormat.SECTION_END;
      }
      case StreamFormat.SECTION_START -> {
        sectionStart();
        throw in.failure("the section ram starts twice");
      }
      case StreamFormat.SECTION_FULL -> {
        in.i32("a section id");
        throw in.failure(
            "device state of " + in.name("a section's name") + " before the end of the memory");
      }
      case StreamFormat.EOF -> throw in.failure("the stream ends before the end of the memory");
      default -> throw in.unexpected("a section of ram", "0x%02x".formatted(type));
    };
  }

  private void footer(int ramId) throws IOException {
    int type = in.u8("a section footer");
    if (type != StreamFormat.FOOTER) {
      throw in.unexpected("the footer (0x7e) of ram", "0x%02x".formatted(type));
    }
    int id = in.i32("a section footer");
    if (id != ramId) {
      throw in.unexpected("the footer of section " + ramId, "that of section " + id);
    }
  }

  /** Passes over commands that only a live peer would act on. */
  private void skipCommands() throws IOException {
    while (in.peekU8("a section") == StreamFormat.COMMAND) {
      in.advance(1);
      int command = in.u16("a command");
      switch (command) {
        case StreamFormat.COMMAND_OPEN_RETURN_PATH,
            StreamFormat.COMMAND_PING,
            StreamFormat.COMMAND_POSTCOPY_ADVISE,
            StreamFormat.COMMAND_SWITCHOVER_START -> {
          int length = in.u16("a command");
          if (length > 16) {
            throw in.unexpected("a command of at most 16 bytes", length + " bytes");
          }
          in.bytes(length, "a command");
        }
        case StreamFormat.COMMAND_POSTCOPY_LISTEN,
            StreamFormat.COMMAND_POSTCOPY_RUN,
            StreamFormat.COMMAND_POSTCOPY_RAM_DISCARD,
            StreamFormat.COMMAND_PACKAGED,
            StreamFormat.COMMAND_POSTCOPY_RESUME,
            StreamFormat.COMMAND_RECV_BITMAP ->
            throw in.failure("a postcopy stream cannot be read (command " + command + ")");
        case StreamFormat.COMMAND_ENABLE_COLO ->
            throw in.failure("a COLO stream cannot be read (command 8)");
        default -> throw in.unexpected("a known command", "command " + command);
      }
    }
  }
}
