package org.rekindle.cli;

import java.util.Locale;

/** What becomes of a guest that has been saved. */
enum AfterSave {
  RESUME,
  QUIT,
  PAUSE;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
