package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestKernelTest {
  @TempDir Path directory;

  private Path kernel(String name, String version) throws IOException {
    ByteBuffer image = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
    image.putShort(0x20E, (short) 0x400);
    image.put(0x600, version.getBytes(StandardCharsets.US_ASCII));
    Path boot = Files.createDirectories(directory.resolve("boot"));
    return Files.write(boot.resolve(name), image.array());
  }

  @Test
  void theVersionIsReadFromTheSetupHeader() throws IOException {
    Path image = kernel("vmlinuz-x", "6.1.0-56-cloud-amd64 (debian@example.org) #1 SMP");
    assertThat(GuestKernel.version(image)).isEqualTo("6.1.0-56-cloud-amd64");
  }

  @Test
  void theNewestKernelIsTakenWithTheModulesUnpackedBesideIt() throws IOException {
    Path old = kernel("vmlinuz-9", "9");
    Files.setLastModifiedTime(old, FileTime.fromMillis(1));
    kernel("vmlinuz-6.1", "6.1");
    Path modules = Files.createDirectories(directory.resolve("lib/modules/6.1"));
    GuestKernel kernel = GuestKernel.newestIn(directory.resolve("boot"), "here").orElseThrow();
    assertThat(kernel.image()).hasFileName("vmlinuz-6.1");
    assertThat(kernel.modules()).isEqualTo(modules);
  }

  @Test
  void aFolderWithoutKernelsHasNone() throws IOException {
    assertThat(GuestKernel.newestIn(directory, "here")).isEmpty();
    assertThat(GuestKernel.newestIn(directory.resolve("missing"), "here")).isEmpty();
  }

  @Test
  void whatIsNoKernelIsRefusedByName() throws IOException {
    Path text = Files.writeString(directory.resolve("readme"), "hello");
    assertThatThrownBy(() -> GuestKernel.version(text)).hasMessageContaining("too short");
    Path zeros = Files.write(directory.resolve("zeros"), new byte[4096]);
    assertThatThrownBy(() -> GuestKernel.named(zeros.toString()))
        .hasMessageContaining("zeros is not a bzImage");
    Path hostile = kernel("vmlinuz-hostile", "../../etc");
    assertThatThrownBy(() -> GuestKernel.version(hostile)).hasMessageContaining("no version");
    assertThatThrownBy(() -> GuestKernel.named("/nowhere")).hasMessageContaining("/nowhere");
    assertThat(GuestKernel.named(" ")).isEmpty();
  }
}
