/** Which pages a restored guest will touch, and when: access traces and working set profiles. */
@NullMarked
package org.rekindle.workingset;

import org.jspecify.annotations.NullMarked;
