package org.rekindle.cli;

import org.jspecify.annotations.Nullable;
import org.rekindle.lab.Narrator;

/** Tells steps of an experiment as lines, and how far each is as a progress line between them. */
final class Telling implements Narrator, AutoCloseable {
  private final Operation command;
  private @Nullable Progress progress;
  private String what = "";

  Telling(Operation command) {
    this.command = command;
  }

  @Override
  public void say(String line) {
    close();
    command.say(line);
  }

  @Override
  public void progress(String step, long doneBytes, long totalBytes) {
    if (progress == null || !what.equals(step)) {
      close();
      what = step;
      progress = command.progress(step);
    }
    progress.bytes(doneBytes, totalBytes);
  }

  @Override
  public void close() {
    if (progress != null) {
      progress.close();
      progress = null;
    }
  }
}
