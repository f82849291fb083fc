package org.rekindle.cli;

import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.rekindle.json.Json;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command that does something: its common options, its cleanup, and how its result is shown. */
abstract class Operation implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--json",
      description = "Print the result as one JSON document on stdout; all text goes to stderr.")
  private boolean json;

  @Option(names = "--debug", description = "Show the stack trace of a failure.")
  private boolean debug;

  private final Milestones milestones = new Milestones();

  /**
   * What came of it.
   *
   * @param text for people, with line ends inside only
   * @param json the same for programs
   */
  record Result(String text, Map<String, @Nullable Object> json) {}

  /** Does the work; what must not outlive it belongs to {@code cleanup}. */
  abstract void run(Cleanup cleanup) throws Exception;

  @Override
  public final Integer call() throws IOException {
    milestones.reached("understood");
    try (Cleanup cleanup = new Cleanup()) {
      try {
        run(cleanup);
        return 0;
      } catch (ParameterException mistake) {
        throw mistake;
      } catch (Exception failure) {
        // Told while the cleanup still holds a signal back: after it the JVM may end at any moment.
        return Failures.report(failure, command(), cleanup.interrupted());
      }
    }
  }

  final CommandLine command() {
    return Objects.requireNonNull(spec).commandLine();
  }

  /** How far it has come. */
  final Milestones milestones() {
    return milestones;
  }

  /** Prints what came out; once. */
  final void publish(Result result) {
    tell(result.text());
    tell(result.json());
  }

  /** Prints what came out, or a part of it, for people. */
  final void tell(String text) {
    if (!json) {
      System.out.println(text);
      System.out.flush();
    }
  }

  /** Prints what came out for programs; once. */
  final void tell(Map<String, @Nullable Object> document) {
    if (json) {
      System.out.println(Json.pretty(document));
      System.out.flush();
    }
  }

  /** Tells people what is going on. */
  final void say(String line) {
    System.err.println(line);
  }

  /** Whether stdout is for one JSON document alone. */
  final boolean json() {
    return json;
  }

  /** A progress line; use it by one thread and close it. */
  final Progress progress(String what) {
    return new Progress(System.err, Progress.stderrIsTerminal(), System::nanoTime, what);
  }

  final boolean debug() {
    return debug;
  }
}
