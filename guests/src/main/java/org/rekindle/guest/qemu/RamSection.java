package org.rekindle.guest.qemu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * The payload of the sections of {@code ram}: the block list first, then records.
 *
 * <p>Whether a block's length is followed by its host page size depends on a capability that the
 * stream does not name, yet it can be told: what else may follow is a name, whose length is not
 * zero, or a record, whose flags are not zero, while a page size is a power of two whose first byte
 * and low twelve bits are zero.
 */
final class RamSection {
  /** Above the largest guests in use; bounds what a hostile block list can make us allocate. */
  private static final long MAX_RAM_BYTES = 4L << 40;

  /** QEMU machines have about ten blocks, and one more for each memory device. */
  private static final int MAX_BLOCKS = 4096;

  private static final long MAX_HOST_PAGE_BYTES = 1 << 30;

  private static final int PAGE_BYTES = MemoryMap.PAGE_BYTES;

  private final StreamInput in;
  private final StreamSink sink;
  private final boolean mappedRam;
  private final Map<String, Integer> blockByName = new HashMap<>();
  private MemoryMap memory = new MemoryMap(List.of(new Region("none", PAGE_BYTES, PAGE_BYTES)));

  // The block of the last record, to which CONTINUE refers; it lives on from section to section.
  private boolean hasBlock;
  private long blockBytes;
  private int blockFirstPage;

  RamSection(StreamInput in, StreamSink sink, boolean mappedRam) {
    this.in = in;
    this.sink = sink;
    this.mappedRam = mappedRam;
  }

  /** Reads the payload of START, which has the block list in front. */
  MemoryMap start() throws IOException {
    long word = in.u64("the block list");
    if ((word & StreamFormat.FLAGS_MASK) != StreamFormat.FLAG_MEM_SIZE) {
      throw in.unexpected("the block list (MEM_SIZE)", "the word 0x%016x".formatted(word));
    }
    long totalBytes = word & ~StreamFormat.FLAGS_MASK;
    if (totalBytes <= 0 || totalBytes > MAX_RAM_BYTES) {
      throw in.unexpected(
          "memory of 4 KiB to " + (MAX_RAM_BYTES >> 40) + " TiB",
          Long.toUnsignedString(totalBytes) + " bytes");
    }
    List<Region> regions = new ArrayList<>();
    List<MappedBlock> mapped = new ArrayList<>();
    for (long leftBytes = totalBytes; leftBytes > 0; ) {
      Region region = block(leftBytes);
      if (blockByName.put(region.name(), regions.size()) != null) {
        throw in.failure("the block " + region.name() + " is listed twice");
      }
      if (regions.size() == MAX_BLOCKS) {
        throw in.failure("more than " + MAX_BLOCKS + " memory blocks");
      }
      regions.add(region);
      if (mappedRam) {
        mapped.add(MappedBlock.read(in, region));
      }
      leftBytes -= region.bytes();
    }
    memory = new MemoryMap(regions);
    sink.memory(memory);
    long afterList = in.offset();
    for (int i = 0; i < mapped.size(); i++) {
      mapped.get(i).pages(in, sink, memory.firstPage(i));
    }
    in.seek(afterList);
    records();
    return memory;
  }

  private Region block(long leftBytes) throws IOException {
    String name = in.name("the name of a memory block");
    long bytes = in.u64("the length of " + name);
    if (bytes <= 0 || bytes % PAGE_BYTES != 0 || bytes > leftBytes) {
      throw in.unexpected(
          "a length of " + name + " that is a multiple of 4096 and at most " + leftBytes,
          Long.toUnsignedString(bytes));
    }
    int hostPageBytes = PAGE_BYTES;
    if (!mappedRam) {
      long word = in.peekU64("the block list");
      if (word >= PAGE_BYTES
          && word <= MAX_HOST_PAGE_BYTES
          && (word & StreamFormat.FLAGS_MASK) == 0) {
        in.advance(8);
        hostPageBytes = (int) word;
        if (Long.bitCount(word) != 1 || bytes % word != 0) {
          throw in.unexpected("a host page size that divides " + name, word + " bytes");
        }
      }
    }
    return new Region(name, bytes, hostPageBytes);
  }

  /** Reads records up to and including EOS. */
  void records() throws IOException {
    while (true) {
      long word = in.u64("a memory record");
      int flags = (int) word & StreamFormat.FLAGS_MASK;
      long address = word & ~StreamFormat.FLAGS_MASK;
      switch (flags & ~StreamFormat.FLAG_CONTINUE) {
        case StreamFormat.FLAG_PAGE -> {
          int page = page(flags, address);
          in.need(PAGE_BYTES, "a page");
          sink.page(page, in.memory(), in.index());
          in.advance(PAGE_BYTES);
        }
        case StreamFormat.FLAG_ZERO -> {
          int page = page(flags, address);
          int fill = in.u8("a zero page");
          if (fill != 0) {
            throw in.unexpected("a zero page", "a page filled with 0x%02x".formatted(fill));
          }
          sink.zero(page);
        }
        case StreamFormat.FLAG_EOS -> {
          if (word != StreamFormat.FLAG_EOS) {
            throw unknown(word);
          }
          return;
        }
        case StreamFormat.FLAG_MULTIFD_FLUSH -> {
          if (!mappedRam) {
            throw in.failure(
                "saved with the capability multifd: the pages are not in this stream; switch it"
                    + " off and save again");
          }
        }
        default -> throw unknown(word);
      }
    }
  }

  /** The page of a record that has one. */
  private int page(int flags, long address) throws IOException {
    if (mappedRam) {
      throw in.failure("a memory record in the stream, though mapped-ram is on");
    }
    if ((flags & StreamFormat.FLAG_CONTINUE) == 0) {
      String name = in.name("the block of a record");
      Integer index = blockByName.get(name);
      if (index == null) {
        throw in.unexpected("a block of " + blockByName.keySet(), name);
      }
      blockBytes = memory.region(index).bytes();
      blockFirstPage = memory.firstPage(index);
      hasBlock = true;
    } else if (!hasBlock) {
      throw in.failure("the first record does not name its block");
    }
    if (address < 0 || address >= blockBytes) {
      throw in.unexpected(
          "an address inside the block of " + blockBytes + " bytes",
          "0x" + Long.toHexString(address));
    }
    return blockFirstPage + (int) (address / PAGE_BYTES);
  }

  private MigrationStreamException unknown(long word) {
    int flags = (int) word & StreamFormat.FLAGS_MASK;
    String name =
        switch (flags & ~StreamFormat.FLAG_CONTINUE) {
          case StreamFormat.FLAG_XBZRLE -> "saved with the capability xbzrle";
          case StreamFormat.FLAG_COMPRESS_PAGE -> "saved with the capability compress";
          case StreamFormat.FLAG_HOOK -> "an RDMA stream";
          case StreamFormat.FLAG_FULL -> "a record of an obsolete kind (FULL)";
          case StreamFormat.FLAG_MEM_SIZE -> "a second block list";
          default -> null;
        };
    if (name != null) {
      return in.failure(name + ", which Rekindle cannot read; switch it off and save again");
    }
    return in.unexpected("a memory record", "the word 0x%016x".formatted(word));
  }
}
