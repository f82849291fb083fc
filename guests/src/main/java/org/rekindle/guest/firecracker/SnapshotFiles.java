package org.rekindle.guest.firecracker;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The files of a snapshot.
 *
 * @param memory the memory file: all of the memory, or with {@code base} what changed since
 * @param state the state file that was written with it; without one, an image holds memory alone
 * @param base what the memory file is a difference to: a full memory file, or the directory of a
 *     Firecracker image
 */
public record SnapshotFiles(Path memory, @Nullable Path state, @Nullable Path base) {}
