package org.rekindle.cli;

import java.lang.management.ManagementFactory;
import java.util.List;
import org.rekindle.linux.NativeCalls;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The {@code rekindle} command: wires the commands and turns failures into one line. */
@Command(
    name = "rekindle",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    header = "Brings saved virtual machines back to normal operation as fast as physics allows.",
    description =
        """

        A saved machine is an image: a folder with its memory and device state. Rekindle \
        saves a running QEMU into one, learns in a throw-away run which memory the machine \
        needs first, and restores it so that it runs at once while its memory streams in.
        No change to QEMU, the guest or the kernel is needed.
        """,
    footer =
        """

        A first walk (each step has its own --help):
          rekindle demo                               watch it all happen, measured
          rekindle save --qmp vm.qmp vm.rekindle      save a running QEMU
          rekindle record vm.rekindle -- qemu-system-x86_64 ...
          rekindle restore vm.rekindle -- qemu-system-x86_64 ...
          rekindle inspect vm.rekindle                what is in the image, verified

        Every command takes --json: one JSON document on stdout, all text on stderr.
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:done",
      "  1:failed; the one line on stderr says why and what to do",
      "  2:the command line was not understood",
      "130:interrupted (Ctrl-C); everything started was taken back"
    })
public final class Main implements Runnable {
  @CommandLine.Spec private CommandLine.Model.@org.jspecify.annotations.Nullable CommandSpec spec;

  /** In the order of the help. */
  private static final List<Class<?>> COMMANDS =
      List.of(
          ScanCommand.class,
          SaveCommand.class,
          ImportCommand.class,
          RecordCommand.class,
          RestoreCommand.class,
          OptimizeCommand.class,
          InspectCommand.class,
          ReportCommand.class,
          DemoCommand.class,
          BenchCommand.class,
          LabCommand.class,
          HelpCommand.class);

  private Main() {}

  /** When the command was given: when this JVM started, on the clock of {@link System#nanoTime}. */
  static long startNs() {
    long ageMs = System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime();
    return System.nanoTime() - ageMs * 1_000_000;
  }

  public static void main(String[] arguments) {
    NativeCalls.linkInBackground();
    // No option is of these types; to offer them to options takes picocli 15 ms while a guest
    // waits.
    System.setProperty("picocli.converters.excludes", "java[.](sql|time)[.].*");
    int status = commandLine(arguments).execute(arguments);
    System.exit(status);
  }

  /**
   * What understands these arguments: the command that they begin with, or the whole command tree.
   *
   * <p>To know an option, picocli reads an annotation by reflection, which takes a JVM that has
   * just started 10 to 20 ms for each command. A guest that waits for its restore waits for that,
   * too.
   */
  static CommandLine commandLine(String... arguments) {
    List<Class<?>> named =
        COMMANDS.stream()
            .filter(each -> arguments.length > 0 && name(each).equals(arguments[0]))
            .toList();
    CommandLine commands = new CommandLine(new Main());
    (named.isEmpty() ? COMMANDS : named).forEach(commands::addSubcommand);
    commands.setCaseInsensitiveEnumValuesAllowed(true);
    commands.setUsageHelpAutoWidth(false);
    commands.setUsageHelpWidth(88);
    commands.setParameterExceptionHandler(Failures::usage);
    commands.setExecutionExceptionHandler(Failures::execution);
    return commands;
  }

  private static String name(Class<?> command) {
    return command.getAnnotation(Command.class).name();
  }

  @Override
  public void run() {
    CommandLine.usage(java.util.Objects.requireNonNull(spec), System.out);
  }
}
