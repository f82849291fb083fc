package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.ImportResult;
import org.rekindle.guest.qemu.QemuImport;
import org.rekindle.image.ImageWriter;

/**
 * A file that QEMU or libvirt saved.
 *
 * @param file null if there is none on the command line
 */
record QemuFileSource(@Nullable Path file) implements Source {
  @Override
  public String synopsis() {
    return "FILE";
  }

  @Override
  public boolean chosen() {
    return file != null;
  }

  @Override
  public Operation.Result make(
      Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup) throws Exception {
    try (Progress progress = command.progress("Importing")) {
      QemuImport work =
          new QemuImport(Objects.requireNonNull(file), image, layout, progress::bytes);
      cleanup.cancelBy(work);
      return result(image, work.run());
    }
  }

  private static Operation.Result result(Path image, ImportResult imported) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.toString());
    json.put("kind", imported.kind());
    json.put("machineType", imported.machine().machineType());
    json.put("elapsedMs", imported.elapsedNs() / 1e6);
    json.put("guestPages", imported.guestPages());
    json.put("zeroPages", imported.zeroPages());
    json.put("fileBytes", imported.fileBytes());
    json.put("imageBytes", imported.imageBytes());
    return new Operation.Result(
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
