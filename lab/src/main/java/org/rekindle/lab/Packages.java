package org.rekindle.lab;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Packages of a Debian-like distribution, taken by its own tools, and never without saying so. */
final class Packages {
  private static final Pattern KERNEL_DEPENDENCY =
      Pattern.compile("Depends: (linux-image-\\S+-cloud-amd64)");

  private static final Path HERE = Path.of(".");

  private final Consumer<String> say;

  Packages(Consumer<String> say) {
    this.say = say;
  }

  /** Whether this process may install packages: root on a system with apt. */
  static boolean canInstall() {
    return "root".equals(System.getProperty("user.name")) && Command.find("apt-get").isPresent();
  }

  /**
   * A program, installed if it is missing.
   *
   * @param purpose why it is needed, for the message
   * @throws IOException if it is missing and cannot be installed; says what to install
   */
  Path program(String program, String purpose, String... packages) throws IOException {
    Optional<Path> found = Command.find(program);
    if (found.isPresent()) {
      return found.get();
    }
    install(program + " (" + purpose + ")", packages);
    return Command.find(program)
        .orElseThrow(() -> new IOException(program + " is still missing after its installation"));
  }

  /** Installs packages; {@code what} names in the message what is missing. */
  void install(String what, String... packages) throws IOException {
    String names = String.join(" ", packages);
    if (!canInstall()) {
      throw new IOException(what + " is missing; install it: apt-get install " + names);
    }
    say.accept("installing " + names + " with apt-get, for " + what + " ...");
    String[] command =
        Stream.concat(
                Stream.of("apt-get", "-y", "-q=0", "--no-install-recommends", "install"),
                Stream.of(packages))
            .toArray(String[]::new);
    try {
      Command.narrated(say, HERE, command);
    } catch (InterruptedIOException interrupted) {
      throw interrupted;
    } catch (IOException staleIndex) {
      update();
      Command.narrated(say, HERE, command);
    }
  }

  private void update() throws IOException {
    say.accept("reading the distribution's package lists (apt-get update) ...");
    Command.narrated(say, HERE, "apt-get", "-q=0", "update");
  }

  /**
   * Downloads the distribution's kernel for cloud machines and unpacks it, without installing it.
   */
  void unpackCloudKernel(Path into) throws IOException {
    String name = cloudKernelPackage();
    if (name.isEmpty()) {
      update();
      name = cloudKernelPackage();
    }
    say.accept("downloading the package " + name + ", to unpack it (it is not installed) ...");
    Path download = Files.createDirectories(into.resolve("download"));
    try {
      Command.narrated(say, download, "apt-get", "-q=0", "download", name);
    } catch (InterruptedIOException interrupted) {
      throw interrupted;
    } catch (IOException staleIndex) {
      update();
      name = cloudKernelPackage();
      Command.narrated(say, download, "apt-get", "-q=0", "download", name);
    }
    try (Stream<Path> files = Files.list(download)) {
      Path archive =
          files
              .filter(file -> file.toString().endsWith(".deb"))
              .findFirst()
              .orElseThrow(() -> new IOException("apt-get download has left no package"));
      Command.output("dpkg-deb", "-x", archive.toString(), into.toString());
    }
  }

  /** linux-image-cloud-amd64 is empty and depends on the current kernel; "" if it is unknown. */
  private static String cloudKernelPackage() throws IOException {
    // Its status is an error where the package lists were never read.
    String answer = Command.text("sh", "-c", "apt-cache depends linux-image-cloud-amd64 || true");
    Matcher matcher = KERNEL_DEPENDENCY.matcher(answer);
    return matcher.find() ? matcher.group(1) : "";
  }
}
