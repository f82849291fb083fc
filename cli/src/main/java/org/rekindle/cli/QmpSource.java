package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine.Option;

/** A running QEMU. */
final class QmpSource implements Source {
  @Option(
      names = "--qmp",
      paramLabel = "SOCKET",
      description = "Unix socket of QEMU's monitor (-qmp unix:SOCKET,server=on,wait=off).")
  private @Nullable Path qmp;

  private AfterSave then = AfterSave.RESUME;

  QmpSource then(AfterSave wish) {
    then = wish;
    return this;
  }

  @Override
  public String synopsis() {
    return "--qmp SOCKET";
  }

  @Override
  public boolean chosen() {
    return qmp != null;
  }

  @Override
  public Operation.Result make(
      Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup) throws Exception {
    SaveResult saved;
    try (Progress progress = command.progress("Saving")) {
      QemuSave save =
          new QemuSave(Objects.requireNonNull(qmp), image, layout, wish(), progress::bytes);
      cleanup.cancelBy(save);
      saved = save.run();
    }
    saved.warnings().forEach(command::say);
    return result(image, saved);
  }

  private QemuSave.Then wish() {
    return switch (then) {
      case RESUME -> QemuSave.Then.RESUME;
      case QUIT -> QemuSave.Then.QUIT;
      case PAUSE -> QemuSave.Then.STAY_PAUSED;
    };
  }

  private Operation.Result result(Path image, SaveResult saved) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.toString());
    json.put("machineType", saved.machine().machineType());
    json.put("qemuVersion", saved.machine().qemuVersion());
    json.put("guestRuns", saved.guestRuns());
    json.put("stopMs", saved.stopNs() / 1e6);
    json.put("elapsedMs", saved.elapsedNs() / 1e6);
    json.put("guestPages", saved.guestPages());
    json.put("zeroPages", saved.zeroPages());
    json.put("streamBytes", saved.streamBytes());
    json.put("imageBytes", saved.imageBytes());
    json.put("warnings", saved.warnings());
    String guest =
        saved.guestRuns()
            ? "the guest stood still for " + Figures.time(saved.stopNs()) + " and runs on"
            : then == AfterSave.QUIT ? "QEMU has ended" : "the guest is paused";
    return new Operation.Result(
        "saved %s of memory (%s not zero) as %s in %s; %s"
            .formatted(
                Figures.pages(saved.guestPages()),
                Figures.pages(saved.guestPages() - saved.zeroPages()),
                Figures.bytes((double) saved.imageBytes()),
                Figures.time(saved.elapsedNs()),
                guest),
        json);
  }
}
