package org.rekindle.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Makes an image from what QEMU, libvirt, Firecracker or CRIU saved.",
    description =
        """

        Reads what people already have; files of QEMU are told by their content, not their name:
          - migration streams of QEMU 7.2 to 11 (migrate "exec:cat > FILE", migrate file:FILE)
          - mapped-ram files of QEMU 9.0 and later
          - libvirt 'virsh save' files, raw or zstd
          - with --firecracker: memory and state file of a snapshot; holes are zeros and are not
            read, and a diff snapshot is laid over its --base
          - with --criu: the folder that 'criu dump' of CRIU 4 wrote, also on top of pre-dumps
        What cannot be served later is refused by name: block migration, other iterable \
        devices, xbzrle and compressed streams; pages that CRIU left with a page server, or has \
        compressed. What is read is never changed. A dump of CRIU is needed beside its image: \
        the image has the memory that CRIU restores lazily, the dump everything else.
        """,
    footer =
        """

        Example: bring a libvirt machine under Rekindle
          virsh save web1 web1.save
          rekindle import web1.save web1.rekindle
          rekindle inspect web1.rekindle

        A snapshot of Firecracker, and a later one that is a difference to it
          rekindle import --firecracker mem --state vmstate vm.rekindle
          rekindle import --firecracker mem2 --state vmstate2 --base vm.rekindle vm2.rekindle

        A process that CRIU has dumped
          criu dump --tree 4711 --images-dir dump --shell-job
          rekindle import --criu dump process.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:imported",
      "  1:not imported, and no image is left",
      "  2:the command line was not understood",
      "130:interrupted; no image is left"
    })
final class ImportCommand extends Operation {
  @Mixin private final FirecrackerFilesSource firecracker = new FirecrackerFilesSource();
  @Mixin private final CriuSource criu = new CriuSource();
  @Mixin private final ImageLayout layout = new ImageLayout();

  @Parameters(
      index = "0",
      arity = "1..2",
      paramLabel = "FILE IMAGE",
      hideParamSyntax = true,
      description = {
        "FILE: what QEMU or libvirt saved; not with --firecracker or --criu.",
        "IMAGE: folder to create; it must not exist yet."
      })
  private List<Path> paths = List.of();

  @Override
  void run(Cleanup cleanup) throws Exception {
    Path image = paths.getLast();
    Source file = new QemuFileSource(paths.size() == 2 ? paths.getFirst() : null);
    Source source =
        Choice.of(
            command(),
            "say what is to be imported",
            List.of(file, firecracker.checked(command()), criu));
    publish(source.make(image, layout.options(), this, cleanup));
  }
}
