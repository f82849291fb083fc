package org.rekindle.guest.child;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A directory for sockets and passing files that only their owner may reach; closing it removes it
 * with the files in it.
 */
public final class PrivateDirectory implements AutoCloseable {
  private static final String PREFIX = "rekindle-";

  /** A socket's path has 107 bytes at most (unix(7)); this leaves enough for our names. */
  private static final int MAX_PARENT_BYTES = 64;

  private static final FileAttribute<Set<PosixFilePermission>> ONLY_OWNER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path path;

  private PrivateDirectory(Path path) {
    this.path = path;
  }

  /** In the {@linkplain #usualPlace usual place}. */
  public static PrivateDirectory create() throws IOException {
    return create(usualPlace(), PREFIX);
  }

  /** In a directory that exists. */
  public static PrivateDirectory create(Path parent, String prefix) throws IOException {
    return new PrivateDirectory(Files.createTempDirectory(parent, prefix, ONLY_OWNER));
  }

  /** {@code XDG_RUNTIME_DIR} or {@code /tmp}. */
  public static Path usualPlace() {
    @Nullable String runtime = System.getenv("XDG_RUNTIME_DIR");
    boolean usable =
        runtime != null
            && runtime.startsWith("/")
            && runtime.length() <= MAX_PARENT_BYTES
            && Files.isWritable(Path.of(runtime));
    return Path.of(usable ? runtime : "/tmp");
  }

  public Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> files = Files.list(path)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(path);
  }
}
