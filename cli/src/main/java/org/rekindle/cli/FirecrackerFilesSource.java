package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.FirecrackerImport;
import org.rekindle.guest.firecracker.ImportedMicrovm;
import org.rekindle.guest.firecracker.SnapshotFiles;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A snapshot that Firecracker wrote. */
final class FirecrackerFilesSource implements Source {
  @Option(
      names = "--firecracker",
      paramLabel = "MEM_FILE",
      description = "Import this memory file of Firecracker, full or a difference (with --base).")
  private @Nullable Path memory;

  @Option(
      names = "--state",
      paramLabel = "VMSTATE",
      description =
          """
          The state file that Firecracker wrote with it; 'restore --firecracker' can then load \
          the machine from the image alone.\
          """)
  private @Nullable Path state;

  @Option(
      names = "--base",
      paramLabel = "BASE",
      description =
          """
          The memory file is a difference (a diff snapshot): what is a hole in it is as in BASE, a full \
          memory file or a Firecracker image.\
          """)
  private @Nullable Path base;

  /** Refuses its other options where it was not chosen. */
  FirecrackerFilesSource checked(CommandLine command) {
    if (memory == null && (state != null || base != null)) {
      throw new ParameterException(
          command, (state != null ? "--state" : "--base") + " goes with --firecracker MEM_FILE");
    }
    return this;
  }

  @Override
  public String synopsis() {
    return "--firecracker MEM_FILE";
  }

  @Override
  public boolean chosen() {
    return memory != null;
  }

  @Override
  public Operation.Result make(
      Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup) throws Exception {
    try (Progress progress = command.progress("Importing")) {
      SnapshotFiles files = new SnapshotFiles(Objects.requireNonNull(memory), state, base);
      FirecrackerImport work = new FirecrackerImport(files, image, layout, progress::bytes);
      cleanup.cancelBy(work);
      return result(image, work.run());
    }
  }

  private Operation.Result result(Path image, ImportedMicrovm imported) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.toString());
    json.put("kind", base == null ? "Firecracker memory file" : "Firecracker diff snapshot");
    json.put("hasState", imported.hasState());
    json.put("stateVersion", imported.machine().stateVersion());
    json.put("elapsedMs", imported.elapsedNs() / 1e6);
    json.put("guestPages", imported.guestPages());
    json.put("zeroPages", imported.zeroPages());
    json.put("imageBytes", imported.imageBytes());
    return new Operation.Result(
        "imported %s of memory (%s not zero) as %s in %s%s"
            .formatted(
                Figures.pages(imported.guestPages()),
                Figures.pages(imported.guestPages() - imported.zeroPages()),
                Figures.bytes((double) imported.imageBytes()),
                Figures.time(imported.elapsedNs()),
                imported.hasState() ? "" : "; without --state the image holds memory only"),
        json);
  }
}
