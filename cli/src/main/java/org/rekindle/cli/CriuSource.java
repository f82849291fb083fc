package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.CriuImport;
import org.rekindle.guest.criu.CriuImportResult;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine.Option;

/** A folder that CRIU has dumped into. */
final class CriuSource implements Source {
  @Option(
      names = "--criu",
      paramLabel = "DIR",
      description = "Import the folder that 'criu dump' wrote.")
  private @Nullable Path directory;

  @Override
  public String synopsis() {
    return "--criu DIR";
  }

  @Override
  public boolean chosen() {
    return directory != null;
  }

  @Override
  public Operation.Result make(
      Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup) throws Exception {
    try (Progress progress = command.progress("Importing")) {
      CriuImport work =
          new CriuImport(Objects.requireNonNull(directory), image, layout, progress::bytes);
      cleanup.cancelBy(work);
      return result(image, work.run());
    }
  }

  private static Operation.Result result(Path image, CriuImportResult imported) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.toString());
    json.put("kind", "CRIU dump");
    json.put("processes", imported.processes());
    json.put("elapsedMs", imported.elapsedNs() / 1e6);
    json.put("guestPages", imported.pages());
    json.put("zeroPages", imported.zeroPages());
    json.put("otherPages", imported.otherPages());
    json.put("imageBytes", imported.imageBytes());
    return new Operation.Result(
        "imported a CRIU dump of %s: %s that are restored lazily became %s in %s; %s stay in the dump"
            .formatted(
                imported.processes() == 1 ? "1 process" : imported.processes() + " processes",
                Figures.pages(imported.pages()),
                Figures.bytes((double) imported.imageBytes()),
                Figures.time(imported.elapsedNs()),
                Figures.pages(imported.otherPages())),
        json);
  }
}
