package org.rekindle.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.FirecrackerSave;
import org.rekindle.guest.firecracker.FirecrackerSaveResult;
import org.rekindle.guest.firecracker.ImportedMicrovm;
import org.rekindle.guest.firecracker.Jail;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A running microVM of Firecracker's. */
final class FirecrackerSource implements Source {
  @Option(
      names = "--firecracker",
      paramLabel = "API_SOCKET",
      description = "Unix socket of Firecracker's API (--api-sock).")
  private @Nullable Path api;

  @Option(
      names = "--jail",
      paramLabel = "ROOT",
      description = "The folder that Firecracker sees as its root, if the jailer has started it.")
  private @Nullable Path jail;

  private AfterSave then = AfterSave.RESUME;

  /** What becomes of the guest; Firecracker cannot be asked to end. */
  FirecrackerSource then(AfterSave wish, CommandLine command) {
    if (api != null && wish == AfterSave.QUIT) {
      throw new ParameterException(
          command, "Firecracker cannot be asked to quit; use --then pause, and end it yourself");
    }
    if (api == null && jail != null) {
      throw new ParameterException(command, "--jail goes with --firecracker API_SOCKET");
    }
    then = wish;
    return this;
  }

  @Override
  public String synopsis() {
    return "--firecracker API_SOCKET";
  }

  @Override
  public boolean chosen() {
    return api != null;
  }

  @Override
  public Operation.Result make(
      Path image, ImageWriter.Options layout, Operation command, Cleanup cleanup) throws Exception {
    FirecrackerSave.Then wish =
        then == AfterSave.RESUME ? FirecrackerSave.Then.RESUME : FirecrackerSave.Then.STAY_PAUSED;
    try (Progress progress = command.progress("Saving")) {
      FirecrackerSave save =
          new FirecrackerSave(
              Objects.requireNonNull(api),
              new Jail(jail),
              image,
              layout,
              wish,
              command::say,
              progress::bytes);
      cleanup.cancelBy(save);
      return result(image, save.run());
    }
  }

  private static Operation.Result result(Path image, FirecrackerSaveResult saved) {
    ImportedMicrovm made = saved.image();
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.toString());
    json.put("vmmVersion", made.machine().vmmVersion());
    json.put("stateVersion", made.machine().stateVersion());
    json.put("guestRuns", saved.guestRuns());
    json.put("stopMs", saved.stopNs() / 1e6);
    json.put("elapsedMs", saved.elapsedNs() / 1e6);
    json.put("guestPages", made.guestPages());
    json.put("zeroPages", made.zeroPages());
    json.put("imageBytes", made.imageBytes());
    return new Operation.Result(
        "saved %s of memory (%s not zero) as %s in %s; %s"
            .formatted(
                Figures.pages(made.guestPages()),
                Figures.pages(made.guestPages() - made.zeroPages()),
                Figures.bytes((double) made.imageBytes()),
                Figures.time(saved.elapsedNs()),
                saved.guestRuns()
                    ? "the guest stood still for " + Figures.time(saved.stopNs()) + " and runs on"
                    : "the guest is paused"),
        json);
  }
}
