package org.rekindle.lab.criu;

import java.util.Optional;
import org.rekindle.restore.Strategy;

/** A way to bring back what CRIU has dumped. */
enum Contender {
  /** CRIU reads all memory before anything runs. */
  CRIU_RESTORE("criu restore"),
  /** CRIU's own daemon serves the pages. */
  CRIU_LAZY_PAGES("criu lazy-pages"),
  WORKING_SET(Strategy.WORKING_SET.label()),
  ADAPTIVE(Strategy.ADAPTIVE.label());

  private final String label;

  Contender(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }

  /** The strategy, if it is ours. */
  Optional<Strategy> strategy() {
    return switch (this) {
      case CRIU_RESTORE, CRIU_LAZY_PAGES -> Optional.empty();
      case WORKING_SET -> Optional.of(Strategy.WORKING_SET);
      case ADAPTIVE -> Optional.of(Strategy.ADAPTIVE);
    };
  }
}
