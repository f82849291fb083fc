package org.rekindle.guest.qemu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;

/*
 * Reading somebody's command line
 *
 * The user gives the command that starts the machine, as always; we add what an incoming postcopy
 * migration needs and refuse what would contradict it. QEMU's options begin with one or two
 * hyphens, and each takes one value unless it is in FLAGS; so a value that looks like an option
 * (-append "-S") is not mistaken for one.
 *
 * A clone is run only to be watched: the machine that it was copied from may be running next to it,
 * or be restored later from the same disks. So whatever a clone could change or disturb outside is
 * cut off (-snapshot, restrict=on) or, where QEMU has no switch for that, refused by name. What it
 * writes to character devices goes where the command says.
 */

/** The command line of a QEMU that a saved machine is brought back into. */
final class QemuCommand {
  /** Options that take no value (qemu-options.hx of 7.2 to 10). */
  private static final Set<String> FLAGS =
      Set.of(
          "S",
          "alt-grab",
          "ctrl-grab",
          "curses",
          "daemonize",
          "enable-kvm",
          "full-screen",
          "h",
          "help",
          "mem-prealloc",
          "no-acpi",
          "no-fd-bootchk",
          "no-hpet",
          "no-quit",
          "no-reboot",
          "no-shutdown",
          "no-user-config",
          "nodefaults",
          "nographic",
          "old-param",
          "one-insn-per-tb",
          "only-migratable",
          "portrait",
          "preconfig",
          "s",
          "sdl",
          "semihosting",
          "show-cursor",
          "singlestep",
          "snapshot",
          "usb",
          "version",
          "win2k-hack",
          "xen-attach",
          "xen-domid-restrict");

  /** Back ends of a network card that end inside of QEMU. */
  private static final Set<String> INNER_NETWORKS = Set.of("user", "none", "nic", "hubport");

  private static final Set<String> NETWORK_OPTIONS = Set.of("netdev", "nic", "net");

  private record Option(String name, @Nullable String value, int index) {}

  private final List<String> arguments;
  private final List<Option> options = new ArrayList<>();

  private QemuCommand(List<String> command) {
    if (command.isEmpty() || command.getFirst().startsWith("-")) {
      throw new IllegalArgumentException(
          "the command must begin with QEMU's program, such as qemu-system-x86_64");
    }
    this.arguments = new ArrayList<>(command);
    for (int i = 1; i < command.size(); i++) {
      String argument = command.get(i);
      if (!argument.startsWith("-")) {
        continue; // a disk image, as QEMU reads it
      }
      String name = argument.substring(argument.startsWith("--") ? 2 : 1);
      boolean hasValue = !FLAGS.contains(name) && i + 1 < command.size();
      options.add(new Option(name, hasValue ? command.get(i + 1) : null, i));
      i += hasValue ? 1 : 0;
    }
  }

  /**
   * The command for a restore.
   *
   * @param qmp where our monitor will listen
   * @throws IllegalArgumentException if the command contradicts an incoming migration
   */
  static List<String> toRestore(List<String> command, Path qmp) {
    return new QemuCommand(command).waitForMigration(qmp);
  }

  /**
   * The command for a clone that leaves the world outside as it is.
   *
   * @param allowNetwork whether the clone may use networks that reach outside of QEMU
   * @throws IllegalArgumentException if the command contradicts an incoming migration or gives the
   *     clone something that it could change
   */
  static List<String> toClone(List<String> command, Path qmp, boolean allowNetwork) {
    QemuCommand clone = new QemuCommand(command);
    clone.refuseSharedState();
    if (!allowNetwork) {
      clone.isolateNetworks();
    }
    if (!clone.has("snapshot")) {
      clone.arguments.add("-snapshot");
    }
    return clone.waitForMigration(qmp);
  }

  private boolean has(String name) {
    return options.stream().anyMatch(option -> option.name.equals(name));
  }

  private List<String> waitForMigration(Path qmp) {
    refuse("incoming", "Rekindle adds it; leave it out (or attach to a running QEMU by --qmp)");
    refuse("loadvm", "the machine is loaded from the image; leave it out");
    refuse("daemonize", "Rekindle has to see this QEMU end; leave it out and use & or a service");
    refuse("preconfig", "an incoming migration needs a machine that is set up; leave it out");
    arguments.addAll(List.of("-incoming", "defer"));
    arguments.addAll(List.of("-qmp", "unix:" + escape(qmp) + ",server=on,wait=off"));
    return List.copyOf(arguments);
  }

