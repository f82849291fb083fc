package org.rekindle.cli;

import java.io.PrintStream;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import picocli.CommandLine.Option;

/** A command that does something: its common options, its cleanup, and how its result is shown. */
abstract class Operation implements Callable<Integer> {
  @Option(
      names = "--json",
      description = "Print the result as one JSON document on stdout; all text goes to stderr.")
  private boolean json;

  @Option(names = "--debug", description = "Show the stack trace of a failure.")
  private boolean debug;

  /**
   * What a command has to say at its end.
   *
   * @param text for people, with line ends inside only
   * @param json the same for programs
   */
  record Result(String text, Map<String, @Nullable Object> json) {}

  /** Does the work; what must not outlive it belongs to {@code cleanup}. */
  abstract Result run(Cleanup cleanup) throws Exception;

  @Override
  public final Integer call() throws Exception {
    Result result;
    try (Cleanup cleanup = new Cleanup()) {
      result = run(cleanup);
    }
    System.out.println(json ? Json.pretty(result.json()) : result.text());
    System.out.flush();
    return 0;
  }

  /** Tells people what is going on. */
  final void say(String line) {
    System.err.println(line);
  }

  /** Where the program's own text and that of a guest's console may go. */
  final PrintStream textOut() {
    return json ? System.err : System.out;
  }

  /** A progress line; use it by one thread and close it. */
  final Progress progress(String what) {
    return new Progress(System.err, Progress.stderrIsTerminal(), System::nanoTime, what);
  }

  final boolean debug() {
    return debug;
  }
}
