package org.rekindle.guest.qemu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.UnixSocket;
import org.rekindle.restore.Outcome;
import org.rekindle.scope.Scope;

/**
 * A QEMU that was started with {@code -incoming defer}, our own or one that the user has started:
 * checked, prepared through its monitor, and connected to.
 */
public final class QemuIncoming implements AutoCloseable {
  /** The first version that this was tried with; older ones have other return path rules. */
  private static final int[] OLDEST = {7, 2};

  /** The first version whose preempt channel was tried; it exists since 7.1. */
  private static final int[] OLDEST_PREEMPT = {10, 0};

  /** How long QEMU's main loop may take to act on RUN: it has nothing else left to do. */
  private static final long SETTLE_NS = 10_000_000_000L;

  /** How often it is asked meanwhile: there is no event for a guest that is held. */
  private static final long SETTLE_STEP_NS = 2_000_000;

  private static final String TYPE_SUFFIX = "-machine";

  /** Name, page size, offset, used and total length, of {@code info ramblock}. */
  private static final Pattern RAM_BLOCK =
      Pattern.compile(
          "\\s*(\\S.*?)\\s+(\\d+) ([KMG])iB\\s+0x\\p{XDigit}+\\s+0x(\\p{XDigit}{1,16})"
              + "\\s+0x(\\p{XDigit}{1,16})\\b.*");

  private record RamBlock(long pageBytes, long usedBytes, long totalBytes) {}

  private final Qmp qmp;
  private final Path socketPath;
  private final PostcopyGuest guest;
  private final boolean preempt;
  private final Qmp.Subscription resumes;
  private boolean closed;

  private QemuIncoming(Qmp qmp, Path socketPath, PostcopyGuest guest, boolean preempt) {
    this.qmp = qmp;
    this.preempt = preempt;
    this.socketPath = socketPath;
    this.guest = guest;
    this.resumes =
        qmp.subscribe(event -> {
          if (event.name().equals("RESUME")) {
            guest.firstInstruction(event.timestampNs());
          }
        });
  }

  /**
   * Checks that this QEMU can take the machine in, and connects to it.
   *
   * @param qmp its monitor; not closed by this object
   * @param directory where the migration's socket is made: private, and with a short path
   * @throws IOException if it is another machine, does not wait for a migration, or is too old; the
   *     message says what to change
   */
  public static QemuIncoming connect(
      Qmp qmp, Path directory, MemoryMap memory, SavedMachine machine, byte[] deviceState)
      throws IOException {
    requireWaiting(qmp);
    requireSameMachine(qmp, memory, machine);
    enable(qmp, "postcopy-ram", true);
    enable(qmp, "postcopy-blocktime", false);
    boolean preempt =
        qmp.version().isAtLeast(OLDEST_PREEMPT[0], OLDEST_PREEMPT[1])
            && enable(qmp, "postcopy-preempt", false);
    Path socketPath = directory.resolve("migration");
    Files.deleteIfExists(socketPath);
    qmp.execute("migrate-incoming", Map.of("uri", "unix:" + socketPath));
    Scope sockets = new Scope();
    try {
      UnixSocket socket = sockets.add(UnixSocket.connect(socketPath));
      UnixSocket demanded = preempt ? sockets.add(UnixSocket.connect(socketPath)) : null;
      return new QemuIncoming(
          qmp,
          socketPath,
          new PostcopyGuest(socket, demanded, memory, machine, deviceState),
          preempt);
    } catch (IOException | RuntimeException failed) {
      try (sockets) {
        throw failed;
      }
    }
  }

  private static void requireWaiting(Qmp qmp) throws IOException {
    if (!qmp.version().isAtLeast(OLDEST[0], OLDEST[1])) {
      throw new IOException(
          "this is QEMU %s; restoring needs %d.%d or later"
              .formatted(qmp.version(), OLDEST[0], OLDEST[1]));
    }
    Object status = qmp.execute("query-status").get("status");
    if (!"inmigrate".equals(status)) {
      throw new IOException(
          "this QEMU does not wait for a migration (its status is %s); start it with -incoming defer"
              .formatted(status));
    }
  }

  /**
   * QEMU checks the same, but by ending with a message on its standard error, and after the first
   * bytes. The names and lengths that count are known before.
   */
  private static void requireSameMachine(Qmp qmp, MemoryMap memory, SavedMachine machine)
      throws IOException {
    String type = machineType(qmp);
    if (!type.equals(machine.machineType())) {
      throw new IOException(
          "a machine of type %s was saved, but this QEMU has a %s; start it with -machine %s"
              .formatted(machine.machineType(), type, machine.machineType()));
    }
    String listing =
        qmp.executeForText("human-monitor-command", Map.of("command-line", "info ramblock"));
    Map<String, RamBlock> blocks = new HashMap<>();
    listing
        .lines()
        .map(RAM_BLOCK::matcher)
        .filter(Matcher::matches)
        .forEach(line -> blocks.put(line.group(1), ramBlock(line)));
    for (Region region : memory.regions()) {
      requireSameBlock(region, blocks.get(region.name()));
    }
  }

