package org.rekindle.cli;

import org.rekindle.image.Codec;
import org.rekindle.image.ImageWriter;
import picocli.CommandLine.Option;

/** How a new image is laid out, as the user likes it: a picocli mixin. */
final class ImageLayout {
  @Option(
      names = "--codec",
      paramLabel = "CODEC",
      defaultValue = "lz4",
      description =
          "How pages are stored: raw, lz4 (fast) or zstd (small). Default: ${DEFAULT-VALUE}.")
  private Codec codec = Codec.LZ4;

  ImageWriter.Options options() {
    return new ImageWriter.Options(codec, ImageWriter.Options.DEFAULT.blockPages());
  }
}
