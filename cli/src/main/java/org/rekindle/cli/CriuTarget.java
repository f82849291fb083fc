package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.CriuGuest;
import org.rekindle.guest.criu.LazyPagesSocket;
import org.rekindle.restore.Outcome;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A tree of processes that {@code criu restore --lazy-pages} brings back. */
final class CriuTarget implements Target {
  @Option(
      names = "--criu-socket",
      paramLabel = "SOCKET",
      description =
          """
          Serve 'criu restore --lazy-pages' in the place of 'criu lazy-pages'. SOCKET is \
          lazy-pages.socket in the work directory of criu restore.\
          """)
  private @Nullable Path socket;

  private FailurePolicy onFailure = new FailurePolicy();

  /** Refuses a socket that CRIU will not look for. */
  CriuTarget checked(CommandLine command, FailurePolicy policy) {
    onFailure = policy;
    if (socket != null && !socket.endsWith(LazyPagesSocket.NAME)) {
      throw new ParameterException(
          command,
          "CRIU connects to %s in its work directory: give --criu-socket DIR/%s"
              .formatted(LazyPagesSocket.NAME, LazyPagesSocket.NAME));
    }
    return this;
  }

  @Override
  public String synopsis() {
    return "--criu-socket SOCKET";
  }

  @Override
  public boolean chosen() {
    return socket != null;
  }

  @Override
  public void carryOut(Job job, Cleanup cleanup) throws Exception {
    Path path = Objects.requireNonNull(socket);
    LazyPagesSocket listening = cleanup.own(LazyPagesSocket.listen(path, job.image()));
    job.command().say("waiting for criu restore --lazy-pages at " + path + " (Ctrl-C ends it)");
    CriuGuest guest = cleanup.own(listening.accept(onFailure.value()));
    listening.close();
    Outcome outcome = restore(job, guest);
    job.command()
        .publish(job.result(new Restored(outcome, guest.connectedNs(), 0, Optional.empty())));
  }

  private static Outcome restore(Job job, CriuGuest guest) throws IOException {
    try (guest) {
      return job.restore(guest, true);
    } finally {
      guest.fate().ifPresent(job.command()::say);
    }
  }
}
