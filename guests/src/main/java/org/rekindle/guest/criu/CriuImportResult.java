package org.rekindle.guest.criu;

/**
 * What an import did.
 *
 * @param processes of the dump, dead ones included
 * @param pages that the image has: those that CRIU can restore lazily
 * @param zeroPages those of them that are zero
 * @param otherPages what stays in CRIU's files: stacks, and memory of files
 * @param elapsedNs how long it took
 * @param imageBytes bytes of the image's files
 */
public record CriuImportResult(
    int processes, int pages, int zeroPages, long otherPages, long elapsedNs, long imageBytes) {}
