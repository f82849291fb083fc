/**
 * Stock QEMU 7.2 and later: saved through its migration stream, restored by playing the source of a
 * postcopy migration.
 */
@NullMarked
package org.rekindle.guest.qemu;

import org.jspecify.annotations.NullMarked;
