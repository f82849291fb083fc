package org.rekindle.guest.qemu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Puts a QEMU's migration capabilities and parameters into the state that a save needs, and puts
 * back what was there: a machine under somebody's management keeps its settings.
 */
final class MigrationSettings {
  /**
   * They would put the memory somewhere else than in one plain stream, or wait for a peer that
   * answers. Switching them off for one migration loses nothing.
   */
  private static final Set<String> OFF =
      Set.of(
          "xbzrle",
          "compress",
          "multifd",
          "mapped-ram",
          "x-ignore-shared",
          "background-snapshot",
          "zero-copy-send",
          "block",
          "dirty-bitmaps",
          "postcopy-ram",
          "postcopy-preempt",
          "release-ram",
          "return-path",
          "switchover-ack",
          "pause-before-switchover");

  /** It has the guest run on, protects its memory from writing, and sends what is to be written. */
  private static final String LIVE = "background-snapshot";

  /** QEMU refuses them beside it; they are about a destination that answers, or that we are not. */
  private static final Set<String> NOT_LIVE =
      Set.of(
          "auto-converge",
          "late-block-activate",
          "postcopy-blocktime",
          "rdma-pin-all",
          "validate-uuid");

  /**
   * Beyond any memory bandwidth. The default is 128 MiB/s, which would be felt in the stop time; 0
   * means "unlimited" only by accident of some versions.
   */
  private static final long UNLIMITED_BYTES_PER_S = 1L << 40;

  private final List<Map<String, Object>> capabilities = new ArrayList<>();
  private final Map<String, Object> parameters = new LinkedHashMap<>();

  private MigrationSettings() {}

  /**
   * Prepares a QEMU for a save of a guest that stands still.
   *
   * @throws IOException if it is in a mode that must not be left behind its back; nothing has been
   *     changed then
   */
  static MigrationSettings apply(Qmp qmp) throws IOException {
    return apply(qmp, capabilities(qmp), OFF::contains, _ -> false);
  }

  /**
   * Prepares a QEMU for a save of a guest that runs on.
   *
   * @throws IOException as {@link #apply}, or if QEMU cannot protect the guest's memory; nothing
   *     has been changed then
   */
  static MigrationSettings applyLive(Qmp qmp) throws IOException {
    List<Map<String, @Nullable Object>> offered = capabilities(qmp);
    if (offered.stream().noneMatch(each -> LIVE.equals(each.get("capability")))) {
      throw new IOException(
          "this QEMU %s has no %s; leave --live out".formatted(qmp.version(), LIVE));
    }
    try {
      return apply(
          qmp, offered, name -> OFF.contains(name) || NOT_LIVE.contains(name), LIVE::equals);
    } catch (QmpException refused) {
      throw new IOException(
          ("QEMU cannot save its guest while it runs: %s. It needs access to userfaultfd (root,"
                  + " /dev/userfaultfd or vm.unprivileged_userfaultfd=1) and memory that is"
                  + " anonymous, memfd or tmpfs; or leave --live out")
              .formatted(refused.description()),
          refused);
    }
  }

  private static List<Map<String, @Nullable Object>> capabilities(Qmp qmp) throws IOException {
    return qmp.executeForList("query-migrate-capabilities", Map.of());
  }

  private static MigrationSettings apply(
      Qmp qmp,
      List<Map<String, @Nullable Object>> offered,
      Predicate<String> off,
      Predicate<String> needed)
      throws IOException {
    MigrationSettings before = new MigrationSettings();
    List<Map<String, Object>> wanted = new ArrayList<>();
    for (Map<String, @Nullable Object> capability : offered) {
      Object state = capability.get("state");
      if (capability.get("capability") instanceof String name && state instanceof Boolean on) {
        if (on && name.equals("x-colo")) {
          throw new IOException(
              "this QEMU mirrors its guest to another host (x-colo): it cannot be saved");
        }
        boolean want = needed.test(name) || (!off.test(name) && (on || name.equals("events")));
        if (on != want) {
          before.capabilities.add(Map.of("capability", name, "state", on));
          wanted.add(Map.of("capability", name, "state", want));
        }
      }
    }
    Map<String, Object> adjusted = new LinkedHashMap<>();
    Map<String, @Nullable Object> parameters = qmp.execute("query-migrate-parameters");
    before.adjust(parameters, adjusted, "max-bandwidth", UNLIMITED_BYTES_PER_S);
    before.adjust(parameters, adjusted, "tls-creds", ""); // we are on this host
    before.adjust(parameters, adjusted, "mode", "normal");
    if (!wanted.isEmpty()) {
      qmp.execute("migrate-set-capabilities", Map.of("capabilities", wanted));
    }
    try {
      if (!adjusted.isEmpty()) {
        qmp.execute("migrate-set-parameters", adjusted);
      }
    } catch (IOException refused) {
      try {
        before.restore(qmp);
      } catch (IOException alsoRefused) {
        refused.addSuppressed(alsoRefused);
      }
      throw refused;
    }
    return before;
  }

  private void adjust(
      Map<String, @Nullable Object> current,
      Map<String, Object> adjusted,
      String name,
      Object wanted) {
    Object value = current.get(name);
    if (value != null && !value.equals(wanted)) {
      parameters.put(name, value);
      adjusted.put(name, wanted);
    }
  }

  /** Puts back what was there before; only while no migration is under way. */
  void restore(Qmp qmp) throws IOException {
    if (!capabilities.isEmpty()) {
      qmp.execute("migrate-set-capabilities", Map.of("capabilities", capabilities));
    }
    if (!parameters.isEmpty()) {
      qmp.execute("migrate-set-parameters", parameters);
    }
  }
}
