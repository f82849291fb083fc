package org.rekindle.lab;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Runs a command of the host to its end. */
final class Command {
  /** How often a long command's own words are passed on: enough to see that it goes on. */
  private static final long NARRATION_NS = 2_000_000_000L;

  private static final Path HERE = Path.of(".");

  /** Takes what a command prints, a byte at a time; a byte of -1 is its end. */
  private interface Output {
    void take(int b);
  }

  private Command() {}

  /**
   * What the command printed.
   *
   * @throws IOException with the last line of its errors, if it fails or cannot be started
   */
  static byte[] output(String... command) throws IOException {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    run(
        HERE,
        b -> {
          if (b >= 0) {
            output.write(b);
          }
        },
        command);
    return output.toByteArray();
  }

  static String text(String... command) throws IOException {
    return new String(output(command), StandardCharsets.UTF_8);
  }

  /**
   * Runs a command that may take long, and passes on its latest words every few seconds: a line, or
   * a progress that it overwrites.
   */
  static void narrated(Consumer<String> say, Path directory, String... command) throws IOException {
    run(directory, new Narration(say), command);
  }

  private static final class Narration implements Output {
    private final Consumer<String> say;
    private final StringBuilder line = new StringBuilder();
    private long nextNs = System.nanoTime() + NARRATION_NS;

    Narration(Consumer<String> say) {
      this.say = say;
    }

    @Override
    public void take(int b) {
      if (b != '\n' && b != '\r' && b >= 0) {
        line.append((char) b);
        return;
      }
      String words = line.toString().strip();
      line.setLength(0);
      if (!words.isEmpty() && System.nanoTime() - nextNs > 0) {
        say.accept("  " + words);
        nextNs = System.nanoTime() + NARRATION_NS;
      }
    }
  }

  private static void run(Path directory, Output output, String... command) throws IOException {
    Path errors = Files.createTempFile("rekindle-command", ".err");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectError(errors.toFile());
    builder.environment().put("LC_ALL", "C");
    builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
    try {
      Process process = builder.start();
      try (InputStream printed = process.getInputStream()) {
        byte[] some = new byte[8192];
        for (int bytes = printed.read(some); bytes >= 0; bytes = printed.read(some)) {
          for (int i = 0; i < bytes; i++) {
            output.take(Byte.toUnsignedInt(some[i]));
          }
        }
        output.take(-1);
        int status = process.waitFor();
        if (status != 0) {
          throw new IOException(
              String.join(" ", Arrays.asList(command))
                  + " failed with status "
                  + status
                  + lastLine(errors));
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw (IOException)
            new InterruptedIOException("interrupted while " + command[0] + " was running")
                .initCause(interrupted);
      } finally {
        process.destroyForcibly();
      }
    } finally {
      Files.deleteIfExists(errors);
    }
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
