/** Which memory a running guest uses, found out by another process. */
@NullMarked
package org.rekindle.scan;

import org.jspecify.annotations.NullMarked;
