/**
 * The process guest from inside: the program that runs in a JVM of its own and plays both the VMM
 * and the guest.
 *
 * <p>As a VMM, {@link org.rekindle.guest.process.inside.GuestProgram} obeys its standard input,
 * maps {@code GuestMemory} and hands it over; as a guest, it has {@code Worker}s for virtual CPUs,
 * which run a {@link org.rekindle.guest.process.store.Load} on a store in that memory and answer
 * those who connect to {@code StoreServer}. Only the workers touch guest memory.
 */
@NullMarked
package org.rekindle.guest.process.inside;

import org.jspecify.annotations.NullMarked;
