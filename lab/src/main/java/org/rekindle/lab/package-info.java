/**
 * Workloads, storage conditions and experiments, and the results that they write.
 *
 * <p><b>The guest.</b> {@link org.rekindle.lab.GuestKit} finds or makes what a guest is started
 * from: a kernel, and an initramfs whose workload (workload.c) fills memory, walks a working set
 * and beats. {@link org.rekindle.lab.DemoMachine} is that guest as arguments of stock QEMU; {@link
 * org.rekindle.guest.child.GuestConsole} listens to it.
 *
 * <p><b>The conditions.</b> {@link org.rekindle.lab.ColdCache} and {@link
 * org.rekindle.lab.DiskThrottle} make every run start from the same cold, modest disk, or say that
 * they could not.
 *
 * <p><b>The experiment.</b> {@link org.rekindle.lab.DemoExperiment} saves, records and restores in
 * every way, beside {@link org.rekindle.lab.StockEager}, what people do today. A run becomes a
 * {@link org.rekindle.lab.RunResult}; {@link org.rekindle.lab.Results} writes and reads them.
 */
@NullMarked
package org.rekindle.lab;

import org.jspecify.annotations.NullMarked;
