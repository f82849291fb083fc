package org.rekindle.guest.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdCompressCtx;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;

class QemuImportTest {
  @TempDir Path directory;

  private ImportResult importBytes(byte[] file) throws IOException {
    Path path = Files.write(directory.resolve("saved"), file);
    try (QemuImport action =
        new QemuImport(path, image(), ImageWriter.Options.DEFAULT, (_, _) -> {})) {
      return action.run();
    }
  }

  private Path image() {
    return directory.resolve("image");
  }

  private void assertRefused(byte[] file, String... parts) throws IOException {
    assertThatThrownBy(() -> importBytes(file))
        .isInstanceOf(MigrationStreamException.class)
        .hasMessageContaining(directory.resolve("saved").toString())
        .hasMessageContainingAll(parts);
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).containsExactly(directory.resolve("saved"));
    }
  }

  /** What typical() holds: the fill byte of each page. */
  private void assertTypicalImage() throws IOException {
    byte[] fills = {4, 0, 5, 0, 0, 0, 0, 3, 0, 6};
    try (Image image = Image.open(image());
        Arena arena = Arena.ofConfined()) {
      assertThat(image.deviceState()).isEqualTo(new StreamBuilder().devices("running").bytes());
      assertThat(image.memory().pages()).isEqualTo(fills.length);
      MemorySegment page = arena.allocate(MemoryMap.PAGE_BYTES);
      try (PageReader reader = image.newPageReader()) {
        for (int i = 0; i < fills.length; i++) {
          reader.read(i, page, 0);
          assertThat(page.toArray(ValueLayout.JAVA_BYTE))
              .as("page %d", i)
              .isEqualTo(StreamBuilder.filled(fills[i]));
        }
      }
    }
  }

  private static byte[] zstd(byte[] raw) {
    try (ZstdCompressCtx context = new ZstdCompressCtx()) {
      ByteBuffer source = ByteBuffer.allocateDirect(raw.length).put(raw).flip();
      ByteBuffer packed = context.compress(source);
      byte[] bytes = new byte[packed.remaining()];
      packed.get(bytes);
      return bytes;
    }
  }

  private static byte[] concat(byte[]... parts) {
    return new StreamBuilder().raw(parts[0]).raw(parts[1]).bytes();
  }

  private static byte[] libvirtHeader(int format, int dataBytes, boolean running) {
    return libvirtHeader(2, format, dataBytes, dataBytes, running);
  }

  private static byte[] libvirtHeader(
      int version, int format, int dataBytes, int toldBytes, boolean running) {
    ByteBuffer head = ByteBuffer.allocate(92 + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    head.put("LibvirtQemudSave".getBytes(US_ASCII));
    head.putInt(version).putInt(toldBytes).putInt(running ? 1 : 0).putInt(format);
    return head.array();
  }

  @Test
  void plainStreamBecomesAnImage() throws Exception {
    ImportResult result = importBytes(StreamBuilder.typical());
    assertThat(result.kind()).isEqualTo("QEMU migration stream");
    assertThat(result.guestPages()).isEqualTo(10);
    assertThat(result.zeroPages()).isEqualTo(6);
    assertThat(result.machine().wasRunning()).isTrue();
    assertTypicalImage();
    try (Image image = Image.open(image())) {
      assertThat(image.manifest().guestKind()).isEqualTo("qemu");
      assertThat(SavedMachine.fromMap(image.manifest().guest())).isEqualTo(result.machine());
    }
  }

  @Test
  void libvirtFilesAreReadRawAndZstd() throws Exception {
    byte[] stream = StreamBuilder.typical();
    ImportResult raw = importBytes(concat(libvirtHeader(0, 1000, false), stream));
    assertThat(raw.kind()).isEqualTo("libvirt save file (raw)");
    assertThat(raw.machine().wasRunning()).isFalse();
    assertTypicalImage();

    try (Stream<Path> files = Files.list(image())) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(image());
    ImportResult zstd = importBytes(concat(libvirtHeader(5, 100, true), zstd(stream)));
    assertThat(zstd.kind()).isEqualTo("libvirt save file (zstd)");
    assertThat(zstd.machine().wasRunning()).isTrue();
    assertTypicalImage();
  }

  @Test
  void sparseFileOfLibvirtIsAMappedRamStreamBehindAHeader() throws Exception {
    byte[] file = StreamBuilder.mapped(4096);
    System.arraycopy(libvirtHeader(6, 4096 - 92, true), 0, file, 0, 4096);
    ImportResult result = importBytes(file);
    assertThat(result.kind()).isEqualTo("libvirt save file (sparse), mapped-ram");
    assertThat(result.guestPages()).isEqualTo(71);
    assertThat(result.zeroPages()).isEqualTo(67);
  }

  @Test
  void streamMayBePackedInSeveralZstdFrames() throws Exception {
    byte[] stream = StreamBuilder.typical();
    importBytes(
        concat(
            zstd(Arrays.copyOf(stream, 9000)),
            zstd(Arrays.copyOfRange(stream, 9000, stream.length))));
    assertTypicalImage();
  }

  @Test
  void damagedZstdDataIsNamed() throws Exception {
    byte[] packed = zstd(StreamBuilder.typical());
    assertRefused(Arrays.copyOf(packed, packed.length - 3), "inside a zstd frame");
    byte[] damaged = packed.clone();
    damaged[5] ^= 0x55;
    assertThatThrownBy(() -> importBytes(damaged)).isInstanceOf(MigrationStreamException.class);
    assertRefused(zstd(new byte[5000]), "unpacked", "QEVM");
  }

  @Test
  void whatElsePeopleHaveIsNamedWithTheCommandThatHelps() throws Exception {
    assertRefused(new byte[0], "an empty file");
    assertRefused(new byte[] {1, 2, 3}, "found the bytes 01 02 03");
    assertRefused(HexFormat.of().parseHex("1f8b0800"), "gzip -dc " + directory);
    assertRefused(HexFormat.of().parseHex("425a683931"), "bzip2 -dc ");
    assertRefused(HexFormat.of().parseHex("fd377a585a000004"), "xz -dc ");
    assertRefused(HexFormat.of().parseHex("894c5a4f000d0a1a0a10"), "lzop -dc ");
    assertRefused(HexFormat.of().parseHex("04224d18"), "lz4 -dc ");
    assertRefused(HexFormat.of().parseHex("514649fb00000003"), "qcow2");
    assertRefused(HexFormat.of().parseHex("7f454c46"), "ELF");
    assertRefused("LibvirtQemudPart............".getBytes(US_ASCII), "has not finished");
  }

  @Test
  void hostileLibvirtHeadersAreRefused() throws Exception {
    byte[] stream = StreamBuilder.typical();
    assertRefused(Arrays.copyOf(libvirtHeader(0, 10, true), 91), "inside libvirt's header");
    List<String> packers = List.of("gzip", "bzip2", "xz", "lzop");
    for (int format = 1; format <= 4; format++) {
      assertRefused(
          concat(libvirtHeader(format, 100, true), stream),
          "tail -c +193 ",
          packers.get(format - 1) + " -dc");
    }
    assertRefused(concat(libvirtHeader(7, 10, true), stream), "known format, found 7");
    assertRefused(concat(libvirtHeader(-1, 10, true), stream), "known format");
    assertRefused(concat(libvirtHeader(3, 0, 10, 10, true), stream), "version 2", "found 3");
    assertRefused(concat(libvirtHeader(2 << 24, 0, 10, 10, true), stream), "big-endian");
    for (int told : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 20}) {
      assertRefused(concat(libvirtHeader(2, 0, 10, told, true), stream), "length inside the file");
    }
    assertRefused(concat(libvirtHeader(2, 0, 10, 9, true), stream), "offset 105", "QEVM");
  }

  @Test
  void damagedStreamLeavesNothingBehind() throws Exception {
    byte[] stream = StreamBuilder.typical();
    assertRefused(Arrays.copyOf(stream, stream.length - 20), "inside the device state");
    assertRefused(Arrays.copyOf(stream, 10_000), "ends inside");
  }

  @Test
  void existingImageIsNotTouched() throws Exception {
    Files.createDirectory(image());
    assertThatThrownBy(() -> importBytes(StreamBuilder.typical()))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(image()).isEmptyDirectory();
  }

  @Test
  void missingFileAndDirectoryAreNamed() {
    Path missing = directory.resolve("missing");
    assertThatThrownBy(
            () -> new QemuImport(missing, image(), ImageWriter.Options.DEFAULT, (_, _) -> {}).run())
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining(missing.toString());
    assertThatThrownBy(() ->
            new QemuImport(directory, image(), ImageWriter.Options.DEFAULT, (_, _) -> {}).run())
        .hasMessageContaining("is a directory");
  }

  @Test
  void cancellingLeavesNothingBehind() throws Exception {
    StreamBuilder stream =
        new StreamBuilder()
            .header()
            .configuration("pc")
            .ramStart()
            .memSize(4096 * 4096)
            .block("pc.ram", 4096 * 4096)
            .page("pc.ram", 0, 1);
    for (int gpn = 1; gpn < 4096; gpn++) {
      stream.page(gpn, gpn & 0x7f);
    }
    stream.eos().footer(2).ramEnd().eos().footer(2).devices("paused").eof();
    Path file = Files.write(directory.resolve("saved"), stream.bytes());
    AtomicReference<Thread> canceller = new AtomicReference<>();
    AtomicReference<QemuImport> self = new AtomicReference<>();
    Image.Progress cancelling =
        (done, total) -> {
          if (canceller.get() == null) {
            Thread thread =
                new Thread(() -> {
                  try {
                    self.get().close();
                  } catch (IOException failed) {
                    throw new IllegalStateException(failed);
                  }
                });
            canceller.set(thread);
            thread.start();
            while (thread.getState() != Thread.State.TIMED_WAITING && thread.isAlive()) {
              Thread.onSpinWait();
            }
          }
        };
    QemuImport action = new QemuImport(file, image(), ImageWriter.Options.DEFAULT, cancelling);
    self.set(action);
    assertThatThrownBy(action::run).hasMessage("cancelled");
    canceller.get().join();
    try (Stream<Path> left = Files.list(directory)) {
      assertThat(left).containsExactly(file);
    }
  }
}
