package org.rekindle.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** One of several ways to do a command's work, each with options of its own as a picocli mixin. */
interface Choice {
  /** What a user writes to choose it, such as {@code --qmp SOCKET}. */
  String synopsis();

  /** Whether the command line chose it. */
  boolean chosen();

  /**
   * The one that was chosen.
   *
   * @param question what there is to choose, as a request
   * @throws ParameterException if there is none, or more than one
   */
  static <C extends Choice> C of(CommandLine command, String question, List<C> ways) {
    List<C> chosen = ways.stream().filter(Choice::chosen).toList();
    if (chosen.size() == 1) {
      return chosen.getFirst();
    }
    List<C> named = chosen.isEmpty() ? ways : chosen;
    String names = String.join(" or ", named.stream().map(Choice::synopsis).toList());
    throw new ParameterException(
        command,
        chosen.isEmpty() ? question + ": give " + names : "give either " + names + ", not both");
  }
}
