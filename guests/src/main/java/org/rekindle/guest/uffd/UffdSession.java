package org.rekindle.guest.uffd;

import java.io.IOException;
import java.time.Duration;
import org.rekindle.guest.uffd.SessionEnd.Fate;
import org.rekindle.guest.uffd.SessionEnd.Outcome;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.UnixSocket;
import org.rekindle.restore.GuestGoneException;

/** What is done for one peer that has connected, from its hand-over to the end of its restore. */
final class UffdSession {
  /** A VMM sends its hand-over in the moment in which it connects. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final MemoryMap memory;
  private final UffdServer.Restorer restorer;
  private final OnFailure onFailure;
  private boolean allIn;

  UffdSession(MemoryMap memory, UffdServer.Restorer restorer, OnFailure onFailure) {
    this.memory = memory;
    this.restorer = restorer;
    this.onFailure = onFailure;
  }

  /**
   * Serves it to the end. Never throws: whatever happens is this session's own.
   *
   * @param socket closed when this returns
   * @param guestCame is told when there is a guest
   */
  SessionEnd serve(UnixSocket socket, Runnable guestCame) {
    try (Peer peer = new Peer(socket)) {
      return serve(peer, guestCame);
    } catch (IOException failed) {
      return new SessionEnd(0, Outcome.REFUSED, failed, Fate.UNTOUCHED); // it is gone already
    }
  }

  private SessionEnd serve(Peer peer, Runnable guestCame) {
    try {
      restore(peer, guestCame);
      return new SessionEnd(peer.pid(), Outcome.RESTORED, null, Fate.RUNS);
    } catch (HandOverException refused) {
      Fate fate = Fate.UNTOUCHED;
      if (refused.guestWaits()) {
        guestCame.run();
        fate = fate(peer);
      }
      return new SessionEnd(peer.pid(), Outcome.REFUSED, refused, fate);
    } catch (GuestGoneException gone) {
      return new SessionEnd(peer.pid(), Outcome.FAILED, gone, Fate.ENDED);
    } catch (IOException | RuntimeException | Error failed) {
      return new SessionEnd(peer.pid(), Outcome.FAILED, failed, allIn ? Fate.RUNS : fate(peer));
    }
  }

  private void restore(Peer peer, Runnable guestCame) throws IOException {
    try (AddressSpace space = HandOver.receive(peer.socket(), memory, PATIENCE);
        UffdGuest guest = new UffdGuest(memory, space, peer)) {
      guestCame.run();
      try {
        restorer.restore(guest);
      } finally {
        allIn = guest.finished();
      }
    }
  }

  /** What becomes of a VMM whose guest has not got all of its memory. */
  private Fate fate(Peer peer) {
    try {
      return peer.ended() ? Fate.ENDED : onFailure == OnFailure.LEAVE ? Fate.LEFT : peer.kill();
    } catch (IOException unseen) {
      return Fate.OUT_OF_REACH;
    }
  }
}
