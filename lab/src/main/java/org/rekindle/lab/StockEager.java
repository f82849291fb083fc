package org.rekindle.lab;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.QmpEvent;

/**
 * What people do today: stock QEMU saves its migration stream to a file through {@code cat}, and
 * later reads all of it before the guest runs. The rival that a restore has to beat.
 */
public final class StockEager {
  /** For each step of a migration; a GiB from a slow disk takes ten seconds. */
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  private static final Duration MONITOR = Duration.ofSeconds(30);
  private static final long LOOK_MS = 100;

  private StockEager() {}

  /**
   * Stops the guest and saves it: {@code migrate "exec:cat > file"}. The guest stays stopped; a
   * {@code cont} brings it back.
   *
   * @param file its path needs no quoting in a shell
   * @return how long it took
   */
  public static Duration save(Qmp qmp, Path file) throws IOException {
    requirePlain(file);
    enableEvents(qmp);
    qmp.execute("stop");
    long startNs = System.nanoTime();
    try (Migration migration = new Migration(qmp)) {
      qmp.execute("migrate", Map.of("uri", "exec:cat > " + file));
      migration.await();
    }
    Duration elapsed = Duration.ofNanos(System.nanoTime() - startNs);
    awaitPostmigrate(qmp);
    return elapsed;
  }

  /** QEMU sets this state after "completed", and aborts if the guest runs by then. */
  private static void awaitPostmigrate(Qmp qmp) throws IOException {
    while (!"postmigrate".equals(qmp.execute("query-status").get("status"))) {
      Thread.onSpinWait(); // one look takes a round trip to QEMU; the state is a moment away
    }
  }

  /**
   * Loads a machine that {@link #save} has saved, and lets it run.
   *
   * @param qemu started with {@code -incoming defer}
   * @return when the guest ran its first instruction, by QEMU's event
   */
  public static long restore(QemuProcess qemu, Path file) throws IOException {
    requirePlain(file);
    try (Qmp qmp = qemu.connect(MONITOR)) {
      enableEvents(qmp);
      try (Migration migration = new Migration(qmp)) {
        qmp.execute("migrate-incoming", Map.of("uri", "exec:cat " + file));
        migration.await();
        // It was saved stopped, so it arrives stopped.
        qmp.execute("cont");
        return migration.await("RESUME").timestampNs();
      }
    } catch (IOException failed) {
      throw qemu.isAlive() ? failed : qemu.explain("QEMU ended while it loaded " + file);
    }
  }

  private static void enableEvents(Qmp qmp) throws IOException {
    qmp.execute(
        "migrate-set-capabilities",
        Map.of("capabilities", List.of(Map.of("capability", "events", "state", true))));
  }

  private static void requirePlain(Path file) {
    if (!file.toString().matches("[A-Za-z0-9/._+-]+")) {
      throw new IllegalArgumentException("QEMU gives this path to a shell: " + file);
    }
  }

  /** The events of one migration, in order. */
  private static final class Migration implements AutoCloseable {
    private final Qmp qmp;
    private final LinkedBlockingQueue<QmpEvent> events = new LinkedBlockingQueue<>();
    private final Qmp.Subscription subscription;

    Migration(Qmp qmp) {
      this.qmp = qmp;
      this.subscription = qmp.subscribe(events::add);
    }

    /** Waits for the end of the migration. */
    void await() throws IOException {
      while (true) {
        QmpEvent event = await("MIGRATION");
        String status = String.valueOf(event.data().get("status"));
        switch (status) {
          case "completed" -> {
            return;
          }
          case "failed", "cancelled" ->
              throw new IOException(
                  "QEMU's migration has " + status + ": " + qmp.execute("query-migrate"));
          default -> {}
        }
      }
    }

    QmpEvent await(String name) throws IOException {
      long deadlineNs = System.nanoTime() + PATIENCE.toNanos();
      try {
        while (System.nanoTime() < deadlineNs) {
          QmpEvent event = events.poll(LOOK_MS, TimeUnit.MILLISECONDS);
          if (event != null && event.name().equals(name)) {
            return event;
          }
          if (event == null && !qmp.isOpen()) {
            throw new EOFException("QEMU ended its monitor while " + name + " was waited for");
          }
        }
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw (IOException)
            new InterruptedIOException("interrupted while waiting for QEMU's event " + name)
                .initCause(interrupted);
      }
      throw new IOException("QEMU sent no event " + name + " in " + PATIENCE.toSeconds() + " s");
    }

    @Override
    public void close() {
      subscription.close();
    }
  }
}
