/**
 * The restore engine: a plan (what, in which order, when to start), the one pager that carries it
 * out, and the fault log.
 *
 * <p>A strategy never knows a VMM and a VMM adapter never knows a strategy: they meet at {@link
 * org.rekindle.restore.Guest}.
 */
@NullMarked
package org.rekindle.restore;

import org.jspecify.annotations.NullMarked;
