/**
 * Ranking policies: which pages of a guest are worth bringing in before it asks for them, told from
 * what it touched before it was saved.
 *
 * <p>Most of these were made for another question, which page a full memory should give up, and
 * come with a capacity. They rank as follows: first the pages that they would hold at the instant
 * of the save, those best that they would give up last; then the pages that they remember without
 * holding them; then all others that were seen, the most recently touched first. So every policy
 * ranks the same pages, each that was seen once, and a prefetch budget may cut anywhere. Give the
 * budget as capacity where a policy wants one: beyond it an order is our continuation, not the
 * authors'. Pages that were never seen are in no ranking (but an oracle's).
 *
 * <p>What each reads:
 *
 * <ul>
 *   <li>Touches, and their times: {@link org.rekindle.workingset.policy.WorkingSet}, {@link
 *       org.rekindle.workingset.policy.LruK}.
 *   <li>Touches, in their order: {@link org.rekindle.workingset.policy.Clock}, {@link
 *       org.rekindle.workingset.policy.Lirs}, {@link org.rekindle.workingset.policy.ClockPro},
 *       {@link org.rekindle.workingset.policy.Car}, and the controls {@link
 *       org.rekindle.workingset.policy.Frequency}, {@link org.rekindle.workingset.policy.Shuffled},
 *       {@link org.rekindle.workingset.policy.Oracle}. From sweeps they get a coarse trace.
 *   <li>Sweeps over access bits: {@link org.rekindle.workingset.policy.Ageing}, of which the
 *       estimator of VEE'11 is the case of one bit. From a trace it gets the sweeps that would have
 *       seen it.
 * </ul>
 *
 * <p>A warning that holds for all but the controls. A cache asks which page comes back <em>most
 * often</em>, and a page that is touched once and never again is its enemy. A restore asks which
 * pages come <em>at all</em>: the first touch of each page costs a fault and every later one costs
 * nothing. VEE'11 (section 6.3) therefore does not filter one-time touches as LRU-K, LIRS,
 * CLOCK-Pro and CAR do. Which is better for a restore has not been published.
 */
@NullMarked
package org.rekindle.workingset.policy;

import org.jspecify.annotations.NullMarked;
