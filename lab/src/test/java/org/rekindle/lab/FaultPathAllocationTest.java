package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.qemu.PostcopyGuest;
import org.rekindle.guest.qemu.SavedMachine;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.Manifest;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.UnixSocket;
import org.rekindle.restore.ForwardingGuest;
import org.rekindle.restore.Guest;
import org.rekindle.restore.GuestGoneException;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * The whole fault path, socket to socket, against the JVM's own account of what the pager's thread
 * has allocated: destination.c asks, {@link PostcopyGuest} and the pager answer from a real image.
 */
@Timeout(120)
class FaultPathAllocationTest {
  private static final int PAGES = 16_000;
  private static final int WARM_UP_FAULTS = 2_000;
  private static final int FAULTS = 10_000;

  /**
   * Until the JIT's last tier has compiled a native call, the JDK makes an object for each (see
   * Libc); when that is depends on how busy the machine is.
   */
  private static final long PATIENCE_NS = 60_000_000_000L;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private long watchedBytes;

  @TempDir private Path directory = Path.of("unset");

  @Test
  void noFaultAllocatesAnything() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no gcc here: apt install gcc");
    Path source = Path.of(System.getProperty("rekindle.root", ".."), "lab/src/bench/c");
    Path destination = directory.resolve("destination");
    Command.output(
        "/usr/bin/gcc",
        "-O2",
        "-o",
        destination.toString(),
        source.resolve("destination.c").toString());
    Path image = save();
    long allocated = allocatedBytes(image, destination);
    long untilNs = System.nanoTime() + PATIENCE_NS;
    while (allocated >= FAULTS && System.nanoTime() < untilNs) {
      allocated = allocatedBytes(image, destination);
    }
    assertThat(allocated).as("bytes in %d faults", FAULTS).isLessThan(FAULTS);
  }

  private Path save() throws IOException {
    Path image = directory.resolve("image");
    MemoryMap memory = new MemoryMap(List.of(new Region("pc.ram", PAGES * 4096L, 4096)));
    try (ImageWriter writer = ImageWriter.create(image, memory, ImageWriter.Options.DEFAULT)) {
      for (int page = 0; page < PAGES; page++) {
        writer.page(page, MemorySegment.ofArray(BenchmarkMemory.page(page)), 0);
      }
      writer.commit(new Manifest("test", Instant.EPOCH, memory, Map.of()));
    }
    return image;
  }

  private long allocatedBytes(Path directoryOfImage, Path program) throws Exception {
    Path socket = directory.resolve("socket");
    Process destination =
        new ProcessBuilder(
                program.toString(),
                socket.toString(),
                Integer.toString(WARM_UP_FAULTS + FAULTS),
                "1")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (Image image = Image.open(directoryOfImage)) {
      while (!Files.exists(socket)) {
        assertThat(destination.waitFor(10, TimeUnit.MILLISECONDS)).as("ended").isFalse();
      }
      SavedMachine machine = new SavedMachine("none", "", 1, "none", true);
      try (Watched guest =
          new Watched(
              new PostcopyGuest(
                  UnixSocket.connect(socket), image.memory(), machine, new byte[0]))) {
        new Restore(image, guest, Strategy.recording(image)).run();
        throw new AssertionError("the destination hangs up before the end");
      } catch (GuestGoneException hungUp) {
        return watchedBytes;
      }
    } finally {
      destination.destroyForcibly().waitFor();
    }
  }

  /** Looks at the account when the faults that count begin, and when the last has been placed. */
  private final class Watched extends ForwardingGuest {
    private int placed;
    private long before;

    Watched(Guest guest) {
      super(guest);
    }

    @Override
    public int place(
        int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
        throws IOException {
      if (placed == WARM_UP_FAULTS) {
        before = threads.getCurrentThreadAllocatedBytes();
      }
      int settled = super.place(page, pages, data, offset, demanded);
      placed++;
      if (placed == WARM_UP_FAULTS + FAULTS) {
        watchedBytes = threads.getCurrentThreadAllocatedBytes() - before;
      }
      return settled;
    }
  }
}
