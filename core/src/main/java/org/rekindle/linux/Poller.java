package org.rekindle.linux;

import java.io.IOException;

/** Waits for several descriptors and for {@link #wake}. One thread polls; every thread may wake. */
public final class Poller implements AutoCloseable {
  /** At most this many descriptors. */
  public Poller(int capacity) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Adds a descriptor; the result names it in the other calls. */
  public int add(int fd) {
    throw new UnsupportedOperationException();
  }

  /** What to wait for at this descriptor. */
  public void interest(int index, boolean read, boolean write) {
    throw new UnsupportedOperationException();
  }

  /**
   * Waits at most so long (0: not at all, negative: without end); returns how many descriptors are
   * ready.
   */
  public int poll(long timeoutNs) throws IOException {
    throw new UnsupportedOperationException();
  }

  public boolean readable(int index) {
    throw new UnsupportedOperationException();
  }

  public boolean writable(int index) {
    throw new UnsupportedOperationException();
  }

  /** Ends the current or the next {@link #poll}. */
  public void wake() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
