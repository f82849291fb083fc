package org.rekindle.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Linker;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Asks this machine's C compiler what {@link Abi} and {@link Errno} claim. */
class AbiTest {
  private static final String HEADERS =
      """
      #define _GNU_SOURCE
      #include <errno.h>
      #include <fcntl.h>
      #include <linux/magic.h>
      #include <linux/memfd.h>
      #include <linux/mman.h>
      #include <linux/userfaultfd.h>
      #include <poll.h>
      #include <stddef.h>
      #include <stdio.h>
      #include <sys/eventfd.h>
      #include <sys/mman.h>
      #include <sys/resource.h>
      #include <sys/ioctl.h>
      #include <sys/socket.h>
      #include <sys/syscall.h>
      #include <sys/uio.h>
      #include <sys/un.h>
      #include <sys/vfs.h>
      #include <time.h>

      // PAGEMAP_SCAN, as in pagemap.rst: headers of kernels before 6.7 lack it.
      struct scan {
        unsigned long long size, flags, start, end, walk_end, vec, vec_len, max_pages,
            category_inverted, category_mask, category_anyof_mask, return_mask;
      };
      struct region { unsigned long long start, end, categories; };
      """;

  /** Fields of Abi that are no C names, and the C expressions that they stand for. */
  private static final Map<String, String> LAYOUTS =
      Map.ofEntries(
          Map.entry("SYS_USERFAULTFD", "SYS_userfaultfd"),
          Map.entry("SYS_PIDFD_OPEN", "SYS_pidfd_open"),
          Map.entry("SYS_PIDFD_SEND_SIGNAL", "SYS_pidfd_send_signal"),
          Map.entry("SYS_PROCESS_MADVISE", "SYS_process_madvise"),
          // Headers of kernels before 6.5 lack it.
          Map.entry("SO_PEERPIDFD", "77"),
          Map.entry("PAGEMAP_SCAN", "_IOWR('f', 16, struct scan)"),
          Map.entry("PAGE_IS_WRITTEN", "1 << 1"),
          Map.entry("PM_SCAN_WP_MATCHING", "1 << 0"),
          Map.entry("PM_SCAN_CHECK_WPASYNC", "1 << 1"),
          Map.entry("PM_SCAN_ARG_BYTES", "sizeof(struct scan)"),
          Map.entry("PM_SCAN_ARG_FLAGS", "offsetof(struct scan, flags)"),
          Map.entry("PM_SCAN_ARG_START", "offsetof(struct scan, start)"),
          Map.entry("PM_SCAN_ARG_END", "offsetof(struct scan, end)"),
          Map.entry("PM_SCAN_ARG_WALK_END", "offsetof(struct scan, walk_end)"),
          Map.entry("PM_SCAN_ARG_VEC", "offsetof(struct scan, vec)"),
          Map.entry("PM_SCAN_ARG_VEC_LEN", "offsetof(struct scan, vec_len)"),
          Map.entry("PM_SCAN_ARG_CATEGORY_MASK", "offsetof(struct scan, category_mask)"),
          Map.entry("PM_SCAN_ARG_RETURN_MASK", "offsetof(struct scan, return_mask)"),
          Map.entry("PAGE_REGION_BYTES", "sizeof(struct region)"),
          Map.entry("PAGE_REGION_END", "offsetof(struct region, end)"),
          // Headers of kernels before 6.4 and 6.7 lack them.
          Map.entry("UFFD_FEATURE_WP_UNPOPULATED", "1 << 13"),
          Map.entry("UFFD_FEATURE_WP_ASYNC", "1 << 15"),
          Map.entry("UFFDIO_ZEROPAGE_NUMBER", "_UFFDIO_ZEROPAGE"),
          Map.entry("UFFDIO_API_BYTES", "sizeof(struct uffdio_api)"),
          Map.entry("UFFDIO_API_FEATURES", "offsetof(struct uffdio_api, features)"),
          Map.entry("UFFDIO_API_IOCTLS", "offsetof(struct uffdio_api, ioctls)"),
          Map.entry("UFFDIO_RANGE_BYTES", "sizeof(struct uffdio_range)"),
          Map.entry("UFFDIO_RANGE_LEN", "offsetof(struct uffdio_range, len)"),
          Map.entry("UFFDIO_REGISTER_MODE", "offsetof(struct uffdio_register, mode)"),
          Map.entry("UFFDIO_REGISTER_IOCTLS", "offsetof(struct uffdio_register, ioctls)"),
          Map.entry("UFFDIO_WRITEPROTECT_MODE", "offsetof(struct uffdio_writeprotect, mode)"),
          Map.entry("UFFDIO_COPY_BYTES", "sizeof(struct uffdio_copy)"),
          Map.entry("UFFDIO_COPY_SRC", "offsetof(struct uffdio_copy, src)"),
          Map.entry("UFFDIO_COPY_LEN", "offsetof(struct uffdio_copy, len)"),
          Map.entry("UFFDIO_COPY_MODE", "offsetof(struct uffdio_copy, mode)"),
          Map.entry("UFFDIO_COPY_COPY", "offsetof(struct uffdio_copy, copy)"),
          Map.entry("UFFDIO_ZEROPAGE_MODE", "offsetof(struct uffdio_zeropage, mode)"),
          Map.entry("UFFDIO_ZEROPAGE_ZEROPAGE", "offsetof(struct uffdio_zeropage, zeropage)"),
          Map.entry("UFFDIO_CONTINUE_MODE", "offsetof(struct uffdio_continue, mode)"),
          Map.entry("UFFDIO_CONTINUE_MAPPED", "offsetof(struct uffdio_continue, mapped)"),
          // Its headers may be older than Linux 6.6; the struct is laid out like this one.
          Map.entry("UFFDIO_POISON", "_IOWR(UFFDIO, 8, struct uffdio_zeropage)"),
          Map.entry("UFFDIO_POISON_MODE", "offsetof(struct uffdio_zeropage, mode)"),
          Map.entry("UFFDIO_POISON_UPDATED", "offsetof(struct uffdio_zeropage, zeropage)"),
          Map.entry("UFFD_MSG_BYTES", "sizeof(struct uffd_msg)"),
          Map.entry("UFFD_MSG_EVENT", "offsetof(struct uffd_msg, event)"),
          Map.entry("UFFD_MSG_PAGEFAULT_FLAGS", "offsetof(struct uffd_msg, arg.pagefault.flags)"),
          Map.entry(
              "UFFD_MSG_PAGEFAULT_ADDRESS", "offsetof(struct uffd_msg, arg.pagefault.address)"),
          Map.entry(
              "UFFD_MSG_PAGEFAULT_PTID", "offsetof(struct uffd_msg, arg.pagefault.feat.ptid)"),
          Map.entry("UFFD_MSG_FORK_UFD", "offsetof(struct uffd_msg, arg.fork.ufd)"),
          Map.entry("UFFD_MSG_REMAP_FROM", "offsetof(struct uffd_msg, arg.remap.from)"),
          Map.entry("UFFD_MSG_REMAP_TO", "offsetof(struct uffd_msg, arg.remap.to)"),
          Map.entry("UFFD_MSG_REMAP_LEN", "offsetof(struct uffd_msg, arg.remap.len)"),
          Map.entry("UFFD_MSG_REMOVE_START", "offsetof(struct uffd_msg, arg.remove.start)"),
          Map.entry("UFFD_MSG_REMOVE_END", "offsetof(struct uffd_msg, arg.remove.end)"),
          Map.entry("UCRED_BYTES", "sizeof(struct ucred)"),
          Map.entry("UCRED_PID", "offsetof(struct ucred, pid)"),
          Map.entry("UCRED_UID", "offsetof(struct ucred, uid)"),
          Map.entry("UCRED_GID", "offsetof(struct ucred, gid)"),
          Map.entry("MSGHDR_BYTES", "sizeof(struct msghdr)"),
          Map.entry("MSGHDR_IOV", "offsetof(struct msghdr, msg_iov)"),
          Map.entry("MSGHDR_IOVLEN", "offsetof(struct msghdr, msg_iovlen)"),
          Map.entry("MSGHDR_CONTROL", "offsetof(struct msghdr, msg_control)"),
          Map.entry("MSGHDR_CONTROLLEN", "offsetof(struct msghdr, msg_controllen)"),
          Map.entry("MSGHDR_FLAGS", "offsetof(struct msghdr, msg_flags)"),
          Map.entry("CMSGHDR_BYTES", "sizeof(struct cmsghdr)"),
          Map.entry("CMSGHDR_LEN", "offsetof(struct cmsghdr, cmsg_len)"),
          Map.entry("CMSGHDR_LEVEL", "offsetof(struct cmsghdr, cmsg_level)"),
          Map.entry("CMSGHDR_TYPE", "offsetof(struct cmsghdr, cmsg_type)"),
          Map.entry("IOVEC_BYTES", "sizeof(struct iovec)"),
          Map.entry("IOVEC_BASE", "offsetof(struct iovec, iov_base)"),
          Map.entry("IOVEC_LEN", "offsetof(struct iovec, iov_len)"),
          Map.entry("TIMESPEC_BYTES", "sizeof(struct timespec)"),
          Map.entry("TIMESPEC_SEC", "offsetof(struct timespec, tv_sec)"),
          Map.entry("TIMESPEC_NSEC", "offsetof(struct timespec, tv_nsec)"),
          Map.entry("RUSAGE_BYTES", "sizeof(struct rusage)"),
          Map.entry("RUSAGE_UTIME_SEC", "offsetof(struct rusage, ru_utime.tv_sec)"),
          Map.entry("RUSAGE_UTIME_USEC", "offsetof(struct rusage, ru_utime.tv_usec)"),
          Map.entry("RUSAGE_STIME_SEC", "offsetof(struct rusage, ru_stime.tv_sec)"),
          Map.entry("RUSAGE_STIME_USEC", "offsetof(struct rusage, ru_stime.tv_usec)"),
          Map.entry("RUSAGE_NVCSW", "offsetof(struct rusage, ru_nvcsw)"),
          Map.entry("POLLFD_BYTES", "sizeof(struct pollfd)"),
          Map.entry("POLLFD_FD", "offsetof(struct pollfd, fd)"),
          Map.entry("POLLFD_EVENTS", "offsetof(struct pollfd, events)"),
          Map.entry("POLLFD_REVENTS", "offsetof(struct pollfd, revents)"),
          Map.entry("SOCKADDR_UN_BYTES", "sizeof(struct sockaddr_un)"),
          Map.entry("SOCKADDR_UN_FAMILY", "offsetof(struct sockaddr_un, sun_family)"),
          Map.entry("SOCKADDR_UN_PATH", "offsetof(struct sockaddr_un, sun_path)"),
          Map.entry("STATFS_BYTES", "sizeof(struct statfs)"),
          Map.entry("STATFS_TYPE", "offsetof(struct statfs, f_type)"));

