package org.rekindle.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;
import org.rekindle.envelope.Envelope;

class StoreIndexTest {
  private static final int NONE = StoreIndex.NONE;
  private static final int[] SLOT_OF_PAGE = {0, 1, NONE, 2, 2, NONE, NONE, 5, 4, 1, NONE};

  private static StoreIndex index() {
    BlockTable blocks = new BlockTable(1);
    blocks.add(100, 2, Codec.ZSTD, 11);
    blocks.add(8192, 2, Codec.RAW, 12);
    blocks.add(8191, 3, Codec.LZ4, 13);
    return new StoreIndex(blocks, SLOT_OF_PAGE);
  }

  private static byte[] body() throws DataFormatException {
    ByteBuffer opened = Envelope.open(index().encode(), "RKDLINDX", 1, 10_000);
    byte[] body = new byte[opened.remaining()];
    opened.get(body);
    return body;
  }

  private static StoreIndex decode(byte[] body) throws DataFormatException {
    return StoreIndex.decode(
        Envelope.seal("RKDLINDX", 1, body), SLOT_OF_PAGE.length, 100 + 8192 + 8191);
  }

  @Test
  void whatIsWrittenComesBack() throws DataFormatException {
    StoreIndex found = decode(body());
    assertThat(found.slotOfPage()).isEqualTo(SLOT_OF_PAGE);
    assertThat(found.blocks().blocks()).isEqualTo(3);
    assertThat(found.blocks().slots()).isEqualTo(7);
    assertThat(found.blocks().codec(2)).isEqualTo(Codec.LZ4);
    assertThat(found.blocks().crc32c(1)).isEqualTo(12);
  }

  @Test
  void theStoreAnswersByPageAndByBlock() {
    FileStore store = new FileStore(Path.of("x"), index());
    assertThat(store.blocks()).isEqualTo(3);
    assertThat(store.offset(2)).isEqualTo(8292);
    assertThat(store.maxSlots()).isEqualTo(3);
    assertThat(store.maxStoredBytes()).isEqualTo(8192);
    assertThat(store.blockOf(2)).isEqualTo(-1);
    assertThat(store.blockOf(7)).isEqualTo(2);
    assertThat(store.slotOf(7)).isEqualTo(1);
    assertThat(store.pagesServed(0)).isEqualTo(3);
    assertThat(store.servedPage(0, 0)).isEqualTo(0);
    assertThat(store.servedPage(0, 1)).isEqualTo(1);
    assertThat(store.servedPage(0, 2)).isEqualTo(9);
    assertThat(store.pagesServed(1)).isEqualTo(2);
    assertThat(store.pagesServed(2)).isEqualTo(2); // slot 6 is no page's
    assertThat(store.servedPage(2, 0)).isEqualTo(8);
    assertThat(store.pages()).isEqualTo(7);
  }

  @Test
  void anEmptyStoreIsAStore() throws DataFormatException {
    int[] absent = new int[5];
    Arrays.fill(absent, NONE);
    StoreIndex empty = new StoreIndex(new BlockTable(0), absent);
    FileStore store = new FileStore(Path.of("x"), StoreIndex.decode(empty.encode(), 5, 0));
    assertThat(store.blocks()).isZero();
    assertThat(store.maxSlots()).isZero();
    assertThat(store.blockOf(4)).isEqualTo(-1);
  }

  @Test
  void anIndexOfAnotherGuestOrFileIsRefused() {
    byte[] file = index().encode();
    assertThatThrownBy(() -> StoreIndex.decode(file, 12, 16483)).hasMessageContaining("pages");
    assertThatThrownBy(() -> StoreIndex.decode(file, 11, 16482)).hasMessageContaining("page file");
  }

  /** The body is changed and sealed again, so every check of a field is reached. */
  @Test
  void everyChangedFieldIsRefusedOrMakesAnotherConsistentIndex() throws DataFormatException {
    byte[] body = body();
    Random random = new Random(5);
    int refused = 0;
    for (int at = 0; at < body.length; at++) {
      for (byte value : new byte[] {0, 1, 2, -1, 127, -128, (byte) random.nextInt()}) {
        byte[] changed = body.clone();
        changed[at] = value;
        try {
          requireConsistent(decode(changed));
        } catch (DataFormatException expected) {
          refused++;
        }
      }
    }
    assertThat(refused).isGreaterThan(body.length);
    for (int bytes = 0; bytes < body.length; bytes++) {
      byte[] cut = Arrays.copyOf(body, bytes);
      assertThatThrownBy(() -> decode(cut)).isInstanceOf(DataFormatException.class);
    }
  }

  private static void requireConsistent(StoreIndex index) {
    FileStore store = new FileStore(Path.of("x"), index);
    for (int page = 0; page < SLOT_OF_PAGE.length; page++) {
      int block = store.blockOf(page);
      if (block >= 0) {
        assertThat(store.slotOf(page)).isBetween(0, store.slots(block) - 1);
      }
    }
  }

  @Test
  void countsThatLieAreRefusedBeforeAnythingIsAllocated() throws DataFormatException {
    byte[] body = body();
    for (int at : new int[] {0, 4, 8, 12}) {
      for (int lie : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 30}) {
        byte[] changed = body.clone();
        ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(at, lie);
        assertThatThrownBy(() -> decode(changed)).isInstanceOf(DataFormatException.class);
      }
    }
  }

  /** Every second page zero, all others identical: as well as an index can be compressed. */
  @Test
  void theMostRegularGuestComesBack() throws DataFormatException {
    BlockTable blocks = new BlockTable(1);
    blocks.add(4096, 1, Codec.RAW, 1);
    int[] slotOfPage = new int[1 << 20];
    for (int page = 0; page < slotOfPage.length; page += 2) {
      slotOfPage[page] = NONE;
    }
    byte[] file = new StoreIndex(blocks, slotOfPage).encode();
    assertThat(StoreIndex.decode(file, slotOfPage.length, 4096).slotOfPage()).isEqualTo(slotOfPage);
    assertThat(slotOfPage.length / 2 * 12 / file.length).isLessThan(50);
  }

  @Test
  void aScatteredGuestComesBack() throws DataFormatException {
    long seed = 99;
    Random random = new Random(seed);
    BlockTable blocks = new BlockTable(0);
    for (int b = 0; b < 3000; b++) {
      int slots = 1 + random.nextInt(256);
      blocks.add(1 + random.nextInt(slots * 4096 - 1), slots, Codec.LZ4, random.nextInt());
    }
    int[] slotOfPage = new int[100_000];
    for (int page = 0; page < slotOfPage.length; page++) {
      slotOfPage[page] = random.nextBoolean() ? NONE : random.nextInt(blocks.slots());
    }
    byte[] file = new StoreIndex(blocks, slotOfPage).encode();
    StoreIndex found = StoreIndex.decode(file, slotOfPage.length, blocks.bytes());
    assertThat(found.slotOfPage()).as("seed " + seed).isEqualTo(slotOfPage);
  }
}
