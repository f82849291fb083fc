package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.Scan;
import org.rekindle.scan.ScanFile;
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

        Save it with what a scan has found it to use
          rekindle scan --qmp vm.qmp --for 30s --interval 10s vm.scan
          rekindle save --qmp vm.qmp --profile vm.scan vm.rekindle

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
    if (profile == null) {
      publish(source.make(directory, layout.options(), this, cleanup));
      return;
    }
    if (qmp.live()) {
      throw new ParameterException(
          command(), "--live and --profile both make a working set; leave one out");
    }
    Scan scan = read(profile); // before anything is done to the machine
    Result saved = source.make(directory, layout.options(), this, cleanup);
    publish(attach(scan, directory, saved));
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
    return new Result(
        "%s\nthe working set is the %s pages that the scan found in use"
            .formatted(saved.text(), Figures.count(set.size())),
        json);
  }
}
