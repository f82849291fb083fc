package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixSocket;
import org.rekindle.restore.FaultSink;
import org.rekindle.restore.Guest;

/*
 * Playing the source
 * ------------------
 * A stock QEMU that waits for a migration does not ask who speaks. We speak as a QEMU would that is
 * in postcopy mode: device state first, pages as the guest asks for them. The conversation (numbers
 * in docs/protocols/qemu-postcopy.md):
 *
 *   constructor  header, machine type, OPEN_RETURN_PATH, PING 1, ADVISE, list of RAM blocks
 *   place        pages in PART sections: ordinary precopy, the guest does not run
 *   start        RAM_DISCARD of all that was not sent, PACKAGED { LISTEN, device state, RUN }
 *   place        pages again, now moved in atomically; those that the guest asked for overtake
 *   finish       END section, end of file; the destination answers SHUT 0
 *
 * The rules that shape the code, each a hang or a crash of the destination when broken:
 *
 * - There is a RAM_DISCARD before LISTEN, always. Without one the destination falls back to plain
 *   stores into memory that it watches itself, and waits for itself. When every page was placed
 *   before start nothing would be left to discard, so the last page is held back and sent after.
 * - What was not sent before LISTEN is discarded: a transparent huge page may have filled it.
 * - After LISTEN each page is sent exactly once; the destination does ask twice. So there is a
 *   bitmap of sent pages, and place() counts those as settled.
 * - Pages that the guest waits for may go over a connection of their own (the preempt channel), past
 *   everything that is on its way. It carries records alone, from LISTEN on; at END QEMU waits until it
 *   has all that it has asked for, and hangs up.
 * - Loading the devices touches guest memory, so faults come before the package has been taken in.
 *   So nothing here waits: the opening is queued, and pages are served behind it.
 *
 * Why PART sections of few pages and not one endless section: QEMU holds an RCU read lock as long
 * as a section of ram lasts, and a guest that hot-unplugs would wait for ever.
 */

/**
 * A stock QEMU, started with {@code -incoming}, as the destination of a postcopy migration that we
 * are the source of.
 */
public final class PostcopyGuest implements Guest {
  /** The PINGs of QEMU itself; the last one stands behind the device state in the package. */
  private static final int PING_OPENED = 1;

  private static final int PING_DISCARDED = 2;
  private static final int PING_PACKAGE = 3;
  private static final int PING_DEVICES_LOADED = 0x42;
  private static final int PING_STARTED = 4;

  /** From here on PINGs stand behind batches of pages. */
  private static final int PING_FIRST_BATCH = 0x100;

  private static final int COMMAND_BYTES = 5;
  private static final int PING_BYTES = COMMAND_BYTES + Integer.BYTES;
  private static final int DISCARD_RANGE_BYTES = 2 * Long.BYTES;

  /** More than the fixed parts of the greeting take, and its entry for one region. */
  private static final long GREETING_BYTES = 256;

  private static final long REGION_BYTES = 1 + 255 + Long.BYTES;

  /** Room for what the pager places beyond a batch before it has to hear RETRY. */
  private static final int QUEUE_BYTES = 2 << 20;

  private static final int BATCH_PAGES = 2 * PageWriter.MAX_PART_PAGES;

  /*
   * What is on its way stands in front of a page that is demanded next, so it is bounded twice, in
   * bytes by the socket's buffer and in pages by unanswered batches (a page of zeros has 9 bytes,
   * but takes as long as any other to place). Measured with QEMU 7.2 under TCG and a guest that
   * reads 48 MiB over and over, on two cores with much other load, at full fill; medians of 4 runs:
   *
   *   SO_SNDBUF   batches    stall per fault, ms          first instruction to last page, ms
   *                          data in front   zeros        data in front   zeros
   *   212992      any        1.8             1.6          615             667
   *   32768       any        0.9             1.0          699             537
   *   212992      4          1.1             0.9          548             830
   *   32768       3          0.4             0.3          541             605
   *   32768       2          0.5             0.7          454             637
   *
   * Before the guest runs nothing can be overtaken, so the kernel's default stays until then.
   */
  private static final int SEND_BUFFER_BYTES = 32 << 10;

  private static final int WINDOW_BATCHES = 3;

  private static final long NOT_RUN = -1;

  private final MemoryMap memory;
  private final byte[][] names;
  private final byte[] deviceState;
  private final UnixSocket socket;
  private final @Nullable UnixSocket preempt;
  private final int sendBufferBytes;
  private final Poller poller;
  private final int polled;
  private final Arena arena = Arena.ofShared();
  private final Outbox outbox;

