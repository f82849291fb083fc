package org.rekindle.guest.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Writes migration streams of every kind, whole or wrong, as the test wants them. */
final class StreamBuilder {
  static final int RAM_ID = 2;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** A stream of the usual shape: two blocks, live repetitions, devices, description. */
  static byte[] typical() {
    return new StreamBuilder()
        .header()
        .configuration("pc-q35-7.2")
        .ramStart()
        .memSize(10 * 4096)
        .block("pc.ram", 8 * 4096)
        .block("vga.vram", 2 * 4096)
        .eos()
        .footer(RAM_ID)
        .ramPart()
        .page("pc.ram", 0, 1)
        .page(1, 2)
        .zero(2)
        .zero("vga.vram", 0)
        .eos()
        .footer(RAM_ID)
        .ramPart()
        .page("pc.ram", 7, 3)
        .page(0, 4)
        .zero(1)
        .page(2, 5)
        .eos()
        .footer(RAM_ID)
        .ramEnd()
        .page("vga.vram", 1, 6)
        .eos()
        .footer(RAM_ID)
        .devices("running")
        .eof()
        .description()
        .bytes();
  }

  /**
   * A mapped-ram file of two blocks; pages lie on 8 KiB here, as the format allows. Its offsets are
   * those of the file, wherever the stream starts.
   */
  static byte[] mapped(int startOffset) {
    StreamBuilder stream = mappedStart(startOffset);
    int pages = 8192;
    stream.u32(1).u64(4096).u64(stream.size() + 16).u64(pages);
    stream.u64(Long.reverseBytes(1L)).u64(Long.reverseBytes(0b101110L));
    stream.padTo(pages).raw(filled(1));
    stream.padTo(pages + 65 * 4096).raw(filled(2)).padTo(pages + 69 * 4096);
    stream.raw(filled(3));
    stream.block("rom", 4096);
    int rom = pages + 72 * 4096;
    stream.u32(1).u64(4096).u64(stream.size() + 16).u64(rom).u64(Long.reverseBytes(1L));
    stream.padTo(rom).raw(filled(4));
    stream.eos().footer(2).ramPart().u64(0x200).eos().footer(2);
    return stream.ramEnd().u64(0x200).eos().footer(2).devices("paused").eof().description().bytes();
  }

  static StreamBuilder mappedStart(int startOffset) {
    return new StreamBuilder()
        .padTo(startOffset)
        .header()
        .configuration("pc")
        .capabilities("mapped-ram")
        .ramStart()
        .memSize(71 * 4096)
        .block("pc.ram", 70 * 4096);
  }

  StreamBuilder header() {
    return u32(0x5145564d).u32(3);
  }

  StreamBuilder configuration(String machineType) {
    return u8(7).u32(machineType.length()).raw(machineType.getBytes(US_ASCII));
  }

  StreamBuilder subsection(String name) {
    return u8(5).name(name).u32(1);
  }

  StreamBuilder capabilities(String... names) {
    subsection("configuration/capabilities").u32(names.length);
    for (String name : names) {
      name(name);
    }
    return this;
  }

  StreamBuilder start(int id, String name, int version) {
    return u8(1).u32(id).name(name).u32(0).u32(version);
  }

  StreamBuilder ramStart() {
    return start(RAM_ID, "ram", 4);
  }

  StreamBuilder ramPart() {
    return u8(2).u32(RAM_ID);
  }

  StreamBuilder ramEnd() {
    return u8(3).u32(RAM_ID);
  }

  StreamBuilder footer(int id) {
    return u8(0x7e).u32(id);
  }

  StreamBuilder memSize(long bytes) {
    return u64(bytes | 4);
  }

  StreamBuilder block(String name, long bytes) {
    return name(name).u64(bytes);
  }

  StreamBuilder eos() {
    return u64(0x10);
  }

  /** A page of a named block, filled with one byte. */
  StreamBuilder page(String block, long gpn, int fill) {
    return u64(gpn * 4096 | 0x08).name(block).raw(filled(fill));
  }

  /** A page of the last named block. */
  StreamBuilder page(long gpn, int fill) {
    return u64(gpn * 4096 | 0x28).raw(filled(fill));
  }

  StreamBuilder zero(String block, long gpn) {
    return u64(gpn * 4096 | 0x02).name(block).u8(0);
  }

  StreamBuilder zero(long gpn) {
    return u64(gpn * 4096 | 0x22).u8(0);
  }

  StreamBuilder command(int number, byte... payload) {
    return u8(8).u16(number).u16(payload.length).raw(payload);
  }

  StreamBuilder full(int id, String name, byte[] payload) {
    return u8(4).u32(id).name(name).u32(0).u32(1).raw(payload).footer(id);
  }

  /** A device whose state looks like an end of stream, and the run state. */
  StreamBuilder devices(String runState) {
    byte[] state = new byte[4 + 100];
    state[3] = (byte) (runState.length() + 1);
    System.arraycopy(runState.getBytes(US_ASCII), 0, state, 4, runState.length());
    return full(7, "timer", new byte[] {0, 6, 0, 0, 0, 2, '{', '}', 0, 6, 6, 6})
        .full(3, "globalstate", state);
  }

  StreamBuilder eof() {
    return u8(0);
  }

  StreamBuilder description() {
    byte[] json = "{\"page_size\": 4096, \"devices\": [{\"name\": \"timer\"}]}".getBytes(US_ASCII);
    return u8(6).u32(json.length).raw(json);
  }

  StreamBuilder u8(int value) {
    out.write(value);
    return this;
  }

  StreamBuilder u16(int value) {
    return raw(ByteBuffer.allocate(2).putShort((short) value).array());
  }

  StreamBuilder u32(int value) {
    return raw(ByteBuffer.allocate(4).putInt(value).array());
  }

  StreamBuilder u64(long value) {
    return raw(ByteBuffer.allocate(8).putLong(value).array());
  }

  StreamBuilder name(String name) {
    return u8(name.length()).raw(name.getBytes(US_ASCII));
  }

  StreamBuilder raw(byte... bytes) {
    out.writeBytes(bytes);
    return this;
  }

  /** Zeros up to an offset. */
  StreamBuilder padTo(int offset) {
    return raw(new byte[offset - out.size()]);
  }

  int size() {
    return out.size();
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  static byte[] filled(int fill) {
    byte[] page = new byte[4096];
    java.util.Arrays.fill(page, (byte) fill);
    return page;
  }
}
