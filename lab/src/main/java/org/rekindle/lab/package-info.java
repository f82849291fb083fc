/** Workloads, storage conditions and experiments, and the results that they write. */
@NullMarked
package org.rekindle.lab;

import org.jspecify.annotations.NullMarked;
