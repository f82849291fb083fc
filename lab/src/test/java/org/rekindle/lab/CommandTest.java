package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandTest {
  @Test
  void whatACommandPrintsIsReturnedByteForByte() throws IOException {
    assertThat(Command.output("printf", "a\\n\\377\\000")).containsExactly('a', '\n', 0xff, 0);
  }

  @Test
  void aFailureTellsTheLastWordsOfTheCommand() {
    assertThatThrownBy(() -> Command.text("sh", "-c", "echo one >&2; echo two >&2; exit 3"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("failed with status 3: two");
    assertThatThrownBy(() -> Command.text("no-such-program")).hasMessageContaining("no-such");
  }

  @Test
  void aQuickCommandIsNotNarrated() throws IOException {
    List<String> said = new ArrayList<>();
    Command.narrated(said::add, Path.of("/"), "sh", "-c", "printf '10%%\\r20%%\\n'");
    assertThat(said).isEmpty();
  }

  @Test
  void programsAreFoundByPath() {
    assertThat(Command.find("sh")).isPresent();
    assertThat(Command.find("no-such-program")).isEmpty();
  }
}