  /** What goes over the preempt channel; null without one. */
  private final @Nullable Outbox preempting;

  private final int polledPreempt;
  private final PageWriter precopy;
  private final PageWriter demanded;
  private final PageWriter others;
  private final ReturnPath returnPath;
  private final PageBits sent;
  private int batchPages; // placed and not yet followed by a PING
  private int batchesSent; // with a PING behind each
  private int batchesTaken; // of which the PONG has come
  private boolean started;
  private boolean finishing;
  private boolean shut;
  private boolean gone;
  private boolean closed;
  private volatile long firstInstructionNs = NOT_RUN;

  /** The last page, when all others were sent before the start: sent after it. -1: none. */
  private int heldPage = -1;

  private final MemorySegment heldData;
  private boolean heldIsZero;

  /**
   * Opens the conversation; nothing is sent before {@link #flush}.
   *
   * @param socket connected to where QEMU listens; closed with this guest
   * @param preempt a second connection, made after the first, if QEMU has its capability
   *     postcopy-preempt on; else null. Closed with this guest
   * @param memory the RAM blocks, as they were saved
   * @param machine what else was saved of it
   * @param deviceState the sections of all devices, as they were saved
   */
  public PostcopyGuest(
      UnixSocket socket,
      @Nullable UnixSocket preempt,
      MemoryMap memory,
      SavedMachine machine,
      byte[] deviceState)
      throws IOException {
    this(socket, preempt, memory, machine, deviceState, SEND_BUFFER_BYTES);
  }

  /** Opens it over one connection. */
  public PostcopyGuest(
      UnixSocket socket, MemoryMap memory, SavedMachine machine, byte[] deviceState)
      throws IOException {
    this(socket, null, memory, machine, deviceState, SEND_BUFFER_BYTES);
  }

  PostcopyGuest(
      UnixSocket socket,
      @Nullable UnixSocket preempt,
      MemoryMap memory,
      SavedMachine machine,
      byte[] deviceState,
      int sendBufferBytes)
      throws IOException {
    requireSmallPages(memory);
    this.socket = socket;
    this.preempt = preempt;
    this.sendBufferBytes = sendBufferBytes;
    this.memory = memory;
    this.deviceState = deviceState;
    this.names = PageWriter.encode(memory.regions());
    this.poller = new Poller(2);
    this.polled = poller.add(socket.fd());
    this.polledPreempt = preempt == null ? -1 : poller.add(preempt.fd());
    this.outbox = new Outbox(socket, arena, QUEUE_BYTES, QUEUE_BYTES, QUEUE_BYTES);
    this.precopy = new PageWriter(outbox.opening(), names, true);
    this.preempting = preempt == null ? null : new Outbox(preempt, arena, 0, QUEUE_BYTES, 0);
    this.demanded =
        preempting == null
            ? new PageWriter(outbox.urgent(), names, true)
            : new PageWriter(preempting.urgent(), names, false);
    this.others = new PageWriter(outbox.bulk(), names, true);
    this.returnPath = new ReturnPath(memory, arena);
    this.sent = new PageBits(memory.pages());
    this.heldData = arena.allocate(MemoryMap.PAGE_BYTES, MemoryMap.PAGE_BYTES);
    writeGreeting(machine);
  }

  /**
   * A huge page has to be sent whole, in ascending order and with no other page in between; the
   * pager gives us single pages. So it is refused.
   */
  private static void requireSmallPages(MemoryMap memory) {
    for (Region region : memory.regions()) {
      if (region.hostPageBytes() != MemoryMap.PAGE_BYTES) {
        throw new IllegalArgumentException(
            "region %s is backed by pages of %d bytes: only guests with 4 KiB pages can be restored"
                .formatted(region.name(), region.hostPageBytes()));
      }
    }
  }

  @Override
  public MemoryMap memory() {
    return memory;
  }

  @Override
  public int batchPages() {
    return BATCH_PAGES;
  }

