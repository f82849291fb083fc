/**
 * A very small JSON tree over jackson-core: maps, lists, strings, numbers, booleans.
 *
 * <p>Databind would cost about 240 ms of class loading at its first use in a cold command (ADR
 * 0002), and a restore starts by reading a manifest and speaking QMP.
 */
@NullMarked
package org.rekindle.json;

import org.jspecify.annotations.NullMarked;
