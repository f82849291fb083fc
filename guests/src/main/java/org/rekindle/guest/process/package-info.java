/**
 * A guest that needs no VMM: a process of our own whose memory is handed over exactly as
 * Firecracker does, with a real program in it.
 *
 * <p>{@link org.rekindle.guest.process.ProcessGuest} starts and drives it, {@link
 * org.rekindle.guest.process.ProcessSave} makes an image of it, {@link
 * org.rekindle.guest.process.ProcessIncoming} brings it back. What runs in it is in the package
 * {@code inside}, and the store that it serves in {@code store}.
 */
@NullMarked
package org.rekindle.guest.process;

import org.jspecify.annotations.NullMarked;
