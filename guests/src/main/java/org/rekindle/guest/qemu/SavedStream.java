package org.rekindle.guest.qemu;

import org.rekindle.image.MemoryMap;

/**
 * What a migration stream told, apart from the pages.
 *
 * @param machineType see {@link SavedMachine}
 * @param configurationHex see {@link SavedMachine}
 * @param ramSectionId see {@link SavedMachine}
 * @param memory the regions, in the stream's order
 * @param deviceState the sections of all devices, byte for byte: what follows the memory, up to but
 *     not including EOF
 * @param mappedRam whether pages had fixed places in the file
 * @param bytes length of the stream
 */
record SavedStream(
    String machineType,
    String configurationHex,
    int ramSectionId,
    MemoryMap memory,
    DeviceState deviceState,
    boolean mappedRam,
    long bytes) {}
