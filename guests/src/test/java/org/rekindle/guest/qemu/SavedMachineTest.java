package org.rekindle.guest.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.rekindle.json.Json;

class SavedMachineTest {
  private final SavedMachine machine =
      new SavedMachine("pc-q35-7.2", "05ff00", 2, "7.2.22 (Debian)", true);

  @Test
  void survivesAManifestOfJson() {
    String text = Json.compact(machine.toMap());
    assertThat(SavedMachine.fromMap(Json.parseObject(text))).isEqualTo(machine);
  }

  @Test
  void everyMissingOrStrangeMemberIsNamed() {
    for (String name : machine.toMap().keySet()) {
      Map<String, Object> map = new HashMap<>(machine.toMap());
      map.remove(name);
      assertThatThrownBy(() -> SavedMachine.fromMap(map)).hasMessageContaining(name);
      map.put(name, 1.5);
      assertThatThrownBy(() -> SavedMachine.fromMap(map)).hasMessageContaining(name);
    }
    Map<String, Object> map = new HashMap<>(machine.toMap());
    map.put("configuration", "0g");
    assertThatThrownBy(() -> SavedMachine.fromMap(map))
        .isInstanceOf(IllegalArgumentException.class);
    map.put("configuration", "00".repeat(5000));
    assertThatThrownBy(() -> SavedMachine.fromMap(map)).hasMessageContaining("too long");
  }

  @Test
  void configurationIsGivenAsBytes() {
    assertThat(machine.configuration()).containsExactly(5, -1, 0);
  }
}
