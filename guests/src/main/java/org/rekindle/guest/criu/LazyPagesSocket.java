package org.rekindle.guest.criu;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.DataFormatException;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.CorruptImageException;
import org.rekindle.image.Image;
import org.rekindle.linux.Poller;
import org.rekindle.linux.UnixListener;
import org.rekindle.linux.UnixSocket;

/**
 * Listens where {@code criu restore --lazy-pages} expects {@code criu lazy-pages}: at {@code
 * lazy-pages.socket} in its work directory.
 */
public final class LazyPagesSocket implements AutoCloseable {
  /** The name that CRIU connects to. */
  public static final String NAME = "lazy-pages.socket";

  /** How often a waiting listener looks whether it has been interrupted. */
  private static final long LOOK_NS = 100_000_000;

  private final UnixListener listener;
  private final Image image;
  private final SavedTree tree;

  private LazyPagesSocket(UnixListener listener, Image image, SavedTree tree) {
    this.listener = listener;
    this.image = image;
    this.tree = tree;
  }

  /**
   * Listens, for whoever runs as the same user.
   *
   * @param path ends in {@link #NAME}; removed when this is closed
   * @param image made by an import of CRIU's dump
   */
  public static LazyPagesSocket listen(Path path, Image image) throws IOException {
    SavedTree tree = tree(image);
    UnixListener listener = UnixListener.bind(path, UnixListener.OWNER_ONLY);
    try {
      listener.askForSenders();
      return new LazyPagesSocket(listener, image, tree);
    } catch (IOException failed) {
      listener.close();
      throw failed;
    }
  }

  private static SavedTree tree(Image image) throws IOException {
    String kind = image.manifest().guestKind();
    if (!kind.equals(CriuImport.GUEST_KIND)) {
      throw new IOException(
          image.directory() + " is an image of kind " + kind + ", not of a dump of CRIU");
    }
    try {
      return SavedTree.decode(image.deviceState(), image.memory());
    } catch (DataFormatException damaged) {
      throw new CorruptImageException(
          image.directory() + ": the table of processes: " + damaged.getMessage(), damaged);
    }
  }

  /**
   * Waits for CRIU to connect.
   *
   * @param onFailure what becomes of the processes if they do not get all of their memory
   * @throws InterruptedIOException if this thread was interrupted
   * @throws IOException if CRIU restores another dump
   */
  public CriuGuest accept(OnFailure onFailure) throws IOException {
    try (Poller poller = new Poller(1)) {
      poller.interest(poller.add(listener.fd()), true, false);
      while (true) {
        Optional<UnixSocket> connected = listener.accept();
        if (connected.isPresent()) {
          return guest(connected.get(), onFailure);
        }
        if (Thread.currentThread().isInterrupted()) {
          throw new InterruptedIOException("interrupted while waiting for CRIU");
        }
        poller.poll(LOOK_NS);
      }
    }
  }

  private CriuGuest guest(UnixSocket socket, OnFailure onFailure) throws IOException {
    try {
      socket.askForSenders();
      RunningRestore.check(socket.peerCredentials().pid(), tree.dump(), image.directory());
      return new CriuGuest(tree, image.memory(), new RestoreTalk(socket), onFailure);
    } catch (IOException | RuntimeException failed) {
      socket.close();
      throw failed;
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }
}
