package org.rekindle.guest.qemu;

/**
 * What an import did.
 *
 * @param machine what was saved
 * @param kind what the file was, in words
 * @param elapsedNs how long it took
 * @param guestPages pages of the guest's memory
 * @param zeroPages those of them that are zero
 * @param fileBytes length of the file, holes included
 * @param imageBytes bytes of the image's files
 */
public record ImportResult(
    SavedMachine machine,
    String kind,
    long elapsedNs,
    int guestPages,
    int zeroPages,
    long fileBytes,
    long imageBytes) {}
