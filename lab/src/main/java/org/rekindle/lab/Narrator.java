package org.rekindle.lab;

/** Hears what is going on in an experiment, on the thread that runs it. */
public interface Narrator {
  /** A step begins or has ended. */
  void say(String line);

  /**
   * How far a step is, some times a second.
   *
   * @param totalBytes 0 if not known
   */
  void progress(String what, long doneBytes, long totalBytes);
}
