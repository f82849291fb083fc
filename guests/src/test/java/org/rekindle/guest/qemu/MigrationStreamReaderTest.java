package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

class MigrationStreamReaderTest {
  private final RecordingSink sink = new RecordingSink();

  /** With a buffer so small that pages lie across its end. */
  private static SavedStream read(byte[] stream, StreamSink sink) throws IOException {
    return read(Channels.newChannel(new ByteArrayInputStream(stream)), sink);
  }

  private static SavedStream read(ReadableByteChannel channel, StreamSink sink) throws IOException {
    return MigrationStreamReader.read(new StreamInput("test", channel, 5000), sink);
  }

  private static SavedStream read(Path file, StreamSink sink) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      return read(channel, sink);
    }
  }

  private static void assertRefused(StreamBuilder stream, String... parts) {
    assertThatThrownBy(() -> read(stream.bytes(), new RecordingSink()))
        .isInstanceOf(MigrationStreamException.class)
        .hasMessageStartingWith("test, offset ")
        .hasMessageContainingAll(parts);
  }

  /** Up to and with a block list of one block of 8 pages. */
  private static StreamBuilder opened() {
    return new StreamBuilder()
        .header()
        .configuration("pc")
        .ramStart()
        .memSize(8 * 4096)
        .block("pc.ram", 8 * 4096);
  }

  /** From the end of the block list to the end of the stream. */
  private static StreamBuilder closed(StreamBuilder stream) {
    return stream.eos().footer(2).ramEnd().eos().footer(2).devices("paused").eof().description();
  }

  @Test
  void typicalStreamIsReadWholeAndTheLastRecordOfAPageCounts() throws Exception {
    byte[] stream = StreamBuilder.typical();
    SavedStream saved = read(stream, sink);

    assertThat(saved.machineType()).isEqualTo("pc-q35-7.2");
    assertThat(saved.configurationHex()).isEmpty();
    assertThat(saved.ramSectionId()).isEqualTo(StreamBuilder.RAM_ID);
    assertThat(saved.memory())
        .isEqualTo(
            new MemoryMap(
                List.of(
                    new Region("pc.ram", 8 * 4096, 4096), new Region("vga.vram", 2 * 4096, 4096))))
        .isEqualTo(sink.memory);
    assertThat(saved.bytes()).isEqualTo(stream.length);
    assertThat(saved.deviceState().sections())
        .isEqualTo(new StreamBuilder().devices("running").bytes());
    assertThat(saved.deviceState().wasRunning()).isTrue();
    assertThat(sink.pages).containsOnlyKeys(0, 2, 7, 9);
    assertThat(sink.fill(0)).isEqualTo(4);
    assertThat(sink.fill(2)).isEqualTo(5);
    assertThat(sink.fill(7)).isEqualTo(3);
    assertThat(sink.fill(9)).isEqualTo(6);
  }

  @Test
  void memoryOfABackgroundSnapshotEndsWhereTheDevicesBegin() throws Exception {
    byte[] stream =
        opened()
            .eos()
            .footer(2)
            .ramPart()
            .page("pc.ram", 7, 3)
            .eos()
            .footer(2)
            .devices("running")
            .eof()
            .description()
            .bytes();
    SavedStream saved = read(stream, sink);
    assertThat(sink.pages).containsOnlyKeys(7);
    assertThat(saved.deviceState().sections())
        .isEqualTo(new StreamBuilder().devices("running").bytes());
  }

  @Test
  void streamMayComeByteByByte() throws Exception {
    ByteArrayInputStream bytes = new ByteArrayInputStream(StreamBuilder.typical());
    ReadableByteChannel slow =
        new ReadableByteChannel() {
          @Override
          public int read(ByteBuffer target) {
            int b = bytes.read();
            if (b >= 0) {
              target.put((byte) b);
            }
            return b < 0 ? -1 : 1;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    read(slow, sink);
    assertThat(sink.pages).containsOnlyKeys(0, 2, 7, 9);
  }

  @Test
  void configurationIsKeptForReplayWithoutTheCapabilities() throws Exception {
    StreamBuilder replay =
        new StreamBuilder()
            .subsection("configuration/target-page-bits")
            .u32(12)
            .subsection("configuration/uuid")
            .raw(new byte[16]);
    byte[] stream =
        closed(
                new StreamBuilder()
                    .header()
                    .configuration("pc")
                    .capabilities()
                    .raw(replay.bytes())
                    .ramStart()
                    .memSize(4096)
                    .block("pc.ram", 4096))
            .bytes();
    assertThat(read(stream, sink).configurationHex())
        .isEqualTo(HexFormat.of().formatHex(replay.bytes()));
  }

  @Test
  void hostPageSizesAreToldFromNamesAndRecords() throws Exception {
    byte[] stream =
        new StreamBuilder()
            .header()
            .configuration("pc")
            .command(1)
            .command(2, (byte) 0, (byte) 0, (byte) 0, (byte) 1)
            .command(3, new byte[16])
            .ramStart()
            .memSize((4 << 20) + 4096)
            .block("huge1", 2 << 20)
            .u64(2 << 20)
            .block("small", 4096)
            .block("huge2", 2 << 20)
            .u64(2 << 20)
            .zero("small", 0)
            .eos()
            .footer(2)
            .command(11)
            .ramEnd()
            .eos()
            .footer(2)
            .devices("paused")
            .eof()
            .bytes();
    assertThat(read(stream, sink).memory().regions())
        .containsExactly(
            new Region("huge1", 2 << 20, 2 << 20),
            new Region("small", 4096, 4096),
            new Region("huge2", 2 << 20, 2 << 20));
  }

  @Test
  void streamWithoutDescriptionEndsAtItsLastFooter() throws Exception {
    byte[] stream =
        opened().eos().footer(2).ramEnd().eos().footer(2).devices("paused").eof().bytes();
    DeviceState devices = read(stream, sink).deviceState();
    assertThat(devices.sections()).isEqualTo(new StreamBuilder().devices("paused").bytes());
    assertThat(devices.runState()).isEqualTo("paused");
    assertThat(devices.wasRunning()).isFalse();
  }

  @Test
  void whatCannotBeServedIsRefusedByName() {
    StreamBuilder head = new StreamBuilder().header();
    assertRefused(opened().u64(0x60), "xbzrle");
    assertRefused(opened().u64(0x40), "xbzrle");
    assertRefused(opened().u64(0x100), "compress");
    assertRefused(opened().u64(0x80), "RDMA");
    assertRefused(opened().u64(0x01), "obsolete");
    assertRefused(opened().u64(0x200), "multifd");
    assertRefused(opened().u64(0x400), "0x0000000000000400");
    assertRefused(opened().memSize(4096), "second block list");
    assertRefused(
        new StreamBuilder().header().configuration("pc").start(2, "block-dirty-bitmap", 1),
        "block-dirty-bitmap");
    assertRefused(new StreamBuilder().header().configuration("pc").start(2, "ram", 3), "version 3");
    assertRefused(
        new StreamBuilder().header().configuration("pc").full(9, "virtio-mem-early", new byte[0]),
        "virtio-mem-early",
        "before the memory");
    assertRefused(opened().eos().footer(2).start(3, "vfio", 1), "vfio");
    assertRefused(opened().eos().footer(2).start(2, "ram", 4), "starts twice");
    assertRefused(opened().eos().footer(2).full(3, "cpu", new byte[0]), "cpu", "before the end");
    assertRefused(opened().eos().footer(2).eof(), "before the end of the memory");
    for (int postcopy : new int[] {4, 5, 6, 7, 9, 10}) {
      assertRefused(opened().eos().footer(2).command(postcopy), "postcopy stream");
    }
    assertRefused(opened().eos().footer(2).command(8), "COLO");
    assertRefused(opened().eos().footer(2).command(12), "a known command, found command 12");
    assertRefused(
        head.configuration("pc").capabilities("x-ignore-shared"),
        "x-ignore-shared",
        "shared memory");
    assertRefused(
        new StreamBuilder().header().configuration("pc").capabilities("fly"), "unknown to us: fly");
  }

  @Test
  void damageIsNamedByOffsetExpectedAndFound() {
    assertRefused(new StreamBuilder().u32(0x7f454c46).u32(3), "offset 4", "QEVM", "0x7f454c46");
    assertRefused(new StreamBuilder().u32(0x5145564d).u32(2), "version 3, found version 2");
    assertRefused(new StreamBuilder().header().u8(1), "configuration section", "0x01");
    assertRefused(new StreamBuilder().header().u8(7).u32(0), "machine type");
    assertRefused(new StreamBuilder().header().u8(7).u32(-1), "length 4294967295");
    assertRefused(new StreamBuilder().header().u8(7).u32(2).raw((byte) 'a', (byte) 7), "0x07");
    StreamBuilder bits = new StreamBuilder().header().configuration("pc");
    assertRefused(
        bits.subsection("configuration/target-page-bits").u32(16), "2^12 bytes, found 2^16");
    assertRefused(
        new StreamBuilder().header().configuration("pc").subsection("configuration/x"),
        "configuration/x");
    assertRefused(
        new StreamBuilder().header().configuration("pc").u8(5).name("configuration/uuid").u32(2),
        "version 2");
    assertRefused(
        new StreamBuilder()
            .header()
            .configuration("pc")
            .subsection("configuration/capabilities")
            .u32(-1),
        "64 capabilities");
    StreamBuilder again = new StreamBuilder().header().configuration("pc");
    for (int i = 0; i < 40; i++) {
      again.subsection("configuration/uuid").raw(new byte[16]);
    }
    assertRefused(again, "repeats");
  }

  @Test
  void hostileBlockListsAreRefusedBeforeAnythingIsAllocated() {
    UnaryOperator<StreamBuilder> start = s -> s.header().configuration("pc").ramStart();
    assertRefused(start.apply(new StreamBuilder()).u64(0x10), "block list (MEM_SIZE)");
    assertRefused(start.apply(new StreamBuilder()).memSize(0), "4 TiB");
    assertRefused(start.apply(new StreamBuilder()).memSize(1L << 43), "4 TiB", "8796093022208");
    assertRefused(start.apply(new StreamBuilder()).memSize(-4096), "18446744073709547520");
    for (long bytes : new long[] {0, -4096, 4097, 3 * 4096, Long.MIN_VALUE}) {
      assertRefused(
          start.apply(new StreamBuilder()).memSize(8192).block("a", bytes), "length of a");
    }
    assertRefused(
        start.apply(new StreamBuilder()).memSize(8192).block("a", 4096).block("a", 4096).u64(0x10),
        "listed twice");
    assertRefused(start.apply(new StreamBuilder()).memSize(8192).u8(0).u64(0), "name of a memory");
    assertRefused(
        start.apply(new StreamBuilder()).memSize(8 << 20).block("a", 8 << 20).u64(12 << 10),
        "host page size");
    StreamBuilder many = start.apply(new StreamBuilder()).memSize(5000 * 4096L);
    for (int i = 0; i < 5000; i++) {
      many.block("b" + i, 4096);
    }
    assertRefused(many, "more than 4096");
  }

  @Test
  void hostileRecordsAreRefused() {
    assertRefused(opened().page(0, 1), "does not name its block");
    assertRefused(opened().page("rom", 0, 1), "a block of [pc.ram], found rom");
    assertRefused(opened().page("pc.ram", 8, 1), "inside the block of 32768", "0x8000");
    assertRefused(opened().u64(0xfff0_0000_0000_0008L).name("pc.ram"), "inside the block");
    assertRefused(opened().u64(2).name("pc.ram").u8(7), "filled with 0x07");
    assertRefused(opened().u64(0x30), "0x0000000000000030");
    assertRefused(opened().u64(0x1010), "0x0000000000001010");
    assertRefused(opened().u64(0x0a), "0x000000000000000a");
    assertRefused(opened().eos().footer(3), "footer of section 2");
    assertRefused(opened().eos().u8(2), "footer (0x7e)", "0x02");
    assertRefused(opened().eos().footer(2).u8(2).u32(9), "section id of ram, 2, found 9");
    assertRefused(opened().eos().footer(2).u8(0x55), "0x55");
    assertRefused(opened().eos().footer(2).command(2, new byte[17]), "at most 16 bytes");
    assertRefused(opened().eos().footer(2).ramEnd().eos().footer(2).eof(), "device state", "0x00");
  }

  @Test
  void mappedRamIsReadFromItsBitmaps(@TempDir Path directory) throws Exception {
    Path file = Files.write(directory.resolve("mapped"), StreamBuilder.mapped(0));
    SavedStream saved = read(file, sink);
    assertThat(saved.memory().regions())
        .containsExactly(new Region("pc.ram", 70 * 4096, 4096), new Region("rom", 4096, 4096));
    assertThat(saved.configurationHex()).isEmpty();
    assertThat(saved.deviceState().runState()).isEqualTo("paused");
    assertThat(saved.bytes()).isEqualTo(Files.size(file));
    assertThat(sink.pages).containsOnlyKeys(0, 65, 69, 70);
    assertThat(sink.fill(65)).isEqualTo(2);
    assertThat(sink.fill(70)).isEqualTo(4);
  }

  @Test
  void mappedRamStreamMayStartInsideAFile(@TempDir Path directory) throws Exception {
    byte[] stream = StreamBuilder.mapped(1000);
    Path file = Files.write(directory.resolve("mapped"), stream);
    try (FileChannel channel = FileChannel.open(file).position(1000)) {
      assertThat(read(channel, sink).bytes()).isEqualTo(stream.length - 1000);
    }
    assertThat(sink.pages).containsOnlyKeys(0, 65, 69, 70);
  }

  @Test
  void mappedRamNeedsAFile() {
    assertThatThrownBy(() -> read(StreamBuilder.mapped(0), sink))
        .isInstanceOf(MigrationStreamException.class)
        .hasMessageContaining("only be read from a file");
  }

  @Test
  void hostileMappedRamHeadersAreRefused(@TempDir Path directory) throws Exception {
    byte[] good = StreamBuilder.mapped(0);
    int header = StreamBuilder.mappedStart(0).size();
    long[][] cases = { // offset in the header, bytes of the field, value
      {0, 4, 2},
      {4, 8, 8192},
      {12, 8, 0},
      {12, 8, -1},
      {12, 8, 1L << 62},
      {20, 8, header + 28},
      {20, 8, -1},
      {20, 8, Long.MAX_VALUE / 2},
      {20, 8, 1L << 40},
    };
    for (long[] hostile : cases) {
      ByteBuffer bytes = ByteBuffer.wrap(good.clone());
      int at = header + (int) hostile[0];
      if (hostile[1] == 4) {
        bytes.putInt(at, (int) hostile[2]);
      } else {
        bytes.putLong(at, hostile[2]);
      }
      Path file = Files.write(directory.resolve("hostile"), bytes.array());
      assertThatThrownBy(() -> read(file, new RecordingSink()))
          .as(Arrays.toString(hostile))
          .isInstanceOf(MigrationStreamException.class);
    }
  }

  @Test
  void everyTruncationIsNoticed() throws Exception {
    byte[] stream = StreamBuilder.typical();
    int complete = stream.length - new StreamBuilder().description().size();
    // Every length, but in steps of 61 where only pages are cut.
    for (int length = 0;
        length < stream.length;
        length += length > 5000 && length < 20_000 ? 61 : 1) {
      if (length == complete) {
        continue; // a whole stream of a machine with suppress-vmdesc=on
      }
      byte[] cut = Arrays.copyOf(stream, length);
      try {
        read(cut, new RecordingSink());
        fail("cut to %d of %d bytes and not noticed", length, stream.length);
      } catch (MigrationStreamException noticed) {
        assertThat(noticed.offset()).isBetween(0L, (long) length);
      }
    }
  }

  @Test
  void truncatedMappedFilesAreNoticed(@TempDir Path directory) throws Exception {
    byte[] stream = StreamBuilder.mapped(0);
    int description = new StreamBuilder().description().size();
    Path file = directory.resolve("cut");
    SplittableRandom random = new SplittableRandom(7);
    for (int i = 0; i < 200; i++) {
      int length = i < 150 ? stream.length - 1 - i : random.nextInt(stream.length - 150);
      if (length == stream.length - description) {
        continue;
      }
      Files.write(file, Arrays.copyOf(stream, length));
      assertThatThrownBy(() -> read(file, new RecordingSink()))
          .as("cut to %d", length)
          .isInstanceOf(MigrationStreamException.class);
    }
  }

  @Test
  void flippedBitsNeverDoMoreThanAnException() throws Exception {
    long seed = Long.getLong("rekindle.seed", System.nanoTime());
    SplittableRandom random = new SplittableRandom(seed);
    byte[] stream = StreamBuilder.typical();
    // Pages are opaque: aim at the rest, which is the first 250 bytes, the records and the tail.
    for (int i = 0; i < 3_000; i++) {
      byte[] flipped = stream.clone();
      int flips = 1 + random.nextInt(3);
      for (int k = 0; k < flips; k++) {
        int at =
            switch (random.nextInt(3)) {
              case 0 -> random.nextInt(250);
              case 1 -> stream.length - 1 - random.nextInt(400);
              default -> random.nextInt(stream.length);
            };
        flipped[at] ^= (byte) (1 << random.nextInt(8));
      }
      try {
        read(flipped, new RecordingSink());
      } catch (MigrationStreamException expected) {
        assertThat(expected.offset()).isLessThanOrEqualTo(stream.length);
      } catch (RuntimeException | OutOfMemoryError wrong) {
        throw new AssertionError("round " + i + " of -Drekindle.seed=" + seed, wrong);
      }
    }
  }
}
