package org.rekindle.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.PrintWriter;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.rekindle.guest.SaveException;
import org.rekindle.image.CorruptImageException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns a failure into one line that names the cause and the next step, and into an exit code. */
final class Failures {
  static final int FAILED = 1;
  static final int USAGE = 2;
  static final int INTERRUPTED = 130;

  private Failures() {}

  /** The command line was not understood. */
  static int usage(ParameterException mistake, String[] arguments) {
    CommandLine command = mistake.getCommandLine();
    PrintWriter err = command.getErr();
    String name = command.getCommandSpec().qualifiedName();
    err.println(name + ": " + mistake.getMessage());
    if (mistake instanceof UnmatchedArgumentException unmatched) {
      if (command.getCommand() instanceof RunsQemu) {
        err.println("Options of QEMU come after a lone --, as in: " + name + " IMAGE -- qemu ...");
      }
      UnmatchedArgumentException.printSuggestions(unmatched, err);
    }
    err.println("Try '" + name + " --help'.");
    return USAGE;
  }

  /** The command failed outside of its own care. */
  static int execution(Exception failure, CommandLine command, ParseResult parsed) {
    return report(failure, command, false);
  }

  /**
   * The command failed.
   *
   * @param interrupted whether a signal had asked it to end: what fails then has been ended by it
   * @return the exit code
   */
  static int report(Exception failure, CommandLine command, boolean interrupted) {
    boolean ended = interrupted || isInterrupt(failure);
    // Of a save it must be known how the guest is now, whoever ended it.
    boolean known = ended && !(failure instanceof SaveException);
    command
        .getErr()
        .println(
            command.getCommandSpec().qualifiedName()
                + ": "
                + (known ? "interrupted" : describe(failure)));
    if (command.getCommand() instanceof Operation operation && operation.debug()) {
      failure.printStackTrace(command.getErr());
    }
    return ended ? INTERRUPTED : FAILED;
  }

  private static boolean isInterrupt(Exception failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof InterruptedException
          || cause instanceof InterruptedIOException
          || cause instanceof ClosedByInterruptException) {
        return true;
      }
    }
    return false;
  }

  /** Cause and next step in one line. */
  static String describe(Throwable failure) {
    return switch (failure) {
      case NoSuchFileException missing -> "there is no " + missing.getFile();
      case FileAlreadyExistsException exists ->
          exists.getFile() + " exists already; choose another name or remove it first";
      case AccessDeniedException denied ->
          "no permission for " + denied.getFile() + "; run as its owner or as root";
      case NotDirectoryException file ->
          file.getFile() + " is not a folder; an image is one, as 'rekindle save' makes it";
      case DirectoryNotEmptyException full -> full.getFile() + " is not empty";
      case CorruptImageException damaged -> oneLine(damaged);
      case FileSystemException other -> oneLine(other);
      case IOException io -> oneLine(io);
      case IllegalArgumentException refused -> oneLine(refused);
      case IllegalStateException state -> oneLine(state);
      default ->
          "internal error: " + failure + "; run it again with --debug and report what it prints";
    };
  }

  private static String oneLine(Throwable failure) {
    String message = failure.getMessage();
    return message == null || message.isBlank()
        ? failure.getClass().getSimpleName() + "; run it again with --debug"
        : message.strip().replaceAll("\\s*\\R\\s*", "; ");
  }
}
