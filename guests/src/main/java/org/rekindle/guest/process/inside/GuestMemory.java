package org.rekindle.guest.process.inside;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.uffd.HandOver;
import org.rekindle.guest.uffd.HandedRegion;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Errno;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.MappedMemory;
import org.rekindle.linux.MemoryFile;
import org.rekindle.linux.UnixSocket;
import org.rekindle.linux.Userfaultfd;

/*
 * Whose faults are handed over
 *
 * Only those of code in user mode (UFFD_USER_MODE_ONLY), for root as for anybody: that is what Linux
 * allows every user, and then there is one way for all. A system call that meets a missing page fails
 * with EFAULT, so nothing here gives guest memory to a system call: what goes out or comes in is
 * copied on the heap, and a worker makes that copy.
 */

/** The memory of the guest, and who watches it. One thread calls everything. */
final class GuestMemory {
  private final Backing backing;
  private final MappedMemory mapping;
  private final long bytes;

  /** Kept open as long as we live, as Firecracker does: their end tells the other side of ours. */
  private @Nullable Userfaultfd uffd;

  private @Nullable UnixSocket handedTo;

  private GuestMemory(Backing backing, MappedMemory mapping, long bytes) {
    this.backing = backing;
    this.mapping = mapping;
    this.bytes = bytes;
  }

  /** Memory of zeros, nothing of it present. */
  static GuestMemory map(Backing backing, long bytes) throws IOException {
    if (bytes <= 0 || bytes % MemoryMap.PAGE_BYTES != 0) {
      throw new IllegalArgumentException(bytes + " bytes are no whole pages");
    }
    return new GuestMemory(
        backing,
        switch (backing) {
          case ANONYMOUS -> MappedMemory.anonymous(bytes);
          case MEMFD -> {
            try (MemoryFile file = MemoryFile.create("rekindle-guest", bytes, false)) {
              yield MappedMemory.of(file, 0, bytes);
            }
          }
        },
        bytes);
  }

  long address() {
    return mapping.address();
  }

  long bytes() {
    return bytes;
  }

  /** The part of one worker of several; all are equally long, up to the last pages. */
  MemorySegment part(int worker, int workers) {
    return mapping.segment().asSlice(worker * partBytes(workers), partBytes(workers));
  }

  /** How long such a part is. */
  long partBytes(int workers) {
    return bytes / workers & -MemoryMap.PAGE_BYTES;
  }

  /**
   * Has all of it watched, and hands that over in Firecracker's way. Who watched it before does so
   * no longer.
   *
   * @param instrument whether pages that are there but not mapped, and writes, shall be seen too;
   *     memory files only
   */
  void handOver(Path socket, boolean instrument) throws IOException {
    letGo();
    long features =
        Userfaultfd.FEATURE_THREAD_ID
            | (backing == Backing.MEMFD ? Userfaultfd.FEATURE_MISSING_SHMEM : 0);
    int modes = Userfaultfd.MISSING;
    if (instrument) {
      if (backing != Backing.MEMFD) {
        throw new IOException("only memory in a memory file can be watched while it is there");
      }
      features |=
          Userfaultfd.FEATURE_WRITE_PROTECT
              | Userfaultfd.FEATURE_MINOR_SHMEM
              | Userfaultfd.FEATURE_WP_HUGETLBFS_SHMEM;
      modes |= Userfaultfd.MINOR | Userfaultfd.WRITE_PROTECT;
    }
    Userfaultfd made = register(features, modes, "Linux 5.19");
    UnixSocket connection = UnixSocket.connect(socket);
    handedTo = connection;
    HandOver.send(
        connection, List.of(new HandedRegion(address(), bytes, 0, MemoryMap.PAGE_BYTES)), made);
  }

  /**
   * Has the kernel note writes, for whoever asks which pages were written. Who watched the memory
   * before does so no longer.
   */
  void noteWrites() throws IOException {
    letGo();
    register(
        Userfaultfd.FEATURE_WRITE_PROTECT
            | Userfaultfd.FEATURE_WP_HUGETLBFS_SHMEM
            | Userfaultfd.FEATURE_WP_UNPOPULATED
            | Userfaultfd.FEATURE_WP_ASYNC,
        Userfaultfd.WRITE_PROTECT,
        "Linux 6.7");
  }

  private Userfaultfd register(long features, int modes, String kernel) throws IOException {
    Userfaultfd made = create(features);
    uffd = made;
    if (made.features() != features) {
      throw new IOException(
          "this kernel's userfaultfd has the features 0x%x of 0x%x; %s has all"
              .formatted(made.features(), features, kernel));
    }
    long ioctls = made.register(address(), bytes, modes);
    if (ioctls < 0) {
      throw new LinuxException("watch the guest's memory", (int) -ioctls);
    }
    return made;
  }

  private static Userfaultfd create(long features) throws IOException {
    try {
      return Userfaultfd.create(features, true);
    } catch (LinuxException refused) {
      throw new IOException(
          refused.errno() == Errno.EPERM
              ? "userfaultfd is forbidden here, as containers do by their seccomp profile: allow"
                  + " the system call, or give read and write access to /dev/userfaultfd"
              : "userfaultfd is not to be had: it needs Linux 5.11 or later with"
                  + " CONFIG_USERFAULTFD=y",
          refused);
    }
  }

  /** Drops a range from the mapping; of a memory file the content stays. */
  void drop(long offset, long dropped) throws IOException {
    mapping.discard(offset, dropped);
  }

  /** Has it watched by nobody. */
  void letGo() {
    if (uffd != null) {
      uffd.unregister(address(), bytes);
      uffd.close();
      uffd = null;
    }
    if (handedTo != null) {
      handedTo.close();
      handedTo = null;
    }
  }
}
