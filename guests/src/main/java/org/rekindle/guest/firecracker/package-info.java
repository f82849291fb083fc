/**
 * Firecracker apart from its page faults (those are {@link org.rekindle.guest.uffd}'s): its
 * snapshots become images, and its API is asked to make and to load them.
 *
 * <p>{@link org.rekindle.guest.firecracker.FirecrackerImport} reads a memory file and a state file,
 * {@link org.rekindle.guest.firecracker.FirecrackerSave} has a running microVM write them first.
 * Both make an image with one region, {@code mem0}: guest memory as it lies in the memory file.
 */
@NullMarked
package org.rekindle.guest.firecracker;

import org.jspecify.annotations.NullMarked;
