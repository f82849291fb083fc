/**
 * The only native door: every call into the kernel that the JDK does not offer is made here.
 *
 * <p>Outcomes that can happen in normal operation (would block, peer gone, page exists) are values;
 * {@link org.rekindle.linux.LinuxException} is for what should not happen, and says what to do.
 */
@NullMarked
package org.rekindle.linux;

import org.jspecify.annotations.NullMarked;
