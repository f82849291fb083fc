package org.rekindle.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A connected Unix stream socket in non-blocking mode, without the locks and copies of a channel.
 */
public final class UnixSocket implements AutoCloseable {
  /** Nothing could be sent or received now. */
  public static final int WOULD_BLOCK = -1;

  /** The peer has closed the connection. */
  public static final int CLOSED = -2;

  private UnixSocket() {}

  public static UnixSocket connect(Path path) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** The descriptor, for a {@link Poller}. */
  public int fd() {
    throw new UnsupportedOperationException();
  }

  /** Bounds what the kernel queues towards the peer (SO_SNDBUF). */
  public void sendBufferBytes(int bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Sends some of the bytes; how many, or {@link #WOULD_BLOCK} or {@link #CLOSED}. */
  public int send(MemorySegment from, long offset, long bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Receives up to {@code bytes}; how many, or {@link #WOULD_BLOCK} or {@link #CLOSED}. */
  public int receive(MemorySegment into, long offset, long bytes) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
