/** Processes that we start, for every kind of guest: they and their sockets end with us. */
@NullMarked
package org.rekindle.guest.child;

import org.jspecify.annotations.NullMarked;
