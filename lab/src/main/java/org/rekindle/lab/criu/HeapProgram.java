package org.rekindle.lab.criu;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;

/** A JVM with a heap full of objects: {@link HeapServer}, run by the JVM in the Debian folder. */
public final class HeapProgram implements Program {
  private static final int CUSTOMER_BYTES = 4096; // about, with all headers

  private final int mebibytes;

  /**
   * @param mebibytes of live objects; the heap may have twice as much
   */
  public HeapProgram(int mebibytes) {
    this.mebibytes = mebibytes;
  }

  @Override
  public String description() {
    return "JVM, %d MiB of objects".formatted(mebibytes);
  }

  @Override
  public long dataBytes() {
    return (long) mebibytes << 20;
  }

  @Override
  public int keys() {
    return mebibytes * ((1 << 20) / CUSTOMER_BYTES);
  }

  @Override
  public String socket() {
    return "heap.sock";
  }

  @Override
  public int start(Sandbox sandbox, Path work) throws IOException {
    copyClasses(work.resolve("classes"));
    String inside = Sandbox.WORK.resolve(socket()).toString();
    int pid =
        sandbox.daemon(
            "heap",
            "java",
            "-Xmx" + 2 * mebibytes + "m",
            "-XX:-UsePerfData", // its file in /tmp is not in another sandbox
            "-cp",
            Sandbox.WORK.resolve("classes").toString(),
            HeapServer.class.getName(),
            Integer.toString(keys()),
            inside);
    sandbox.awaitFile(inside);
    return pid;
  }

  private static void copyClasses(Path directory) throws IOException {
    for (Class<?> each : HeapServer.class.getNestMembers()) {
      String name = each.getName().replace('.', '/') + ".class";
      Path file = directory.resolve(name);
      Files.createDirectories(Objects.requireNonNull(file.getParent()));
      try (InputStream code =
          Objects.requireNonNull(HeapServer.class.getResourceAsStream("/" + name))) {
        Files.copy(code, file, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  @Override
  public byte[] request(int key, boolean update) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(update ? ~key : key).array();
  }

  @Override
  public byte[] answer(int key, boolean update) {
    return ByteBuffer.allocate(Long.BYTES).putLong(HeapServer.Customer.of(key).checksum()).array();
  }
}
