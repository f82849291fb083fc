package org.rekindle.guest.qemu;

import java.util.List;
import java.util.Optional;
import org.rekindle.workingset.Profile;

/**
 * What a save did.
 *
 * @param machine what was saved
 * @param guestRuns whether the guest runs now
 * @param stopNs how long the guest stood still, by QEMU's own time stamps: from its stop until it
 *     ran again, or until the save was done if it was not resumed; 0 if it did not run before
 * @param writes of a guest that ran while it was saved: what it was seen to write meanwhile, which
 *     is the image's profile
 * @param elapsedNs how long the whole save took
 * @param guestPages pages of the guest's memory
 * @param zeroPages those of them that are zero
 * @param streamBytes bytes that QEMU sent
 * @param imageBytes bytes of the image's files
 * @param warnings what did not work though the image is good; usually empty
 */
public record SaveResult(
    SavedMachine machine,
    boolean guestRuns,
    long stopNs,
    Optional<Profile> writes,
    long elapsedNs,
    int guestPages,
    int zeroPages,
    long streamBytes,
    long imageBytes,
    List<String> warnings) {}
