/**
 * Processes that CRIU dumps and restores: where they run ({@link org.rekindle.lab.criu.Sandbox}),
 * what they do, and how they are measured.
 */
@NullMarked
package org.rekindle.lab.criu;

import org.jspecify.annotations.NullMarked;
