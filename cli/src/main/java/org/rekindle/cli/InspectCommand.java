package org.rekindle.cli;

import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.image.ImageSummary;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Shows what is in an image, and verifies it.",
    description =
        """

        Reads all of the image: manifest, index, device state, every block with its \
        checksum, the working set profile. Prints which machine it holds, its memory regions, \
        how many pages are zero, stored once or shared, what it takes on disk, and how large \
        the working set is. Nothing is changed.
        """,
    footer =
        """

        Example
          rekindle inspect vm.rekindle
          rekindle inspect --json vm.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:the image is whole",
      "  1:it is damaged or no image; the line names the file and the place",
      "  2:the command line was not understood"
    })
final class InspectCommand extends Operation {
  @Parameters(paramLabel = "IMAGE", description = "The image to look at.")
  private @Nullable Path image;

  @Override
  void run(Cleanup cleanup) throws Exception {
    Image opened = cleanup.own(Image.open(Objects.requireNonNull(image)));
    ImageSummary summary;
    try (Progress progress = progress("Verifying")) {
      summary = opened.verify(progress::bytes);
    }
    publish(ImageReport.of(opened, summary));
  }
}
