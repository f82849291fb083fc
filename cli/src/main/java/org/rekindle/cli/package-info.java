/** The {@code rekindle} command. */
@NullMarked
package org.rekindle.cli;

import org.jspecify.annotations.NullMarked;
