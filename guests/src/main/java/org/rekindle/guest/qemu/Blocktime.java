package org.rekindle.guest.qemu;

import java.util.List;

/**
 * How long a guest has waited for pages, as QEMU measures it (capability {@code
 * postcopy-blocktime}).
 *
 * @param allMs milliseconds in which all virtual CPUs waited at the same time
 * @param vcpuMs for each virtual CPU, the milliseconds in which it waited
 */
public record Blocktime(long allMs, List<Long> vcpuMs) {
  public Blocktime {
    vcpuMs = List.copyOf(vcpuMs);
  }
}
