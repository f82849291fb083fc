package org.rekindle.guest.qemu;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Something that QEMU reports of itself.
 *
 * @param name such as {@code "STOP"}
 * @param data the event's members; empty where it has none
 * @param timestampNs when it happened, by QEMU's own stamp (microseconds of the host's wall clock),
 *     carried over to the clock of {@link System#nanoTime}; never later than its arrival
 */
public record QmpEvent(String name, Map<String, @Nullable Object> data, long timestampNs) {}