  @Test
  void everyConstantAndLayoutIsTheCompilers(@TempDir Path directory) throws Exception {
    Map<String, Long> ours = new LinkedHashMap<>();
    Stream.of(Abi.class, Errno.class)
        .flatMap(type -> Arrays.stream(type.getDeclaredFields()))
        .filter(field -> field.getType().isPrimitive() && !field.isSynthetic())
        .forEach(field -> ours.put(field.getName(), value(field)));
    assertThat(ours)
        .containsKeys("O_DIRECT", "EAGAIN")
        .containsKeys(LAYOUTS.keySet().toArray(String[]::new));
    // The linker's side of the capture state: errno is an int at its start.
    assertThat(Linker.Option.captureStateLayout().byteSize()).isEqualTo(4);
    ours.put("sizeof(int)", 4L);
    // Where descriptors lie in a message, and the room for one or two of them.
    ours.put("CMSG_LEN(0)", (long) Abi.CMSGHDR_BYTES);
    ours.put("CMSG_SPACE(4)", Abi.CMSGHDR_BYTES + 8L);
    ours.put("CMSG_SPACE(8)", Abi.CMSGHDR_BYTES + 8L);
    // One register for each argument and result (see Libc).
    for (String word : new String[] {"long", "size_t", "ssize_t", "off_t", "nfds_t", "void *"}) {
      ours.put("sizeof(" + word + ")", 8L);
    }
    assertThat(compiled(ours, directory)).isEqualTo(ours);
  }

  private static long value(Field field) {
    try {
      return ((Number) field.get(null)).longValue();
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }

  private static Map<String, Long> compiled(Map<String, Long> ours, Path directory)
      throws IOException, InterruptedException {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no gcc here: apt install gcc");
    String prints =
        ours.keySet().stream()
            .map(name ->
                "printf(\"%s=%%lld\\n\", (long long) (%s));\n"
                    .formatted(name, LAYOUTS.getOrDefault(name, name)))
            .collect(Collectors.joining());
    Path source = directory.resolve("abi.c");
    Files.writeString(source, HEADERS + "int main(void) {\n" + prints + "return 0; }\n");
    Path program = directory.resolve("abi");
    run("/usr/bin/gcc", "-D_FILE_OFFSET_BITS=64", source.toString(), "-o", program.toString());
    Map<String, Long> theirs = new LinkedHashMap<>();
    for (String line : run(program.toString()).lines().toList()) {
      int equals = line.lastIndexOf('=');
      theirs.put(line.substring(0, equals), Long.parseLong(line.substring(equals + 1)));
    }
    return theirs;
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), output).isZero();
    return output;
  }
}
