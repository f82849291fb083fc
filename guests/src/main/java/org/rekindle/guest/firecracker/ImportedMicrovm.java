package org.rekindle.guest.firecracker;

/**
 * What an import did.
 *
 * @param machine what was saved
 * @param hasState whether the image has a state file, so that it can be loaded from the image alone
 * @param elapsedNs how long it took
 * @param guestPages pages of the guest's memory
 * @param zeroPages those of them that are zero
 * @param imageBytes bytes of the image's files
 */
public record ImportedMicrovm(
    SavedMicrovm machine,
    boolean hasState,
    long elapsedNs,
    int guestPages,
    int zeroPages,
    long imageBytes) {}
