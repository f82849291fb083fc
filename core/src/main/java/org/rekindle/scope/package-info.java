/** Resources that are opened one after the other and closed together. */
@NullMarked
package org.rekindle.scope;

import org.jspecify.annotations.NullMarked;
