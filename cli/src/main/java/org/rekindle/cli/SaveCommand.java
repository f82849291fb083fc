package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.Backend;
import org.rekindle.scan.Scan;
import org.rekindle.scan.ScanFile;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.workingset.Profile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

@Command(
    name = "save",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Saves a running machine into an image.",
    description =
        """

        Of QEMU, step by step: connects to its monitor, stops the guest, takes its memory and \
        device state over a socket straight into the image (zero pages left out, identical \
        pages once, compressed, with checksums), and lets the guest go on.
        With --live the guest runs on: QEMU stops it for a moment only, of which the image is, \
        and each page is taken before the guest writes it for the first time. Which pages those \
        are is the image's first working set, in their order; what the guest only reads, a \
        recording adds ('rekindle record --add --merge union'). A guest that writes a page \
        waits for it, a fraction of a millisecond each.
        Of Firecracker: asks its API to pause the guest and to write a snapshot into a private \
        folder beside the image (which takes as much disk space as the guest has memory, for \
        as long as the save lasts), lets the guest go on, and makes the image of that.
        The image appears under its name only when it is complete and durable. If anything \
        goes wrong, or on Ctrl-C, the half image is removed and the guest goes on running.
        """,
    footer =
        """

        Example: start a guest with a monitor socket, save it, see what it took
          qemu-system-x86_64 -m 1G ... -qmp unix:vm.qmp,server=on,wait=off
          rekindle save --qmp vm.qmp vm.rekindle
          rekindle inspect vm.rekindle

        Save it while it serves, and learn from it for half a minute
          rekindle save --qmp vm.qmp --live --for 30s vm.rekindle

        Scan for half a minute what it uses, then save it with that (see 'rekindle scan --help')
          rekindle save --qmp vm.qmp --scan 30s vm.rekindle

        Move it instead of copying it (QEMU ends once the image is durable)
          rekindle save --qmp vm.qmp --then quit vm.rekindle

        A microVM of Firecracker
          rekindle save --firecracker firecracker.socket vm.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:saved",
      "  1:not saved; no image is left, the guest runs or its state is reported",
      "  2:the command line was not understood",
      "130:interrupted; no image is left, the guest goes on running"
    })
final class SaveCommand extends Operation {
  @Mixin private final QmpSource qmp = new QmpSource();
  @Mixin private final FirecrackerSource firecracker = new FirecrackerSource();
  @Mixin private final ImageLayout layout = new ImageLayout();

  @Option(
      names = "--then",
      paramLabel = "WHAT",
      defaultValue = "resume",
      description =
          """
          What becomes of the guest: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). \
          Firecracker cannot be asked to quit.\
          """)
  private AfterSave then = AfterSave.RESUME;

  @Option(
      names = "--profile",
      paramLabel = "FILE",
      description = "What 'rekindle scan' has found of this machine: the image's working set.")
  private @Nullable Path profile;

  @Option(
      names = "--scan",
      paramLabel = "TIME",
      converter = TimeSpan.class,
      description =
          """
          Scan a machine of QEMU for so long before it is saved (root, shared memory, no swap, see \
          'rekindle scan --help'): what is found is the image's working set.\
          """)
  private @Nullable Duration scanned;

  @Parameters(paramLabel = "IMAGE", description = "Folder to create; it must not exist yet.")
  private @Nullable Path image;

  @Override
  void run(Cleanup cleanup) throws Exception {
    Source source =
        Choice.of(
            command(),
            "say which machine to save",
            List.of(qmp.then(then, command()), firecracker.then(then, command())));
    Path directory = Objects.requireNonNull(image);
    Optional<Scan> scan = scan(directory); // before anything is done to the machine
    Result saved = source.make(directory, layout.options(), this, cleanup);
    publish(scan.isPresent() ? attach(scan.get(), directory, saved) : saved);
  }

  private Optional<Scan> scan(Path directory) throws IOException, InterruptedException {
    List<String> sets = new ArrayList<>();
    if (qmp.live()) {
      sets.add("--live");
    }
    if (profile != null) {
      sets.add("--profile");
    }
    if (scanned != null) {
      sets.add("--scan");
    }
    if (sets.size() > 1) {
      throw new ParameterException(
          command(), String.join(" and ", sets) + " each make a working set; choose one");
    }
    if (profile != null) {
      return Optional.of(read(profile));
    }
    if (scanned == null) {
      return Optional.empty();
    }
    if (!qmp.chosen()) {
      throw new ParameterException(command(), "--scan is for QEMU: give --qmp");
    }
    ImageWriter.checkTarget(directory);
    ScannedMemory memory = qmp.memory();
    return Optional.of(
        Scanning.run(
                memory,
                List.of(Backend.values()),
                Scanning.Schedule.of(memory.pages(), scanned),
                this)
            .scan());
  }

  private static Scan read(Path file) throws IOException {
    try {
      return ScanFile.decode(Files.readAllBytes(file));
    } catch (DataFormatException damaged) {
      throw new IOException(
          file + " is no scan of 'rekindle scan', or damaged: " + damaged.getMessage(), damaged);
    }
  }

  private static Result attach(Scan scan, Path directory, Result saved) throws IOException {
    MemoryMap memory;
    try (Image made = Image.open(directory)) {
      memory = made.memory();
    }
    int region = memory.indexOf(scan.region());
    int pages = scan.sweeps().memoryPages();
    if (region < 0 || memory.region(region).bytes() != (long) pages * MemoryMap.PAGE_BYTES) {
      throw new IOException(
          "%s is saved, but without a working set: the scan is of %d pages of memory %s, and this machine has %s"
              .formatted(directory, pages, scan.region(), memory));
    }
    Profile set = scan.profile(memory.firstPage(region));
    Image.attach(directory, set);
    Map<String, @Nullable Object> json = new LinkedHashMap<>(saved.json());
    json.put("profilePages", set.size());
    json.put("scanBackend", scan.backend());
    return new Result(
        "%s\nthe working set is the %s pages that the scan found in use (%s)"
            .formatted(saved.text(), Figures.count(set.size()), scan.backend()),
        json);
  }
}
