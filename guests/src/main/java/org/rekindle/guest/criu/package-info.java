/**
 * Processes and process trees that CRIU has dumped.
 *
 * <p>{@link org.rekindle.guest.criu.CriuImport} makes an image of those pages of a dump that CRIU
 * can restore lazily; everything else stays in CRIU's own files, and {@code criu restore
 * --lazy-pages} brings it back as it always does.
 */
@NullMarked
package org.rekindle.guest.criu;

import org.jspecify.annotations.NullMarked;
