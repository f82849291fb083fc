package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.workingset.Profile;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A running QEMU. */
final class QmpSource implements Source {
  @Option(
      names = "--qmp",
      paramLabel = "SOCKET",
      description = "Unix socket of QEMU's monitor (-qmp unix:SOCKET,server=on,wait=off).")
  private @Nullable Path qmp;

  /** As long as a recording. */
  private static final Duration WATCHED = Duration.ofSeconds(10);

  @Option(
      names = "--live",
      description =
          """
          Let the guest of QEMU run on while it is saved, and learn from what it writes which \
          memory it needs first.\
          """)
  private boolean live;

  @Option(
      names = "--for",
      paramLabel = "TIME",
      converter = TimeSpan.class,
      description =
          """
          With --live: how long to take, such as 10s or 1min (default: 10s). The longer, the \
          more of its writes is seen.\
          """)
  private @Nullable Duration time;

  private AfterSave then = AfterSave.RESUME;

  QmpSource then(AfterSave wish, CommandLine command) {
    then = wish;
    if (live && !chosen()) {
      throw new ParameterException(command, "--live is for QEMU: give --qmp");
    }
    if (live && then != AfterSave.RESUME) {
      throw new ParameterException(
          command, "after --live the guest has run on: leave --then out, or --live");
    }
    if (time != null && !live) {
      throw new ParameterException(command, "--for goes with --live");
    }
    return this;
  }

  /** Whether the machine is to run on meanwhile. */
  boolean live() {
    return live;
  }

  /** Its memory, for those who scan it. */
  ScannedMemory memory() throws IOException {
    return Scanning.ram(Objects.requireNonNull(qmp));
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
      Path monitor = Objects.requireNonNull(qmp);
      QemuSave save =
          live
              ? QemuSave.live(
                  monitor,
                  image,
                  layout,
                  Objects.requireNonNullElse(time, WATCHED),
                  progress::bytes)
              : new QemuSave(monitor, image, layout, wish(), progress::bytes);
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
    saved.writes().ifPresent(writes -> json.put("writes", json(writes)));
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
                    guest)
            + saved.writes().map(QmpSource::told).orElse(""),
        json);
  }

  private static Map<String, @Nullable Object> json(Profile writes) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("pages", writes.size());
    json.put("horizonMs", writes.horizonNs() / 1e6);
    json.put("lastTouchMs", lastTouchNs(writes) / 1e6);
    return json;
  }

  private static String told(Profile writes) {
    return "\nsaw it write %s pages (%s) within %s, which are the image's working set now"
        .formatted(
            Figures.count(writes.size()),
            Figures.bytes((double) writes.size() * MemoryMap.PAGE_BYTES),
            Figures.time(lastTouchNs(writes)));
  }

  private static long lastTouchNs(Profile writes) {
    return writes.size() == 0 ? 0 : writes.touchNs(writes.size() - 1);
  }
}
