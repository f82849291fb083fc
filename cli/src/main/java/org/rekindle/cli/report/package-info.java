/**
 * The HTML report: one file that needs no network.
 *
 * <p>Java decides what is said (medians, the headline, how many points a plot needs) and lays it
 * into the page as JSON; the scripts among the resources draw it. Nothing that comes from a results
 * file ever becomes markup.
 */
@NullMarked
package org.rekindle.cli.report;

import org.jspecify.annotations.NullMarked;
