package org.rekindle.guest.firecracker;

/**
 * What a save did.
 *
 * @param image what was made of the snapshot
 * @param guestRuns whether the guest runs now
 * @param stopNs how long the guest stood still, as seen from here: from the request to stop it
 *     until it ran again, or until the save was done if it was not resumed; 0 if it did not run
 *     before
 * @param elapsedNs how long the whole save took
 */
public record FirecrackerSaveResult(
    ImportedMicrovm image, boolean guestRuns, long stopNs, long elapsedNs) {}