  /** A comma in a value is written twice. */
  private static String escape(Path path) {
    return path.toString().replace(",", ",,");
  }

  private void refuse(String name, String why) {
    if (has(name)) {
      throw new IllegalArgumentException("-" + name + " cannot be used here: " + why);
    }
  }

  private void refuseSharedState() {
    for (Option option : options) {
      String value = option.value == null ? "" : option.value;
      @Nullable String why =
          switch (option.name) {
            case "blockdev" ->
                isOn(value, "read-only") ? null : "-snapshot does not protect it; use -drive";
            case "drive" ->
                key(value, "snapshot").equals("off") ? "snapshot=off writes to the disk" : null;
            case "fsdev", "virtfs" ->
                isOn(value, "readonly") ? null : "it can write to a directory of the host";
            case "device" -> refusedDevice(value);
            case "object" ->
                type(value).equals("memory-backend-file") && isOn(value, "share")
                    ? "it would overwrite the memory of the machine that it was copied from"
                    : null;
            case "tpmdev" -> "its state lies outside of the clone";
            case "readconfig" -> "what stands in that file cannot be checked; write it out";
            default -> null;
          };
      if (why != null) {
        throw new IllegalArgumentException(
            "a throw-away clone must not have -%s %s: %s".formatted(option.name, value, why));
      }
    }
  }

  private static @Nullable String refusedDevice(String value) {
    String type = type(value);
    if (type.startsWith("vfio-") || type.startsWith("usb-host")) {
      return "it drives a real device";
    }
    if (type.startsWith("vhost-") || type.startsWith("ivshmem")) {
      return "it talks to another process";
    }
    return null;
  }

  private void isolateNetworks() {
    for (Option option : options) {
      if (!NETWORK_OPTIONS.contains(option.name) || option.value == null) {
        continue;
      }
      String type = type(option.value);
      if (!INNER_NETWORKS.contains(type)) {
        throw new IllegalArgumentException(
            ("a throw-away clone must not have -%s %s: it has the address of the machine that it"
                    + " was copied from, and both would answer; allow the network only where that"
                    + " does no harm")
                .formatted(option.name, option.value));
      }
      if (type.equals("user")) {
        restrict(option);
      }
    }
    if (!has("nodefaults") && options.stream().noneMatch(o -> NETWORK_OPTIONS.contains(o.name))) {
      // The card that QEMU adds of its own accord, but cut off (vl.c, default_net).
      arguments.addAll(List.of("-net", "nic", "-net", "user,restrict=on"));
    }
  }

  private void restrict(Option option) {
    String value = option.value == null ? "" : option.value;
    if (value.startsWith("{")) {
      throw new IllegalArgumentException(
          "a throw-away clone's user network must be given as options, not as JSON: " + value);
    }
    if (!isOn(value, "restrict")) {
      arguments.set(option.index + 1, value + ",restrict=on"); // the last one counts
    }
  }

  /** What stands before the first comma, or the driver of a JSON object. */
  private static String type(String value) {
    if (value.startsWith("{")) {
      for (String key : List.of("driver", "qom-type", "type")) {
        String type = key(value, key);
        if (!type.isEmpty()) {
          return type;
        }
      }
      return "";
    }
    String first = value.split(",", 2)[0];
    return first.substring(first.indexOf('=') + 1); // "driver=virtio-net-pci" is allowed as well
  }

  private static boolean isOn(String value, String key) {
    return switch (key(value, key)) {
      case "on", "true", "yes" -> true;
      default -> false;
    };
  }

  /** The last value of a key in {@code a=b,c=d} or in a JSON object; empty if it is not there. */
  private static String key(String value, String key) {
    if (value.startsWith("{")) {
      Object member = Json.parseObject(value).get(key);
      return member == null ? "" : member.toString();
    }
    String found = "";
    for (String part : value.split(",", -1)) {
      if (part.startsWith(key + "=")) {
        found = part.substring(key.length() + 1);
      } else if (part.equals(key)) {
        found = "on";
      }
    }
    return found;
  }
}
