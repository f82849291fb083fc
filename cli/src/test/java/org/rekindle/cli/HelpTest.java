package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** The help teaches, and what it teaches works. */
class HelpTest {
  static List<CommandLine> commands() {
    CommandLine root = Main.commandLine();
    List<CommandLine> all = new ArrayList<>(root.getSubcommands().values());
    all.addAll(
        all.stream().flatMap(command -> command.getSubcommands().values().stream()).toList());
    all.removeIf(command -> command.getCommand() instanceof CommandLine.HelpCommand);
    all.add(root);
    return all;
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyHelpHasADescriptionAnExampleAndTheExitCodes(CommandLine command) {
    String help = command.getUsageMessage(CommandLine.Help.Ansi.OFF);
    assertThat(help).contains("Usage: rekindle", "Exit codes:", "--help");
    assertThat(command.getCommandSpec().usageMessage().description()).isNotEmpty();
    assertThat(examples(command)).isNotEmpty();
    assertThat(help.lines()).allMatch(line -> line.length() <= 88, "fits 88 columns");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyExampleIsUnderstood(CommandLine command) {
    for (String example : examples(command)) {
      String[] arguments = example.replaceAll(" {3,}.*| \\.\\.\\.", "").split(" +", -1);
      assertThatCode(() ->
              Main.commandLine().parseArgs(Arrays.copyOfRange(arguments, 1, arguments.length)))
          .as(example)
          .doesNotThrowAnyException();
    }
  }

  @Test
  void everyOptionIsExplained() {
    for (CommandLine command : commands()) {
      assertThat(command.getCommandSpec().options())
          .allMatch(option -> option.description().length > 0, command.getCommandName());
    }
  }

  private static List<String> examples(CommandLine command) {
    return String.join("\n", command.getCommandSpec().usageMessage().footer())
        .lines()
        .map(String::strip)
        .filter(line -> line.startsWith("rekindle "))
        .toList();
  }
}
