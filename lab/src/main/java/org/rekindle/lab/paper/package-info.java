/**
 * The evaluation of "Fast Restore of Checkpointed Memory using Working Set Estimation" (VEE'11),
 * repeated in the simulator: guests shaped like its workloads, its test bed, its curves.
 */
@NullMarked
package org.rekindle.lab.paper;

import org.jspecify.annotations.NullMarked;
