package org.rekindle.restore;

import java.util.ArrayList;
import java.util.List;

/**
 * Every fault of one restore: what the guest waited for, from when to when.
 *
 * <p>Columns of primitives in chunks, so that logging a fault allocates nothing but a chunk every
 * 65,536 faults. Times are on the clock of {@link System#nanoTime}. Written by the pager thread;
 * read by others once the restore is over.
 */
public final class FaultLog {
  private static final int CHUNK = 1 << 16;

  private static final class Chunk {
    final long[] arrivalNs = new long[CHUNK];
    final long[] servedNs = new long[CHUNK];
    final int[] page = new int[CHUNK];
    final short[] pages = new short[CHUNK];
    final short[] vcpu = new short[CHUNK];
    final Cause[] cause = new Cause[CHUNK];
    final boolean[] write = new boolean[CHUNK];
  }

  private final List<Chunk> chunks = new ArrayList<>();
  private int size;

  FaultLog() {
    chunks.add(new Chunk());
  }

  /** Logs a fault that has been served. */
  void add(
      int page, int pages, long arrivalNs, long servedNs, Cause cause, int vcpu, boolean write) {
    if (size == chunks.size() * CHUNK) {
      chunks.add(new Chunk());
    }
    Chunk chunk = chunks.get(size / CHUNK);
    int i = size % CHUNK;
    chunk.arrivalNs[i] = arrivalNs;
    chunk.servedNs[i] = servedNs;
    chunk.page[i] = page;
    chunk.pages[i] = (short) pages;
    chunk.vcpu[i] = (short) vcpu;
    chunk.cause[i] = cause;
    chunk.write[i] = write;
    size++;
  }

  /** Number of faults, in the order in which they were served. */
  public int size() {
    return size;
  }

  public long arrivalNs(int i) {
    return chunks.get(i / CHUNK).arrivalNs[i % CHUNK];
  }

  public long servedNs(int i) {
    return chunks.get(i / CHUNK).servedNs[i % CHUNK];
  }

  public int page(int i) {
    return chunks.get(i / CHUNK).page[i % CHUNK];
  }

  /** How many pages were waited for as one, from {@link #page} on: 512 if they are huge. */
  public int pages(int i) {
    return chunks.get(i / CHUNK).pages[i % CHUNK];
  }

  /**
   * The virtual CPU that waited, {@link FaultSink#VCPU_UNKNOWN} or {@link FaultSink#NOT_A_VCPU}.
   */
  public int vcpu(int i) {
    return chunks.get(i / CHUNK).vcpu[i % CHUNK];
  }

  public Cause cause(int i) {
    return chunks.get(i / CHUNK).cause[i % CHUNK];
  }

  /** Whether the guest wanted to write, where the VMM tells. */
  public boolean write(int i) {
    return chunks.get(i / CHUNK).write[i % CHUNK];
  }
}
