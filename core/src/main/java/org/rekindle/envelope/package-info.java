/**
 * The common wrapping of small binary metadata files: kind, version, checksum, compression.
 *
 * <p>It knows nothing of what is inside; the store index and the working set profile both use it.
 */
@NullMarked
package org.rekindle.envelope;

import org.jspecify.annotations.NullMarked;
