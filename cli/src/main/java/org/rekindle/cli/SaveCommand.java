package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.Codec;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "save",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Saves a running QEMU into an image.",
    description =
        """

        Step by step: connects to QEMU's monitor, stops the guest, takes its memory and \
        device state over a socket straight into the image (zero pages left out, identical \
        pages once, compressed, with checksums), and lets the guest go on.
        The image appears under its name only when it is complete and durable. If anything \
        goes wrong, or on Ctrl-C, the half image is removed and the guest goes on running.
        """,
    footer =
        """

        Example: start a guest with a monitor socket, save it, see what it took
          qemu-system-x86_64 -m 1G ... -qmp unix:vm.qmp,server=on,wait=off
          rekindle save --qmp vm.qmp vm.rekindle
          rekindle inspect vm.rekindle

        Move it instead of copying it (QEMU ends once the image is durable)
          rekindle save --qmp vm.qmp --then quit vm.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:saved",
      "  1:not saved; no image is left, the guest runs or its state is reported",
      "  2:the command line was not understood",
      "130:interrupted; no image is left, the guest goes on running"
    })
final class SaveCommand extends Operation {
  /** What becomes of the guest afterwards. */
  enum Then {
    RESUME(QemuSave.Then.RESUME),
    QUIT(QemuSave.Then.QUIT),
    PAUSE(QemuSave.Then.STAY_PAUSED);

    private final QemuSave.Then then;

    Then(QemuSave.Then then) {
      this.then = then;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Option(
      names = "--qmp",
      required = true,
      paramLabel = "SOCKET",
      description = "Unix socket of QEMU's monitor (-qmp unix:SOCKET,server=on,wait=off).")
  private @Nullable Path qmp;

  @Option(
      names = "--then",
      paramLabel = "WHAT",
      defaultValue = "resume",
      description =
          "What becomes of the guest: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Then then = Then.RESUME;

  @Option(
      names = "--codec",
      paramLabel = "CODEC",
      defaultValue = "lz4",
      description =
          "How pages are stored: raw, lz4 (fast) or zstd (small). Default: ${DEFAULT-VALUE}.")
  private Codec codec = Codec.LZ4;

  @Parameters(paramLabel = "IMAGE", description = "Folder to create; it must not exist yet.")
  private @Nullable Path image;

  @Override
  void run(Cleanup cleanup) throws Exception {
    SaveResult saved;
    try (Progress progress = progress("Saving")) {
      QemuSave save =
          new QemuSave(
              Objects.requireNonNull(qmp),
              Objects.requireNonNull(image),
              layout(codec),
              then.then,
              progress::bytes);
      cleanup.cancelBy(save);
      saved = save.run();
    }
    saved.warnings().forEach(this::say);
    publish(result(saved));
  }

  /** Locality blocks as the image likes them. */
  static ImageWriter.Options layout(Codec codec) {
    return new ImageWriter.Options(codec, ImageWriter.Options.DEFAULT.blockPages());
  }

  private Result result(SaveResult saved) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", Objects.toString(image));
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
            : then == Then.QUIT ? "QEMU has ended" : "the guest is paused";
    return new Result(
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
