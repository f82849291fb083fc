/**
 * Restores in virtual time: a guest's first touches, an image's layout and a plan become stalls and
 * TTR curves, without a guest, a disk or a wait.
 *
 * <p><b>What is not a model.</b> The planner, the pager with its fault table and its fault log, the
 * rule by which bulk reads are cut, and the metric are those of every restore: {@code Strategy},
 * {@code Restore}, {@code FetchSequence}, {@code StallTimeline}. They meet the models at the same
 * two interfaces as the real ones, {@code Guest} and {@code BlockSource}, and take the time from a
 * {@link org.rekindle.lab.simulator.VirtualTime} instead of the system.
 *
 * <p><b>What is modelled.</b> The guest, as a list of first touches ({@link
 * org.rekindle.lab.simulator.TraceGuest}); the reader threads and their bounded buffers ({@link
 * org.rekindle.lab.simulator.BulkReading}, {@link org.rekindle.lab.simulator.DemandReading}); what
 * demand reads leave in the page cache ({@link org.rekindle.lab.simulator.StoredBytes}); the device
 * with its one queue ({@link org.rekindle.lab.simulator.StorageModel}); the pager's own work, as a
 * price for each page ({@link org.rekindle.lab.simulator.HostCosts}).
 *
 * <p><b>What is left out.</b> Threads that compete for processors: each model thread has its own.
 * Several virtual CPUs that wait independently, huge pages, memory that is given back. What the VMM
 * does between placing a page and the guest's next instruction. Bounded sockets ({@code
 * Guest.ready}). Several restores at once. Anything random: devices have no tails, and the same
 * input gives the same nanoseconds.
 */
@NullMarked
package org.rekindle.lab.simulator;

import org.jspecify.annotations.NullMarked;
