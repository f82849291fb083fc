package org.rekindle.image;

import java.time.Instant;
import java.util.Map;

/**
 * What an image is, apart from its pages.
 *
 * @param guestKind which adapter can restore it, such as {@code "qemu"}
 * @param created when it was saved
 * @param memory its regions
 * @param guest facts that the adapter needs, such as the machine type, and the version of the VMM
 *     that saved it
 */
public record Manifest(
    String guestKind, Instant created, MemoryMap memory, Map<String, Object> guest) {}
