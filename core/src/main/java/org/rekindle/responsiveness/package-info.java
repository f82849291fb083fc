/**
 * From stalls to utilisation, minimum mutator utilisation and the time-to-responsiveness curve.
 *
 * <p>Pure functions, no I/O. The metric is that of Zhang, Garthwaite, Baskakov and Barr (VEE'11).
 */
@NullMarked
package org.rekindle.responsiveness;

import org.jspecify.annotations.NullMarked;
