package org.rekindle.guest.qemu;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;

/**
 * A machine whose firmware is its whole software, so that each of its writes is known: it fills
 * 6,144 pages, then waits, and writes nothing, until it is told to go on. Then it writes 1,024 of
 * them one after the other in an order without a pattern, again and again, and beats.
 */
final class WritingGuest implements AutoCloseable {
  static final int MEMORY_MIB = 32;
  static final int WRITTEN_PAGES = 1024;

  private static final int FIRST_PAGE = 0x200000 / MemoryMap.PAGE_BYTES;

  /** Between two pages that are written, so that none is the next one of QEMU's walk. */
  private static final int STRIDE = 6;

  private static final int FIRMWARE_BYTES = 64 << 10;
  private static final int RESET_VECTOR = 0xfff0;

  /*
   * At 0xf0000; assembled by GNU as from this:
   *
   *   .code16
   *   start:   cli
   *            lgdtl %cs:gdtr-start
   *            movl %cr0,%eax
   *            orb $1,%al
   *            movl %eax,%cr0
   *            ljmpl $8,$0xf0000+(start32-start)
   *   .code32
   *   start32: movw $16,%ax
   *            movw %ax,%ds
   *            xorl %ecx,%ecx
   *            movl $0x200000,%edi
   *   fill:    movl %ecx,(%edi)            # each page with other content
   *            notl (%edi)
   *            addl $4096,%edi
   *            incl %ecx
   *            cmpl $6144,%ecx
   *            jne fill
   *            movw $0x3f8,%dx
   *            movb $'r',%al               # ready
   *            outb %al,%dx
   *   wait:    movw $0x3fd,%dx
   *            inb %dx,%al
   *            testb $1,%al
   *            jz wait
   *            movw $0x3f8,%dx
   *            inb %dx,%al
   *            xorl %ebx,%ebx
   *            xorl %esi,%esi
   *   write:   imull $421,%ebx,%ebx        # a generator of full period
   *            addl $331,%ebx
   *            andl $1023,%ebx
   *            imull $24576,%ebx,%edi
   *            incl 0x200008(%edi)
   *            movl $20000,%ecx
   *   pause:   decl %ecx
   *            jnz pause
   *            incl %esi
   *            testl $63,%esi
   *            jnz write
   *            movb $'b',%al               # a beat every 64 writes
   *            outb %al,%dx
   *            jmp write
   *   .p2align 3
   *   gdt:     .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
   *   gdtr:    .word 23
   *            .long 0xf0000+(gdt-start)
   */
  private static final String CODE =
      "fa2e660f0116a0000f20c00c010f22c066ea18000f00080066b810008ed831c9bf00002000890ff71781c7001000"
          + "004181f90018000075ed66baf803b072ee66bafd03eca80174f766baf803ec31db31f669dba501000081c34b"
          + "01000081e3ff03000069fb00600000ff8708002000b9204e00004975fd46f7c63f00000075d1b062eeebcc8d"
          + "76000000000000000000ffff0000009acf00ffff00000092cf00170088000f00";

  /** {@code ljmp $0xf000,$0}. */
  private static final String RESET = "ea000000f0";

  private final TestMachine machine;
  private final SocketChannel serial;
  private final AtomicLong beats = new AtomicLong();

  private WritingGuest(TestMachine machine, SocketChannel serial) {
    this.machine = machine;
    this.serial = serial;
  }

  /** Starts it, and waits until it waits. */
  static WritingGuest start(String qemu, Path directory, String... more) throws IOException {
    byte[] firmware = new byte[FIRMWARE_BYTES];
    put(firmware, 0, CODE);
    put(firmware, RESET_VECTOR, RESET);
    Path file = Files.write(directory.resolve("firmware"), firmware);
    Path socket = Files.createTempDirectory(directory, "s").resolve("serial");
    List<String> arguments = new ArrayList<>(List.of("-bios", file.toString()));
    arguments.addAll(List.of("-m", MEMORY_MIB + "M", "-serial", "chardev:serial", "-chardev"));
    arguments.add("socket,id=serial,path=" + socket + ",server=on"); // waits for us
    arguments.addAll(List.of(more));
    SocketChannel serial = SocketChannel.open(StandardProtocolFamily.UNIX);
    Thread connecting = Thread.ofVirtual().start(() -> connect(serial, socket));
    try {
      WritingGuest guest =
          new WritingGuest(
              TestMachine.start(qemu, directory, arguments.toArray(String[]::new)), serial);
      connecting.join();
      guest.awaitReady();
      Thread.ofVirtual().start(guest::listen);
      return guest;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IOException(interrupted);
    }
  }

  private static void put(byte[] firmware, int at, String code) {
    byte[] bytes = HexFormat.of().parseHex(code);
    System.arraycopy(bytes, 0, firmware, at, bytes.length);
  }

  /** QEMU's machine is made once its serial port is connected. */
  private static void connect(SocketChannel serial, Path socket) {
    while (!serial.isConnected()) {
      try {
        if (Files.exists(socket)) {
          serial.connect(UnixDomainSocketAddress.of(socket));
        }
      } catch (IOException notYet) {
        // between QEMU's bind and its listen
      }
      Thread.onSpinWait();
    }
  }

  private void awaitReady() throws IOException {
    if (serial.read(ByteBuffer.allocate(1)) != 1) {
      throw new EOFException("the guest said nothing");
    }
  }

  private void listen() {
    ByteBuffer said = ByteBuffer.allocate(64);
    try {
      for (int some = serial.read(said); some >= 0; some = serial.read(said.clear())) {
        beats.addAndGet(some);
      }
    } catch (IOException over) {
      // The machine has ended.
    }
  }

  /** Has it write. */
  void go() {
    try {
      serial.write(ByteBuffer.wrap(new byte[] {'g'}));
    } catch (IOException gone) {
      throw new IllegalStateException(gone);
    }
  }

  /** Each is 64 writes. */
  long beats() {
    return beats.get();
  }

  /** Waits for so many more beats. */
  void awaitBeats(int more) throws InterruptedException {
    long wanted = beats() + more;
    while (beats() < wanted) {
      Thread.sleep(1);
    }
  }

  /** The pages that it writes, in the order in which it first does. */
  static int[] writtenPages() {
    return IntStream.iterate(331, x -> (x * 421 + 331) & WRITTEN_PAGES - 1)
        .limit(WRITTEN_PAGES)
        .map(x -> FIRST_PAGE + STRIDE * x)
        .toArray();
  }

  /** Saves it while it stands still, and lets it go on. */
  void save(Path image) throws IOException {
    try (QemuSave save =
        new QemuSave(
            machine.monitor(),
            image,
            ImageWriter.Options.DEFAULT,
            QemuSave.Then.RESUME,
            (_, _) -> {})) {
      save.run();
    }
  }

  TestMachine machine() {
    return machine;
  }

  @Override
  public void close() throws IOException {
    try (serial) {
      machine.close();
    }
  }

  /** With memory that is something else than private and anonymous. */
  static String[] withMemory(String backend) {
    return Stream.of(
            "-object",
            backend + ",id=ram,size=" + MEMORY_MIB + "M,share=on",
            "-machine",
            "memory-backend=ram")
        .toArray(String[]::new);
  }
}
