/** What machines and processes under different VMMs have in common. */
@NullMarked
package org.rekindle.guest;

import org.jspecify.annotations.NullMarked;
