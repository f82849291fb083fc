package org.rekindle.scan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.rekindle.linux.ProcessMemory.Mapping;

class SharedMappingTest {
  private static final long MIB = 1 << 20;

  private static Mapping mapping(int at, int sizeMiB, String permissions, String path) {
    return new Mapping(at * MIB, (at + sizeMiB) * MIB, permissions, 0, 1, path);
  }

  private static final List<Mapping> MAPPINGS =
      List.of(
          mapping(1, 900, "rw-p", ""),
          mapping(1000, 800, "rw-s", "/var/lib/data.mdb"),
          mapping(2000, 700, "---s", "/memfd:reserved (deleted)"),
          mapping(3000, 600, "rw-s", "/anon_hugepage (deleted)"),
          mapping(4000, 8, "rw-s", "/memfd:guest (deleted)"),
          mapping(5000, 16, "rw-s", "/dev/shm/PostgreSQL.42"),
          mapping(6000, 4, "r--s", "/dev/shm/sub/guest"));

  private static ScannedMemory choose(String name) throws IOException {
    return SharedMapping.choose(7, MAPPINGS, Optional.of(name));
  }

  @Test
  void theLargestSharedMemoryIsTaken() throws IOException {
    assertThat(SharedMapping.choose(7, MAPPINGS, Optional.empty()))
        .isEqualTo(new ScannedMemory(7, "/dev/shm/PostgreSQL.42", 5000 * MIB, 4096));
  }

  @Test
  void aNameIsThatOfAMemfdOrOfAFileOrAPath() throws IOException {
    ScannedMemory guest = new ScannedMemory(7, "/memfd:guest (deleted)", 4000 * MIB, 2048);
    assertThat(choose("guest")).as("the larger of two").isEqualTo(guest);
    assertThat(choose("/memfd:guest")).isEqualTo(guest);
    assertThat(choose("/memfd:guest (deleted)")).isEqualTo(guest);
    assertThat(choose("PostgreSQL.42").address()).isEqualTo(5000 * MIB);
    assertThat(choose("/dev/shm/sub/guest").pages()).isEqualTo(1024);
  }

  @Test
  void filesOnDisksHugePagesAndReservedMemoryAreNotTaken() {
    for (String name : List.of("data.mdb", "anon_hugepage", "reserved")) {
      assertThatThrownBy(() -> choose(name))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no shared memory named " + name)
          .hasMessageContaining("/memfd:guest (deleted), /dev/shm/PostgreSQL.42");
    }
  }

  @Test
  void aProcessWithPrivateMemoryOnlyIsRefused() {
    assertThatThrownBy(() -> SharedMapping.choose(7, MAPPINGS.subList(0, 4), Optional.empty()))
        .hasMessageContaining("process 7 has no shared memory")
        .hasMessageContaining("900 MiB");
  }

  @Test
  void aProcessThatIsNotThereIsSaid() {
    assertThatThrownBy(() -> SharedMapping.of(Integer.MAX_VALUE, Optional.empty()))
        .hasMessageContaining("there is no process")
        .hasMessageContaining("give the number of one that runs");
  }

  @Test
  void aProcessThatHasEndedAndIsNotForgottenYetIsSaid() {
    assertThatThrownBy(() -> SharedMapping.choose(7, List.of(), Optional.empty()))
        .hasMessageContaining("process 7 has no memory: it has ended");
  }
}
