package org.rekindle.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What a demo machine is started from: QEMU, a Linux kernel, and an initramfs with the workload.
 *
 * @param qemu the VMM's program
 * @param kernel a bzImage
 * @param initramfs a gzipped cpio archive
 */
public record GuestKit(Path qemu, Path kernel, Path initramfs) {
  private static final ReentrantLock IN_THIS_PROCESS = new ReentrantLock();

  /**
   * Finds the parts, and makes or fetches those that are missing; everything fetched or built is
   * kept in {@link #cache}. Packages come from the distribution, as root only, and each is
   * announced first. Several processes may call this at once.
   *
   * <p>The kernel is the one that {@code REKINDLE_GUEST_KERNEL} names, else the one that is in the
   * cache, else the newest readable one of {@code /boot}, else the distribution's kernel for cloud
   * machines, unpacked and not installed.
   *
   * @param say receives what is being done, a line at a time
   * @throws IOException if a part is missing and cannot be had; says what to install
   */
  public static GuestKit provision(Consumer<String> say) throws IOException {
    Packages packages = new Packages(say);
    Path directory = Files.createDirectories(cache().resolve("guest"));
    IN_THIS_PROCESS.lock();
    try (FileChannel channel =
            FileChannel.open(
                directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = channel.lock()) {
      Path qemu =
          packages.program("qemu-system-x86_64", "the machine of the demo", "qemu-system-x86");
      GuestKernel kernel = kernel(directory, packages, say);
      Path busybox = busybox(packages);
      Path workload = workload(directory, packages, say);
      return new GuestKit(
          qemu, kernel.image(), initramfs(directory, kernel, busybox, workload, say));
    } finally {
      IN_THIS_PROCESS.unlock();
    }
  }

  /**
   * The same with the QEMU that {@code REKINDLE_QEMU10} names, if it names one: newer than the
   * distribution's, so that more of stock QEMU can be compared.
   */
  public GuestKit withNewestQemu() {
    String named = System.getenv("REKINDLE_QEMU10");
    return named == null || named.isBlank()
        ? this
        : new GuestKit(Path.of(named), kernel, initramfs);
  }

  /**
   * Where fetched and built parts are kept: {@code REKINDLE_CACHE}, else {@code .cache} of the
   * project, else {@code ~/.cache/rekindle}.
   */
  public static Path cache() {
    String named = System.getenv("REKINDLE_CACHE");
    if (named != null && !named.isBlank()) {
      return Path.of(named).toAbsolutePath();
    }
    String project = System.getProperty("rekindle.root");
    return project != null
        ? Path.of(project, ".cache").toAbsolutePath()
        : Path.of(System.getProperty("user.home"), ".cache", "rekindle");
  }

  private static GuestKernel kernel(Path directory, Packages packages, Consumer<String> say)
      throws IOException {
    Optional<GuestKernel> named = GuestKernel.named(System.getenv("REKINDLE_GUEST_KERNEL"));
    if (named.isPresent()) {
      return named.get();
    }
    Path fetched = directory.resolve("kernel");
    Optional<GuestKernel> cached = GuestKernel.newestIn(fetched.resolve("boot"), "cache");
    if (cached.isPresent()) {
      return cached.get();
    }
    Optional<GuestKernel> installed = GuestKernel.newestIn(Path.of("/boot"), "/boot");
    if (installed.isPresent()) {
      say.accept("the guest's kernel is this machine's own, " + installed.get().image());
      return installed.get();
    }
    if (!Packages.canInstall()) {
      throw new IOException(
          "no kernel for the guest: set REKINDLE_GUEST_KERNEL to a bzImage, or run as root where"
              + " apt-get is, or install one: apt-get install linux-image-cloud-amd64");
    }
    Path part = directory.resolve("kernel.part");
    delete(part);
    Files.createDirectories(part);
    packages.unpackCloudKernel(part);
    delete(part.resolve("download"));
    Files.move(part, fetched, StandardCopyOption.ATOMIC_MOVE);
    return GuestKernel.newestIn(fetched.resolve("boot"), "cache")
        .orElseThrow(() -> new IOException("the kernel package has no boot/vmlinuz-* in it"));
  }

  /** The guest has no libraries, so busybox must be a static one; Debian's plain one is not. */
  private static Path busybox(Packages packages) throws IOException {
    Optional<Path> found = Command.find("busybox").filter(GuestKit::isStatic);
    if (found.isPresent()) {
      return found.get();
    }
    packages.install("a static busybox (the guest's commands)", "busybox-static");
    return Command.find("busybox")
        .filter(GuestKit::isStatic)
        .orElseThrow(
            () -> new IOException("busybox is not static: apt-get install busybox-static"));
  }

  /**
   * Whether an ELF file names no interpreter (PT_INTERP), judged by the name that it would have.
   */
  private static boolean isStatic(Path program) {
    try (InputStream in = Files.newInputStream(program)) {
      return !new String(in.readNBytes(4096), java.nio.charset.StandardCharsets.ISO_8859_1)
          .contains("/ld-");
    } catch (IOException unreadable) {
      return false;
    }
  }

  private static Path workload(Path directory, Packages packages, Consumer<String> say)
      throws IOException {
    byte[] source;
    try (InputStream in = GuestKit.class.getResourceAsStream("workload.c")) {
      if (in == null) {
        throw new IOException("this build of Rekindle lacks its workload.c");
      }
      source = in.readAllBytes();
    }
    Path binary = directory.resolve("workload-" + digest(source));
    if (!Files.exists(binary)) {
      if (Command.find("gcc").isEmpty() || !Files.exists(Path.of("/usr/include/stdio.h"))) {
        packages.install("a C compiler (it compiles the guest's workload)", "gcc", "libc6-dev");
      }
      say.accept("compiling the guest's workload ...");
      Path code = directory.resolve("workload.c");
      Path part = directory.resolve("workload.part");
      Files.write(code, source);
      Command.output("gcc", "-O2", "-static", "-pthread", "-o", part.toString(), code.toString());
      Files.move(part, binary, StandardCopyOption.ATOMIC_MOVE);
    }
    return binary;
  }

  /** Named after its content, so that a change of any part makes a new one. */
  private static Path initramfs(
      Path directory, GuestKernel kernel, Path busybox, Path workload, Consumer<String> say)
      throws IOException {
    Path part = directory.resolve("initramfs.part");
    Map<String, byte[]> modules = Initramfs.modules(kernel.modules(), busybox);
    if (modules.isEmpty()) {
      say.accept(
          "no modules in "
              + kernel.modules()
              + ": the guest has virtio devices only if its kernel has them built in");
    }
    try (OutputStream out = Files.newOutputStream(part)) {
      Initramfs.write(out, Files.readAllBytes(busybox), Files.readAllBytes(workload), modules);
    }
    Path archive = directory.resolve("initramfs-" + digest(Files.readAllBytes(part)) + ".cpio.gz");
    if (Files.exists(archive)) {
      Files.delete(part);
    } else {
      Files.move(part, archive, StandardCopyOption.ATOMIC_MOVE);
    }
    return archive;
  }

  private static String digest(byte[] content) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
      return HexFormat.of().formatHex(digest, 0, 6);
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError("every JDK has SHA-256", impossible);
    }
  }

  /** Removes a folder and all that is in it, if it is there. */
  public static void delete(Path tree) throws IOException {
    if (!Files.exists(tree, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<Path> paths;
    try (Stream<Path> all = Files.walk(tree)) {
      paths = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.deleteIfExists(path);
    }
  }
}
