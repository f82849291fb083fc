/**
 * Estimators of working sets, tried on running guests: what they find against what the guest really
 * touches ({@link org.rekindle.lab.estimators.EstimatorStudy}), and what they cost it ({@link
 * org.rekindle.lab.estimators.OverheadStudy}).
 */
@NullMarked
package org.rekindle.lab.estimators;

import org.jspecify.annotations.NullMarked;
