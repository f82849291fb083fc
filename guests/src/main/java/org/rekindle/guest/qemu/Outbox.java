package org.rekindle.guest.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import org.rekindle.linux.LinuxException;
import org.rekindle.linux.UnixSocket;

/**
 * What waits to be sent on one connection, in three queues: the opening of the conversation, which
 * nothing overtakes; then pages that the guest waits for; then all other pages. The order is kept
 * frame by frame, so a demanded page waits for the rest of one frame at most (and for what the
 * kernel has queued already, see {@link PostcopyGuest}).
 */
final class Outbox {
  private final UnixSocket socket;
  private final FrameQueue opening;
  private final FrameQueue urgent;
  private final FrameQueue bulk;
  private FrameQueue current;
  private boolean closed;

  Outbox(UnixSocket socket, Arena arena, long openingBytes, long urgentBytes, long bulkBytes)
      throws LinuxException {
    this.socket = socket;
    this.opening = new FrameQueue(arena, openingBytes);
    this.urgent = new FrameQueue(arena, urgentBytes);
    this.bulk = new FrameQueue(arena, bulkBytes);
    this.current = opening;
  }

  FrameQueue opening() {
    return opening;
  }

  FrameQueue urgent() {
    return urgent;
  }

  FrameQueue bulk() {
    return bulk;
  }

  /** Whether nothing waits. */
  boolean isEmpty() {
    return opening.pendingBytes() == 0 && urgent.pendingBytes() == 0 && bulk.pendingBytes() == 0;
  }

  /** Whether nothing waits but what may be overtaken. */
  boolean isUrgentEmpty() {
    return opening.pendingBytes() == 0 && urgent.pendingBytes() == 0;
  }

  /** Whether the peer has closed the connection: what waits will never be sent. */
  boolean isClosed() {
    return closed;
  }

  /** Sends what the socket takes; true once every closed frame has been sent. */
  boolean flush() throws IOException {
    while (!closed) {
      if (current.unsentBytes() == 0 && !turnToNextFrame()) {
        return true;
      }
      int sent = socket.send(current.buffer(), current.unsentOffset(), current.unsentBytes());
      if (sent == UnixSocket.WOULD_BLOCK) {
        return false;
      }
      if (sent == UnixSocket.CLOSED) {
        closed = true;
      } else {
        current.sent(sent);
      }
    }
    return false;
  }

  private boolean turnToNextFrame() {
    for (int i = 0; i < 3; i++) {
      current = i == 0 ? opening : i == 1 ? urgent : bulk;
      if (current.nextFrame()) {
        return true;
      }
    }
    return false;
  }
}
