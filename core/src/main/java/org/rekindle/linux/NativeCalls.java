package org.rekindle.linux;

/** The cost of the first native call, out of the way. */
public final class NativeCalls {
  private NativeCalls() {}

  /**
   * Begins to link the native calls on a thread of its own. Linking takes 60 to 100 ms of one
   * processor (the JDK makes its call stubs as classes at run time, which no archive of classes
   * holds), as long as a command takes to understand its arguments and open an image. Whoever makes
   * a call before it is done waits for the rest.
   */
  public static void linkInBackground() {
    Thread.ofPlatform().daemon().name("rekindle-link").start(Libc::link);
  }
}
