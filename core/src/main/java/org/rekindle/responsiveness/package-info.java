/**
 * From stalls to utilisation, minimum mutator utilisation and the time-to-responsiveness curve;
 * from heartbeats to "application back to normal".
 *
 * <p>Pure functions, no I/O. The metric is that of Zhang, Garthwaite, Baskakov and Barr (VEE'11).
 * {@link org.rekindle.responsiveness.StallTimeline} is the way in:
 *
 * <pre>{@code
 * StallTimeline timeline = StallTimeline.of(firstInstructionNs, vcpus, stalls);
 * long ttrNs = timeline.ttr(1_000_000_000).ttrNs(0.9); // TTR(1 s, 0.9)
 * }</pre>
 */
@NullMarked
package org.rekindle.responsiveness;

import org.jspecify.annotations.NullMarked;
