/**
 * The checkpoint image: a directory with a manifest, opaque device state, and page stores.
 *
 * <p>Pages are named by one dense number over all regions (see {@link
 * org.rekindle.image.MemoryMap}); a page store holds them in locality blocks, the unit of
 * compression, checksum and fetching.
 */
@NullMarked
package org.rekindle.image;

import org.jspecify.annotations.NullMarked;
