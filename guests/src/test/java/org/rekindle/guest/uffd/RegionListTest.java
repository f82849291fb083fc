package org.rekindle.guest.uffd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rekindle.guest.uffd.PageRanges.Range;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.json.Json;

class RegionListTest {
  private static final MemoryMap MEMORY =
      new MemoryMap(List.of(new Region("mem0", 4 << 20, 4096), new Region("mem1", 2 << 20, 4096)));

  private static List<HandedRegion> parse(String text) {
    return RegionList.of(Json.parse(text));
  }

  private static PageRanges ranges(String text) {
    return RegionList.ranges(parse(text), MEMORY);
  }

  @Test
  void everyVersionOfTheMessageIsUnderstood() {
    HandedRegion small = new HandedRegion(8 << 20, 4 << 20, 0, 4096);
    String head = "[{\"base_host_virt_addr\":8388608,\"size\":4194304,\"offset\":0";
    assertThat(parse(head + "}]")).containsExactly(small);
    assertThat(parse(head + ",\"page_size_kib\":4096}]")).containsExactly(small);
    assertThat(parse(head + ",\"page_size\":4096,\"page_size_kib\":4096}]")).containsExactly(small);
    assertThat(parse(head + ",\"page_size\":4096,\"gpa_start\":0,\"is_guest_memfd\":false}]"))
        .containsExactly(small);
    assertThat(parse(head + ",\"page_size\":2097152,\"new\":{\"deep\":[1]}}]"))
        .containsExactly(new HandedRegion(8 << 20, 4 << 20, 0, 2 << 20));
  }

  @Test
  void whatIsWrittenIsWhatIsRead() {
    List<HandedRegion> regions =
        List.of(
            new HandedRegion(0x7f0000000000L, 4 << 20, 0, 4096),
            new HandedRegion(0x7f1000000000L, 2 << 20, 4 << 20, 2 << 20));
    assertThat(parse(RegionList.write(regions))).isEqualTo(regions);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{}                                             | a JSON array of regions was expected",
        "[]                                             | a JSON array of regions was expected",
        "null                                           | a JSON array of regions was expected",
        "[1]                                            | region 0 is no object",
        "[{}]                                           | \"base_host_virt_addr\" should be a whole number but is null",
        "[{\"base_host_virt_addr\":-4096}]              | should be a whole number but is -4096",
        "[{\"base_host_virt_addr\":\"4096\"}]           | should be a whole number but is 4096",
        "[{\"base_host_virt_addr\":4096.0}]             | should be a whole number but is 4096.0",
        "[{\"base_host_virt_addr\":4096}]               | \"size\" should be a whole number but is null",
        "[{\"base_host_virt_addr\":4096,\"size\":4096}] | \"offset\" should be a whole number but is null",
        "[{\"base_host_virt_addr\":4096,\"size\":0,\"offset\":0}] | 0 bytes at 0x1000 are no whole pages",
        "[{\"base_host_virt_addr\":4096,\"size\":4097,\"offset\":0}] | no whole pages",
        "[{\"base_host_virt_addr\":4097,\"size\":4096,\"offset\":0}] | no whole pages",
        "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":1}] | offset 1 is no multiple of 4096",
        "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0,\"page_size\":4}] | pages of 4 bytes",
        "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0,\"page_size\":2097152}] | no whole pages",
        "[{\"base_host_virt_addr\":9223372036854771712,\"size\":4096,\"offset\":0}] | no addresses of a process",
        "[{\"base_host_virt_addr\":4096,\"size\":9223372036854771712,\"offset\":0}] | no addresses of a process",
      })
  void whatIsWrongIsNamed(String text, String message) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private static String region(long megabytes, long bytes, long offset) {
    return "{\"base_host_virt_addr\":%d,\"size\":%d,\"offset\":%d}"
        .formatted(megabytes << 20, bytes, offset);
  }

  @Test
  void regionsAreThePagesAtTheirOffsetsInWhateverOrder() {
    PageRanges ranges =
        ranges("[%s,%s]".formatted(region(100, 2 << 20, 4 << 20), region(200, 4 << 20, 0)));
    assertThat(ranges.all())
        .containsExactly(new Range(100 << 20, 512, 1024, 1), new Range(200 << 20, 1024, 0, 1));
  }

  @Test
  void regionsThatAreNotTheImagesMemoryAreRefused() {
    String whole = region(100, 6 << 20, 0);
    assertThat(ranges("[" + whole + "]").all()).hasSize(1);
    assertThatThrownBy(() -> ranges("[%s]".formatted(region(100, 2 << 20, 0))))
        .hasMessage(
            "the regions have 2097152 bytes, the image's memory 6291456; is it another machine's?");
    assertThatThrownBy(() -> ranges("[%s]".formatted(region(100, 1L << 40, 0))))
        .hasMessageContaining("is it another machine's?");
    assertThatThrownBy(() -> ranges("[%s]".formatted(region(100, 2 << 20, 4 << 20))))
        .hasMessage("a region begins at offset 4194304 of the memory file, where 0 was expected");
    assertThatThrownBy(() -> ranges("[%s,%s]".formatted(whole, region(200, 2 << 20, 4 << 20))))
        .hasMessageContaining("offset 4194304 of the memory file, where 6291456 was expected");
    assertThatThrownBy(() ->
            ranges("[%s,%s]".formatted(region(100, 4 << 20, 0), region(102, 2 << 20, 4 << 20))))
        .hasMessage("0x6600000-0x6800000 overlaps 0x6400000-0x6800000");
    assertThatThrownBy(() -> ranges("[%s,%s]".formatted(region(100, 6 << 20, 1L << 50), whole)))
        .hasMessageContaining("where 6291456 was expected");
  }
}
