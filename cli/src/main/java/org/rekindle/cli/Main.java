package org.rekindle.cli;

/** Starts the {@code rekindle} command. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {}
}
