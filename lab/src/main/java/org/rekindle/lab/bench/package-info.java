/**
 * {@code rekindle bench}: every way to restore, on the same work, in one run.
 *
 * <p>{@link org.rekindle.lab.bench.Bench} takes guests ({@link org.rekindle.lab.bench.BenchGuest}),
 * storage conditions ({@link org.rekindle.lab.bench.StorageCondition}) and competitors ({@link
 * org.rekindle.lab.bench.Competitor}), and lets them alternate. {@link
 * org.rekindle.lab.bench.DeviceProbe} measures the device in between, which the oracle goes by.
 * What came of it is judged by {@link org.rekindle.lab.bench.Comparison} and written down by {@link
 * org.rekindle.lab.bench.BenchReport}.
 */
@NullMarked
package org.rekindle.lab.bench;

import org.jspecify.annotations.NullMarked;
