package org.rekindle.guest.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

class SavedTreeTest {
  private static final SavedTree TREE =
      new SavedTree(
          0xcafe,
          List.of(
              new SavedTask(7, List.of(new PageRange(0x1000, 2), new PageRange(0x3000, 1))),
              new SavedTask(8, List.of()),
              new SavedTask(9, List.of(new PageRange(0x7fff_ffff_0000L, 4)))));

  @Test
  void whatWasEncodedIsDecoded() throws Exception {
    assertThat(SavedTree.decode(TREE.encode(), TREE.memory())).isEqualTo(TREE);
    assertThat(TREE.memory().regions())
        .containsExactly(new Region("7", 3 * 4096, 4096), new Region("9", 4 * 4096, 4096));
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] whole = TREE.encode();
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> SavedTree.decode(cut, TREE.memory()))
          .isInstanceOf(DataFormatException.class);
    }
  }

  @Test
  void everyChangedByteIsRefusedOrIsAnotherTreeOfTheSameMemory() {
    byte[] whole = TREE.encode();
    for (int i = 0; i < whole.length; i++) {
      for (int bit = 0; bit < 8; bit++) {
        byte[] changed = whole.clone();
        changed[i] ^= (byte) (1 << bit);
        try {
          assertThat(SavedTree.decode(changed, TREE.memory()).memory()).isEqualTo(TREE.memory());
        } catch (DataFormatException refused) {
          assertThat(refused).hasMessageNotContaining("null");
        }
      }
    }
  }

  @Test
  void aTreeOfAnotherImageIsRefused() {
    MemoryMap other = new MemoryMap(List.of(new Region("7", 4096, 4096)));
    assertThatThrownBy(() -> SavedTree.decode(TREE.encode(), other))
        .isInstanceOf(DataFormatException.class)
        .hasMessageContaining("not those of the image");
  }
}