  private void writeGreeting(SavedMachine machine) throws IOException {
    byte[] machineType = machine.machineType().getBytes(StandardCharsets.UTF_8);
    byte[] subsections = machine.configuration();
    FrameQueue queue = outbox.opening();
    queue.reserve(
        GREETING_BYTES
            + machineType.length
            + subsections.length
            + REGION_BYTES * memory.regions().size());
    queue.begin();
    queue.u32(StreamFormat.MAGIC);
    queue.u32(StreamFormat.VERSION);
    queue.u8(StreamFormat.CONFIGURATION);
    queue.u32(machineType.length);
    queue.bytes(machineType);
    queue.bytes(subsections);
    command(queue, StreamFormat.COMMAND_OPEN_RETURN_PATH, 0);
    ping(queue, PING_OPENED);
    command(queue, StreamFormat.COMMAND_POSTCOPY_ADVISE, 2 * Long.BYTES);
    queue.u64(MemoryMap.PAGE_BYTES); // the sizes of all host pages, or-ed
    queue.u64(MemoryMap.PAGE_BYTES); // the target's page
    queue.u8(StreamFormat.SECTION_START);
    queue.u32(PageWriter.RAM_SECTION);
    queue.name(StreamFormat.RAM.getBytes(StandardCharsets.UTF_8));
    queue.u32(0); // instance
    queue.u32(StreamFormat.RAM_VERSION);
    queue.u64(memory.bytes() | StreamFormat.FLAG_MEM_SIZE);
    List<Region> regions = memory.regions();
    for (int i = 0; i < regions.size(); i++) {
      queue.name(names[i]);
      queue.u64(regions.get(i).bytes());
    }
    queue.u64(StreamFormat.FLAG_EOS);
    PageWriter.footer(queue);
    queue.end();
  }

  private static void command(FrameQueue queue, int command, int payloadBytes) {
    queue.u8(StreamFormat.COMMAND);
    queue.u16(command);
    queue.u16(payloadBytes);
  }

  private static void ping(FrameQueue queue, int value) {
    command(queue, StreamFormat.COMMAND_PING, Integer.BYTES);
    queue.u32(value);
  }

  @Override
  public void start() throws IOException {
    if (started) {
      throw new IllegalStateException("started already");
    }
    precopy.close();
    FrameQueue queue = outbox.opening();
    writeDiscards(queue);
    int packageBytes = 2 * COMMAND_BYTES + 2 * PING_BYTES + deviceState.length;
    queue.reserve(packageBytes + 1024L);
    queue.begin();
    ping(queue, PING_DISCARDED);
    command(queue, StreamFormat.COMMAND_PACKAGED, Integer.BYTES);
    queue.u32(packageBytes);
    command(queue, StreamFormat.COMMAND_POSTCOPY_LISTEN, 0);
    queue.bytes(deviceState);
    ping(queue, PING_PACKAGE);
    ping(queue, PING_DEVICES_LOADED);
    command(queue, StreamFormat.COMMAND_POSTCOPY_RUN, 0);
    ping(queue, PING_STARTED);
    queue.end();
    socket.sendBufferBytes(sendBufferBytes);
    started = true;
    if (heldPage >= 0) {
      // Not as one that is waited for: at the end QEMU takes from the preempt channel only what it
      // has asked for.
      place(heldPage, heldIsZero ? null : heldData, 0, false);
    }
  }

