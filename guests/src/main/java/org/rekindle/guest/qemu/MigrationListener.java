package org.rekindle.guest.qemu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The socket that a migration is sent to, as a channel that never waits for ever: while nothing
 * comes, it looks whether there is still something to wait for.
 */
final class MigrationListener implements ReadableByteChannel {
  /** How often a silent peer is looked after; four QMP commands a second cost nothing. */
  private static final long LOOK_MS = 250;

  private static final int DRAINED_BYTES = 1 << 16;

  /** Says why it is useless to wait any longer, by an exception; must not wait itself. */
  interface Vigil {
    void check() throws IOException;
  }

  private final Selector selector;
  private final ServerSocketChannel server;
  private final Vigil vigil;
  private final Duration patience;
  private @Nullable SocketChannel peer;
  private volatile boolean cancelled;
  private boolean draining;
  private boolean interruptedMeanwhile;

  /**
   * @param path a short path in a private directory
   * @param patience how long the peer may be silent
   */
  MigrationListener(Path path, Vigil vigil, Duration patience) throws IOException {
    this.vigil = vigil;
    this.patience = patience;
    this.selector = Selector.open();
    ServerSocketChannel opened = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    this.server = opened;
    try {
      opened.bind(UnixDomainSocketAddress.of(path), 1);
      opened.configureBlocking(false);
    } catch (IOException | RuntimeException failed) {
      try (selector;
          opened) {
        throw failed;
      }
    }
  }

  /** Reads some bytes, of the first peer that connects; waits for it if need be. */
  @Override
  public int read(ByteBuffer target) throws IOException {
    checkWanted();
    SocketChannel source = peer;
    while (source == null) {
      source = server.accept();
      if (source == null) {
        await(server, SelectionKey.OP_ACCEPT);
      } else {
        source.configureBlocking(false);
        peer = source;
        server.close();
      }
    }
    while (true) {
      int some = source.read(target);
      if (some != 0) {
        return some;
      }
      await(source, SelectionKey.OP_READ);
    }
  }

  private void await(SelectableChannel channel, int operation) throws IOException {
    channel.register(selector, operation);
    long startNs = System.nanoTime();
    while (true) {
      checkWanted();
      if (selector.select(_ -> {}, LOOK_MS) > 0) {
        return;
      }
      vigil.check();
      if (System.nanoTime() - startNs > patience.toNanos()) {
        throw new IOException("QEMU has sent nothing for " + patience.toSeconds() + " s");
      }
    }
  }

  /** Has the reading thread fail soon; from any thread. */
  void cancel() {
    cancelled = true;
    selector.wakeup();
  }

  private void checkWanted() throws IOException {
    if (draining) {
      interruptedMeanwhile |= Thread.interrupted(); // no select would wait any more
      return;
    }
    if (cancelled) {
      throw new IOException("cancelled");
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while waiting for QEMU");
    }
  }

  /** Takes in what still comes, up to its end, whatever anybody wants meanwhile. */
  void drain() throws IOException {
    draining = true;
    ByteBuffer rest = ByteBuffer.allocateDirect(DRAINED_BYTES);
    try {
      while (read(rest.clear()) >= 0) {
        // nobody wants it
      }
    } finally {
      if (interruptedMeanwhile) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public boolean isOpen() {
    return selector.isOpen();
  }

  @Override
  public void close() throws IOException {
    try (selector;
        server;
        SocketChannel _ = peer) {
      // all of them, whatever happens to the first
    }
  }
}
