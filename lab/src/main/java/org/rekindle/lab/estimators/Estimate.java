package org.rekindle.lab.estimators;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.workingset.Score;

/**
 * What an estimator took for the working set, against what a clone of the saved guest touched.
 *
 * @param does what that clone does
 */
record Estimate(String guest, int round, String does, String estimator, Score score) {
  Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    members.put("guest", guest);
    members.put("round", round);
    members.put("truth", does);
    members.put("estimator", estimator);
    members.put("estimatedPages", score.prefetched());
    members.put("usedPages", score.used());
    members.put("touchedPages", score.touched());
    return members;
  }
}