  private static String machineType(Qmp qmp) throws IOException {
    String type = qmp.executeForText("qom-get", Map.of("path", "/machine", "property", "type"));
    return type.endsWith(TYPE_SUFFIX)
        ? type.substring(0, type.length() - TYPE_SUFFIX.length())
        : type;
  }

  private static RamBlock ramBlock(Matcher line) {
    int shift =
        switch (line.group(3)) {
          case "K" -> 10;
          case "M" -> 20;
          default -> 30;
        };
    return new RamBlock(
        Long.parseLong(line.group(2)) << shift,
        Long.parseUnsignedLong(line.group(4), 16),
        Long.parseUnsignedLong(line.group(5), 16));
  }

  private static void requireSameBlock(Region region, @Nullable RamBlock block) throws IOException {
    if (block == null) {
      throw new IOException(
          "the saved machine has memory \"%s\", this QEMU has not: give it the same devices and -m"
              .formatted(region.name()));
    }
    // A block that QEMU can resize (ACPI tables, option ROMs) has a total beyond what it uses.
    boolean fits =
        block.totalBytes > block.usedBytes
            ? region.bytes() <= block.totalBytes
            : region.bytes() == block.usedBytes;
    if (!fits) {
      throw new IOException(
          "memory \"%s\" was saved with %d bytes, this QEMU has %d: give it the same -m and devices"
              .formatted(region.name(), region.bytes(), block.usedBytes));
    }
    if (block.pageBytes != MemoryMap.PAGE_BYTES) {
      throw new IOException(
          "memory \"%s\" of this QEMU is backed by pages of %d KiB: only 4 KiB can be restored"
              .formatted(region.name(), block.pageBytes >> 10));
    }
  }

  /** Capabilities are set before migrate-incoming: QEMU looks at them when it starts to listen. */
  private static boolean enable(Qmp qmp, String capability, boolean required) throws IOException {
    boolean known =
        qmp.executeForList("query-migrate-capabilities", Map.of()).stream()
            .anyMatch(offered -> capability.equals(offered.get("capability")));
    if (!known && !required) {
      return false;
    }
    try {
      set(qmp, true, List.of(capability));
      return true;
    } catch (QmpException refused) {
      throw new IOException(
          ("QEMU cannot take pages while the guest runs: %s. It needs access to userfaultfd (root,"
                  + " /dev/userfaultfd or vm.unprivileged_userfaultfd=1) and memory that is"
                  + " anonymous, memfd, tmpfs or hugetlbfs")
              .formatted(refused.description()),
          refused);
    }
  }

  private static void set(Qmp qmp, boolean on, List<String> capabilities) throws IOException {
    qmp.execute(
        "migrate-set-capabilities",
        Map.of(
            "capabilities",
            capabilities.stream().map(each -> Map.of("capability", each, "state", on)).toList()));
  }

  public PostcopyGuest guest() {
    return guest;
  }

  /**
   * Waits until QEMU has started the guest, or holds it as {@code -S} wants; a restore that sent
   * everything before the start can be over a little earlier than that.
   *
   * @return the outcome with the time of the first instruction; unchanged if the guest is held
   */
  public Outcome settled(Outcome outcome) throws IOException {
    long deadlineNs = System.nanoTime() + SETTLE_NS;
    while ("inmigrate".equals(qmp.execute("query-status").get("status"))) {
      if (System.nanoTime() - deadlineNs > 0) {
        throw new IOException("QEMU has all memory and does not start the guest");
      }
      LockSupport.parkNanos(SETTLE_STEP_NS);
    }
    // Replies and events come in their order: what started the guest has been heard by now.
    return outcome.withFirstInstructionNs(guest.firstInstructionNs());
  }

  /** Lets a guest run whose QEMU was started with {@code -S}; nothing else starts it. */
  public void resume() throws IOException {
    qmp.execute("cont");
  }

  /** QEMU's own account of how long the guest has waited for pages, once the restore is over. */
  public Optional<Blocktime> blocktime() throws IOException {
    Map<String, @Nullable Object> migration = qmp.execute("query-migrate");
    if (!(migration.get("postcopy-blocktime") instanceof Long totalMs)) {
      return Optional.empty();
    }
    List<Long> vcpuMs = new ArrayList<>();
    if (migration.get("postcopy-vcpu-blocktime") instanceof List<?> list) {
      for (Object each : list) {
        vcpuMs.add(each instanceof Long ms ? ms : 0L);
      }
    }
    return Optional.of(new Blocktime(totalMs, vcpuMs));
  }

  /** Closes the guest's connection and removes its socket; QEMU itself goes on. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    resumes.close();
    guest.close();
    Files.deleteIfExists(socketPath);
    if (guest.finished() && qmp.isOpen()) {
      // As it was: with postcopy on, the user could not save this machine to a file.
      // Both at once: the one is refused without the other.
      set(
          qmp,
          false,
          preempt ? List.of("postcopy-preempt", "postcopy-ram") : List.of("postcopy-ram"));
    }
  }
}
