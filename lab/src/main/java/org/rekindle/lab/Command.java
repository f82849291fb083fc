package org.rekindle.lab;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Runs a command of the host to its end. */
final class Command {
  private Command() {}

  /**
   * What the command printed.
   *
   * @throws IOException with the last line of its errors, if it fails or cannot be started
   */
  static byte[] output(String... command) throws IOException {
    return outputIn(null, command);
  }

  /** As {@link #output}, in a working directory. */
  static byte[] outputIn(@org.jspecify.annotations.Nullable Path directory, String... command)
      throws IOException {
    Path errors = Files.createTempFile("rekindle-command", ".err");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectError(errors.toFile());
    builder.environment().put("LC_ALL", "C");
    builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
    if (directory != null) {
      builder.directory(directory.toFile());
    }
    try {
      Process process = builder.start();
      try {
        byte[] output = process.getInputStream().readAllBytes();
        int status = process.waitFor();
        if (status != 0) {
          throw new IOException(
              String.join(" ", Arrays.asList(command))
                  + " failed with status "
                  + status
                  + lastLine(errors));
        }
        return output;
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while " + command[0] + " was running");
      } finally {
        process.destroyForcibly();
      }
    } finally {
      Files.deleteIfExists(errors);
    }
  }

  static String text(String... command) throws IOException {
    return new String(output(command), StandardCharsets.UTF_8);
  }

  /** The last line of a log, as the tail of a message: {@code ": why"}, or nothing. */
  static String lastLine(Path log) throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
            .lines()
            .filter(line -> !line.isBlank())
            .toList();
    return lines.isEmpty() ? "" : ": " + lines.getLast().strip();
  }

  /** Where a program is, by PATH and the usual system directories. */
  static Optional<Path> find(String program) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Arrays.stream((path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin").split(":", -1))
        .filter(directory -> !directory.isEmpty())
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
