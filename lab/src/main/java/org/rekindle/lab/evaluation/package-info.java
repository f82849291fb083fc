/**
 * The evaluation of VEE'11 for real, on QEMU guests with programs that people run.
 *
 * <p>{@link org.rekindle.lab.evaluation.EvaluatedGuest} is what is restored; a {@code SavedGuest}
 * is made of it once and kept; {@link org.rekindle.lab.evaluation.Evaluation} restores it by every
 * {@code Contender} and keeps each run. From what was kept come the tables, the check of the
 * simulator ({@code SimulatorCheck}), and the answer to which ranking is best for a restore ({@code
 * PolicyStudy}).
 */
@NullMarked
package org.rekindle.lab.evaluation;

import org.jspecify.annotations.NullMarked;
