package org.rekindle.lab;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.guest.uffd.SessionEnd;
import org.rekindle.guest.uffd.UffdServer;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.UnixListener;

/** A server at a socket, on a thread of its own, for as long as a test likes. */
final class UffdServing implements AutoCloseable {
  private static final long PATIENCE_S = 60;

  private final UffdServer server;
  private final FutureTask<Void> serving;
  private final Thread thread;
  private final Map<Long, CompletableFuture<SessionEnd>> ends = new ConcurrentHashMap<>();

  UffdServing(Path socket, MemoryMap memory, OnFailure onFailure, UffdServer.Restorer restorer)
      throws IOException {
    server = new UffdServer(socket, UnixListener.OWNER_ONLY, memory, onFailure);
    serving =
        new FutureTask<>(() -> {
          server.serve(0, restorer, end -> endOf(end.pid()).complete(end));
          return null;
        });
    thread = Thread.ofPlatform().name("rekindle-serving").start(serving);
  }

  private CompletableFuture<SessionEnd> endOf(long pid) {
    return ends.computeIfAbsent(pid, _ -> new CompletableFuture<>());
  }

  /** Waits until the session of a VMM has ended; how. */
  SessionEnd awaitEnd(VmmDouble vmm) throws IOException {
    try {
      return endOf(vmm.child().pid()).get(PATIENCE_S, TimeUnit.SECONDS);
    } catch (TimeoutException | ExecutionException | InterruptedException never) {
      throw new IOException("its session does not end", never);
    }
  }

  /** Stops: sessions that still run are cancelled. */
  @Override
  public void close() throws IOException {
    thread.interrupt();
    try (server) {
      serving.get(PATIENCE_S, TimeUnit.SECONDS);
    } catch (ExecutionException ended) {
      if (!(ended.getCause() instanceof InterruptedIOException)) {
        throw new IOException("the server failed", ended.getCause());
      }
    } catch (TimeoutException | InterruptedException never) {
      throw new IOException("the server does not end", never);
    }
  }
}