  /** RAM_DISCARD commands for every run of pages that was not sent. */
  private void writeDiscards(FrameQueue queue) throws IOException {
    for (int region = 0; region < names.length; region++) {
      int first = memory.firstPage(region);
      int end = memory.firstPage(region) + memory.region(region).pages();
      int fixedBytes = 3 + names[region].length;
      int mostRanges = (0xffff - fixedBytes) / DISCARD_RANGE_BYTES;
      int page = sent.nextClear(first, end);
      while (page < end) {
        // Count the ranges of this command first: its length stands before them.
        int ranges = 0;
        int scan = page;
        while (scan < end && ranges < mostRanges) {
          scan = sent.nextClear(sent.nextSet(scan, end), end);
          ranges++;
        }
        int payloadBytes = fixedBytes + ranges * DISCARD_RANGE_BYTES;
        queue.reserve(COMMAND_BYTES + payloadBytes);
        queue.begin();
        command(queue, StreamFormat.COMMAND_POSTCOPY_RAM_DISCARD, payloadBytes);
        queue.u8(0); // version
        queue.name(names[region]);
        queue.u8(0);
        for (int i = 0; i < ranges; i++) {
          int runEnd = sent.nextSet(page, end);
          queue.u64((long) (page - first) * MemoryMap.PAGE_BYTES);
          queue.u64((long) (runEnd - page) * MemoryMap.PAGE_BYTES);
          page = sent.nextClear(runEnd, end);
        }
        queue.end();
      }
    }
  }

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    while (!gone) {
      int received = returnPath.receive(socket);
      if (received == UnixSocket.WOULD_BLOCK) {
        break;
      }
      if (received == UnixSocket.CLOSED) {
        gone = true;
        break;
      }
      boolean more = returnPath.isFull();
      take(sink, System.nanoTime());
      if (!more) {
        break;
      }
    }
    return shut || !gone;
  }

  private void take(FaultSink sink, long arrivalNs) throws IOException {
    while (true) {
      switch (returnPath.next()) {
        case NONE -> {
          return;
        }
        case REQUEST -> {
          int page = returnPath.firstPage();
          for (int i = 0; i < returnPath.pages(); i++) {
            sink.fault(page + i, 1, arrivalNs, FaultSink.VCPU_UNKNOWN, false);
          }
        }
        case PONG -> {
          if (returnPath.value() == PING_FIRST_BATCH + batchesTaken) {
            batchesTaken++;
          }
        }
        case SHUT -> {
          if (returnPath.value() != 0 || !finishing) {
            throw new IOException(
                "QEMU gave up the restore (status %d); its standard error says why"
                    .formatted(returnPath.value()));
          }
          shut = true;
        }
      }
    }
  }

  private boolean isEmpty() {
    return outbox.isEmpty() && (preempting == null || preempting.isEmpty());
  }

  @Override
  public boolean ready() {
    return isEmpty() && batchesSent - batchesTaken < WINDOW_BATCHES;
  }

  @Override
  public int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demand)
      throws IOException {
    int settled = 0;
    while (settled < pages
        && place(page + settled, data, offset + (long) settled * MemoryMap.PAGE_BYTES, demand)) {
      settled++;
    }
    return settled;
  }

  /** Places one page; false if there is no room for it. */
  private boolean place(int page, @Nullable MemorySegment data, long offset, boolean demand)
      throws IOException {
    if (gone || outbox.isClosed() || sent.get(page)) {
      return true;
    }
    if (!started && sent.count() == memory.pages() - 1) {
      hold(page, data, offset);
      return true;
    }
    PageWriter writer = !started ? precopy : demand ? demanded : others;
    if (!writer.hasRoom()) {
      flush(); // so that a caller who does nothing but try again gets on
      return outbox.isClosed();
    }
    int region = memory.regionOf(page);
    writer.add(region, page - memory.firstPage(region), data, offset);
    sent.set(page);
    if (writer == others) {
      batchPages++;
    }
    return true;
  }

  /** Puts a PING behind the pages that were placed since the last one. */
  private void endBatch() {
    FrameQueue queue = outbox.bulk();
    if (batchPages > 0 && queue.hasRoom(PING_BYTES)) {
      queue.begin();
      ping(queue, PING_FIRST_BATCH + batchesSent);
      queue.end();
      batchesSent++;
      batchPages = 0;
    }
  }

  private void hold(int page, @Nullable MemorySegment data, long offset) {
    heldPage = page;
    heldIsZero = data == null;
    if (data != null) {
      MemorySegment.copy(data, offset, heldData, 0, MemoryMap.PAGE_BYTES);
    }
  }

  @Override
  public boolean flush() throws IOException {
    precopy.close();
    demanded.close();
    others.close();
    endBatch();
    boolean first = preempting == null || preempting.flush() || preempting.isClosed();
    return (outbox.flush() || outbox.isClosed()) && first;
  }

  @Override
  public boolean demandedAreOut() {
    return preempting == null ? outbox.isUrgentEmpty() : preempting.isEmpty();
  }

  @Override
  public void finish() throws IOException {
    if (!started || sent.count() != memory.pages()) {
      throw new IllegalStateException(
          "%d of %d pages were placed".formatted(sent.count(), memory.pages()));
    }
    demanded.close();
    others.close();
    batchPages = 0; // no PING behind the end of the stream
    FrameQueue queue = outbox.bulk();
    queue.reserve(64);
    queue.begin();
    queue.u8(StreamFormat.SECTION_END);
    queue.u32(PageWriter.RAM_SECTION);
    queue.u64(StreamFormat.FLAG_EOS);
    PageWriter.footer(queue);
    queue.u8(StreamFormat.EOF);
    queue.end();
    finishing = true;
  }

  @Override
  public boolean finished() {
    return shut;
  }

  @Override
  public void await(long timeoutNs) throws IOException {
    poller.interest(polled, true, !outbox.isEmpty());
    if (preempting != null) {
      poller.interest(polledPreempt, false, !preempting.isEmpty());
    }
    // No spinning before: 20 to 100 µs of it changed nothing measurable per fault with QEMU 7.2
    // under TCG on two busy cores, and takes a core from the guest.
    poller.poll(timeoutNs);
  }

  @Override
  public void wake() {
    poller.wake();
  }

  /** Tells when the guest's first instruction ran; callable from every thread. */
  void firstInstruction(long ns) {
    firstInstructionNs = ns;
  }

  @Override
  public long firstInstructionNs() {
    return firstInstructionNs;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      poller.close();
      socket.close();
      if (preempt != null) {
        preempt.close();
      }
      arena.close();
    }
  }
}
