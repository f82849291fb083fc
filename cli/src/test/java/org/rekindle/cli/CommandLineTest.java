package org.rekindle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** Mistakes on the command line: exit code 2 and a sentence that says what to write. */
class CommandLineTest {
  private final StringWriter err = new StringWriter();

  private int run(String line) {
    String[] arguments = line.split(" ", -1);
    CommandLine commands = Main.commandLine(arguments);
    commands.setErr(new PrintWriter(err));
    return commands.execute(arguments);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "bla                                        | Unmatched argument at index 0: 'bla'",
        "save vm.rekindle                           | say which machine to save: give --qmp SOCKET",
        "save --qmp s --firecracker a vm.rekindle   | give either --qmp SOCKET or --firecracker API_SOCKET",
        "save --firecracker a --then quit i         | Firecracker cannot be asked to quit",
        "save --qmp s --jail r vm.rekindle          | --jail goes with --firecracker",
        "save --qmp s --then jump vm.rekindle       | --then",
        "save --firecracker a --scan 1s i           | --scan is for QEMU: give --qmp",
        "save --qmp s --scan 1s --profile f i       | --profile and --scan each make a working set; choose one",
        "save --qmp s --scan 1s --live i            | --live and --scan each make a working set; choose one",
        "scan file                                  | name what to scan: --qmp SOCKET or --pid PID",
        "scan --qmp s --pid 1 file                  | name what to scan: --qmp SOCKET or --pid PID",
        "scan --qmp s --map m file                  | --map goes with --pid",
        "scan --pid 1 --backend eyes file           | --backend",
        "save --qmp s --codec gzip vm.rekindle      | --codec",
        "import one                                 | say what is to be imported: give FILE or --firecracker MEM_FILE or --criu DIR",
        "import --criu dump one two                 | give either FILE or --criu DIR, not both",
        "import one two three                       | Unmatched argument",
        "import --firecracker m one two             | give either FILE or --firecracker MEM_FILE, not",
        "import --state s one two                   | --state goes with --firecracker",
        "import --base b one two                    | --base goes with --firecracker",
        "record vm.rekindle                         | give a QEMU command after --",
        "record --for 10 vm.rekindle -- q           | '10' is not a time; write one such as 10s",
        "record --for 0s vm.rekindle -- q           | '0s' is not a time",
        "restore vm.rekindle                        | give a QEMU command after --",
        "restore --qmp s vm.rekindle -- q           | not both",
        "restore --strategy fast vm.rekindle -- q   | is none of eager, lazy, working-set, adaptive",
        "restore --prefetch-budget 9X vm.rekindle   | write pages (20000), a size (64M) or a share",
        "restore --prefetch-budget 101% vm.rekindle | write pages (20000), a size (64M) or a share",
        "restore --fill-rate 0 vm.rekindle -- q     | --fill-rate must be positive: 0",
        "restore --firecracker a --vms 2 image      | --firecracker loads one VM: leave --vms out",
        "restore --criu-socket d/s image             | give --criu-socket DIR/lazy-pages.socket",
        "restore --uffd s --jail r image            | --jail goes with --firecracker API_SOCKET",
        "restore --uffd s --load-option a=1 image   | --load-option goes with --firecracker",
        "restore --firecracker a --load-option x i  | 'x' is no member; write KEY=JSON",
        "restore --firecracker a --load-option x=y i | x: malformed JSON",
        "report                                     | Missing required parameter: 'RESULTS'",
      })
  void mistakesAreNamed(String line, String message) {
    assertThat(run(line.strip())).isEqualTo(2);
    assertThat(err.toString()).contains(message).contains("--help'");
  }

  @Test
  void forgottenDashesBeforeQemuAreGuessed() {
    assertThat(run("restore vm.rekindle -m 512")).isEqualTo(2);
    assertThat(err.toString()).contains("come after a lone --");
  }

  @Test
  void aCommandThatIsNamedFirstIsTheSameAsAmongAllOthers() {
    Main.commandLine()
        .getSubcommands()
        .forEach((name, among) -> {
          CommandLine root = Main.commandLine(name, "--json");
          assertThat(root.getSubcommands()).containsOnlyKeys(name);
          assertThat(root.getSubcommands().values())
              .singleElement()
              .extracting(CommandLine::getUsageMessage)
              .isEqualTo(among.getUsageMessage());
        });
  }

  @Test
  void optionsOfQemuAreLeftToQemu() {
    CommandLine commands = Main.commandLine();
    var parsed =
        commands.parseArgs(
            "restore", "--json", "vm.rekindle", "--", "qemu", "--json", "-m", "1G", "--qmp");
    assertThat(parsed.subcommand().matchedPositionalValue(1, java.util.List.of()))
        .isEqualTo(java.util.List.of("qemu", "--json", "-m", "1G", "--qmp"));
  }
}
