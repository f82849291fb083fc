package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.ImportResult;
import org.rekindle.guest.qemu.QemuImport;
import org.rekindle.image.Codec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
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
  @Option(
      names = "--codec",
      paramLabel = "CODEC",
      defaultValue = "lz4",
      description =
          "How pages are stored: raw, lz4 (fast) or zstd (small). Default: ${DEFAULT-VALUE}.")
  private Codec codec = Codec.LZ4;

  @Parameters(index = "0", paramLabel = "FILE", description = "The saved machine.")
  private @Nullable Path file;

  @Parameters(
      index = "1",
      paramLabel = "IMAGE",
      description = "Folder to create; it must not exist yet.")
  private @Nullable Path image;

  @Override
  void run(Cleanup cleanup) throws Exception {
    ImportResult imported;
    try (Progress progress = progress("Importing")) {
      QemuImport work =
          new QemuImport(
              Objects.requireNonNull(file),
              Objects.requireNonNull(image),
              SaveCommand.layout(codec),
              progress::bytes);
      cleanup.cancelBy(work);
      imported = work.run();
    }
    publish(result(imported));
  }

  private Result result(ImportResult imported) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", Objects.toString(image));
    json.put("kind", imported.kind());
    json.put("machineType", imported.machine().machineType());
    json.put("elapsedMs", imported.elapsedNs() / 1e6);
    json.put("guestPages", imported.guestPages());
    json.put("zeroPages", imported.zeroPages());
    json.put("fileBytes", imported.fileBytes());
    json.put("imageBytes", imported.imageBytes());
    return new Result(
        "imported %s: %s of memory (%s not zero); %s became %s in %s"
            .formatted(
                imported.kind(),
                Figures.pages(imported.guestPages()),
                Figures.pages(imported.guestPages() - imported.zeroPages()),
                Figures.bytes((double) imported.fileBytes()),
                Figures.bytes((double) imported.imageBytes()),
                Figures.time(imported.elapsedNs())),
        json);
  }
}
