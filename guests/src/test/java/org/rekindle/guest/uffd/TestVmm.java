package org.rekindle.guest.uffd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.rekindle.linux.Userfaultfd;

/** A process that does what vmm.c says, when told to. */
final class TestVmm implements AutoCloseable {
  static final int PAGE = 4096;

  private final Process process;
  private final Writer in;
  private final BufferedReader out;
  private final List<String> said = new ArrayList<>();
  private final long bytes;
  private final int pageBytes;
  private long address;

  private TestVmm(Process process, long bytes, int pageBytes) {
    this.process = process;
    this.in = process.outputWriter(UTF_8);
    this.out = process.inputReader(UTF_8);
    this.bytes = bytes;
    this.pageBytes = pageBytes;
  }

  /** Compiles it; skips the test where that cannot be done. */
  static Path compile(Path directory) throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no gcc here: apt install gcc");
    Path source = directory.resolve("vmm.c");
    try (InputStream text = Objects.requireNonNull(TestVmm.class.getResourceAsStream("vmm.c"))) {
      Files.copy(text, source);
    }
    Path program = directory.resolve("vmm");
    Process gcc =
        new ProcessBuilder(
                "/usr/bin/gcc",
                "-O2",
                "-Wall",
                "-Werror",
                "-pthread",
                "-o",
                "" + program,
                "" + source)
            .inheritIO()
            .start();
    if (gcc.waitFor() != 0) {
      throw new AssertionError("vmm.c does not compile");
    }
    return program;
  }

  /** Starts it with memory of its own; skips the test where it may not have a userfaultfd. */
  static TestVmm start(Path program, Path socket, long bytes) throws IOException {
    return start(program, socket, bytes, PAGE, Userfaultfd.FEATURE_EVENT_REMOVE);
  }

  static TestVmm start(Path program, Path socket, long bytes, int pageBytes, long features)
      throws IOException {
    Process process =
        new ProcessBuilder(
                "" + program,
                "" + socket,
                "" + bytes,
                "" + features,
                pageBytes == PAGE ? "small" : "huge")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    TestVmm vmm = new TestVmm(process, bytes, pageBytes);
    String line = vmm.out.readLine();
    if (line == null) {
      process.destroyForcibly();
    }
    assumeTrue(line != null, "no userfaultfd, or no huge pages here; see the line above");
    vmm.address = Long.parseLong(Objects.requireNonNull(line).substring("at ".length()));
    return vmm;
  }

  long pid() {
    return process.pid();
  }

  long address() {
    return address;
  }

  /** Its memory as one region. */
  List<HandedRegion> regions() {
    return List.of(new HandedRegion(address, bytes, 0, pageBytes));
  }

  void tell(String command) throws IOException {
    in.write(command + "\n");
    in.flush();
  }

  /** Tells it, and waits until it says so. */
  void tell(String command, String answer) throws IOException {
    tell(command);
    await(answer);
  }

  void connect() throws IOException {
    tell("connect", "connected");
  }

  /** Connects and hands its memory over. */
  void handOver() throws IOException {
    connect();
    tell("hand 1 " + RegionList.write(regions()), "handed");
  }

  /** Waits until it says so; without end, the test has a time limit. */
  void await(String answer) throws IOException {
    while (!said.remove(answer)) {
      String line = out.readLine();
      if (line == null) {
        throw new IOException("the VMM has ended, and never said: " + answer);
      }
      said.add(line);
    }
  }

  /** Waits for its end; its exit status, 128 + the signal if it was killed by one. */
  int exitStatus() throws InterruptedException {
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      throw new AssertionError("the VMM runs still");
    }
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
