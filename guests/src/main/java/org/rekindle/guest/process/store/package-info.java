/**
 * A small in-memory store, all of it in one range of raw memory, and a load for it.
 *
 * <p>{@link org.rekindle.guest.process.store.Store} is a hash index over records in blocks of
 * {@code Slabs}; {@link org.rekindle.guest.process.store.Load} plays its clients. Neither keeps any
 * state outside that memory but an address and, as a processor does, a few registers: whoever has
 * the memory and the {@link org.rekindle.guest.process.store.Registers} has the program.
 */
@NullMarked
package org.rekindle.guest.process.store;

import org.jspecify.annotations.NullMarked;
