package org.rekindle.cli;

import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Makes an image from a file that QEMU or libvirt saved.",
    description =
        """

        Reads what people already have, told by its content and not by its name:
          - migration streams of QEMU 7.2 to 11 (migrate "exec:cat > FILE", migrate file:FILE)
          - mapped-ram files of QEMU 9.0 and later
          - libvirt 'virsh save' files, raw or zstd
        What cannot be served later is refused by name: block migration, other iterable \
        devices, xbzrle and compressed streams. The file itself is never changed.
        """,
    footer =
        """

        Example: bring a libvirt machine under Rekindle
          virsh save web1 web1.save
          rekindle import web1.save web1.rekindle
          rekindle inspect web1.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:imported",
      "  1:not imported, and no image is left",
      "  2:the command line was not understood",
      "130:interrupted; no image is left"
    })
final class ImportCommand extends Operation {
  @Mixin private final ImageLayout layout = new ImageLayout();

  @Parameters(index = "0", paramLabel = "FILE", description = "The saved machine.")
  private @Nullable Path file;

  @Parameters(
      index = "1",
      paramLabel = "IMAGE",
      description = "Folder to create; it must not exist yet.")
  private @Nullable Path image;

  @Override
  void run(Cleanup cleanup) throws Exception {
    Source source = new QemuFileSource(Objects.requireNonNull(file));
    publish(source.make(Objects.requireNonNull(image), layout.options(), this, cleanup));
  }
}
