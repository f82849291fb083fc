package org.rekindle.guest.uffd;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rekindle.restore.FaultSink;

/*
 * A fault names the thread that waits, by its number in the VMM's own PID namespace, and only if
 * the VMM switched that feature on. Which virtual CPU that is, the thread's name says: "fc_vcpu 3"
 * (Firecracker), "CPU 3/KVM" (QEMU), "vcpu3" (Cloud Hypervisor). So the first fault of a thread that
 * has not been seen looks into /proc, for all threads at once; after that it is a look-up. (In /proc
 * only files that the kernel answers by itself are read. "cmdline" and "environ" are read from the
 * memory of the process, which would be a fault of our own.)
 */

/** Which thread of a VMM is which virtual CPU. Looking up a known thread allocates nothing. */
final class VcpuThreads {
  private static final Pattern NAME = Pattern.compile("(?i)^Name:\\s.*?cpu[ _]?(\\d{1,4})\\b.*");
  private static final Pattern NUMBERS = Pattern.compile("^NSpid:.*?(\\d+)$");

  /** More threads than any VMM has; a process that makes new ones all the time is not followed. */
  private static final int MOST_THREADS = 8192;

  private static final int LOOKS_FOR_A_THREAD = 3;

  private final int pid;
  private int[] threads = new int[64];
  private int[] vcpus = new int[64];
  private int size;
  private int looks;
  private int count;

  /**
   * @param pid of the VMM; 0 if it is not known
   */
  VcpuThreads(int pid) {
    this.pid = pid;
  }

  /** How many virtual CPUs there are, as far as is known. */
  int count() {
    return count;
  }

  /**
   * The virtual CPU of a thread.
   *
   * @param thread 0 if it is not known
   * @return its number; {@link FaultSink#VCPU_UNKNOWN}; {@link FaultSink#NOT_A_VCPU}
   */
  int vcpuOf(int thread) {
    if (thread == 0 || pid == 0) {
      return FaultSink.VCPU_UNKNOWN;
    }
    int i = find(thread);
    if (i < 0 && looks < MOST_THREADS) {
      // Where another thread ends meanwhile, a listing of /proc can miss one that is there.
      for (int look = 0; look < LOOKS_FOR_A_THREAD && i < 0; look++) {
        looks++;
        look();
        i = find(thread);
      }
      if (i < 0) {
        put(thread, FaultSink.VCPU_UNKNOWN); // it has ended, or /proc is not ours to see
        return FaultSink.VCPU_UNKNOWN;
      }
    }
    return i < 0 ? FaultSink.VCPU_UNKNOWN : vcpus[i];
  }

  private int find(int thread) {
    for (int i = 0; i < size; i++) {
      if (threads[i] == thread) {
        return i;
      }
    }
    return -1;
  }

  private void put(int thread, int vcpu) {
    if (size == threads.length) {
      threads = Arrays.copyOf(threads, size * 2);
      vcpus = Arrays.copyOf(vcpus, size * 2);
    }
    threads[size] = thread;
    vcpus[size++] = vcpu;
  }

  private void look() {
    Path tasks = Path.of("/proc", Integer.toString(pid), "task");
    size = 0;
    count = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(tasks)) {
      for (Path task : all) {
        look(task.resolve("status"));
      }
    } catch (IOException unseen) {
      // Then nobody's virtual CPU is known.
    }
  }

  private void look(Path status) {
    int vcpu = FaultSink.NOT_A_VCPU;
    int thread = 0;
    try {
      for (String line : Files.readAllLines(status, java.nio.charset.StandardCharsets.ISO_8859_1)) {
        Matcher name = NAME.matcher(line);
        if (name.matches()) {
          vcpu = Integer.parseInt(name.group(1));
        }
        Matcher numbers = NUMBERS.matcher(line);
        if (numbers.matches()) {
          thread = Integer.parseInt(numbers.group(1));
        }
      }
    } catch (IOException ended) {
      return; // between two looks at it: no such file, or no such process
    }
    if (thread != 0 && size < MOST_THREADS) {
      put(thread, vcpu);
      count = Math.max(count, vcpu + 1);
    }
  }
}
