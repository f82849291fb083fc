package org.rekindle.lab;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.rekindle.guest.qemu.QemuProcess;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.QmpEvent;

/**
 * What people do today: stock QEMU saves its machine to a file, and later reads all of it before
 * the guest runs. The rivals that a restore has to beat.
 */
public enum StockEager {
  /** Its migration stream, through {@code cat}. */
  STREAM("stock QEMU", 0, "exec:cat > ", "exec:cat "),

  /**
   * Each page at a place of its own in the file (QEMU 9.0 and later), so that nothing is searched
   * for and zero pages are holes; as it comes, through the page cache.
   */
  MAPPED_RAM("stock QEMU, mapped-ram", 9, "file:", "file:");

  /** For each step of a migration; a GiB from a slow disk takes ten seconds. */
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  private static final Duration MONITOR = Duration.ofSeconds(30);
  private static final long LOOK_MS = 100;

  private static final Pattern VERSION = Pattern.compile("version (\\d+)\\.");

  private final String label;
  private final int sinceMajor;
  private final String saveUri;
  private final String restoreUri;

  StockEager(String label, int sinceMajor, String saveUri, String restoreUri) {
    this.label = label;
    this.sinceMajor = sinceMajor;
    this.saveUri = saveUri;
    this.restoreUri = restoreUri;
  }

  /** Its name in results. */
  public String label() {
    return label;
  }

  /** The one of that label. */
  static StockEager of(String label) {
    return Arrays.stream(values())
        .filter(each -> each.label.equals(label))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("QEMU has no rival called " + label));
  }

  /** Those that a QEMU can do. */
  static List<StockEager> of(Path qemu) throws IOException {
    Matcher version = VERSION.matcher(Command.text(qemu.toString(), "--version"));
    if (!version.find()) {
      throw new IOException(qemu + " does not tell its version");
    }
    int major = Integer.parseInt(version.group(1));
    return Arrays.stream(values()).filter(each -> major >= each.sinceMajor).toList();
  }

  /**
   * Stops the guest and saves it. The guest stays stopped; a {@code cont} brings it back.
   *
   * @param file its path needs no quoting in a shell
   * @return how long it took
   */
  public Duration save(Qmp qmp, Path file) throws IOException {
    requirePlain(file);
    configure(qmp);
    qmp.execute("stop");
    long startNs = System.nanoTime();
    try (Migration migration = new Migration(qmp)) {
      qmp.execute("migrate", Map.of("uri", saveUri + file));
      migration.await();
    }
    Duration elapsed = Duration.ofNanos(System.nanoTime() - startNs);
    awaitPostmigrate(qmp);
    if (this == MAPPED_RAM) { // the next save may be another's
      set(qmp, List.of(capability("mapped-ram", false)));
    }
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
  public long restore(QemuProcess qemu, Path file) throws IOException {
    requirePlain(file);
    try (Qmp qmp = qemu.connect(MONITOR)) {
      configure(qmp);
      try (Migration migration = new Migration(qmp)) {
        qmp.execute("migrate-incoming", Map.of("uri", restoreUri + file));
        migration.await();
        // It was saved stopped, so it arrives stopped.
        qmp.execute("cont");
        return migration.await("RESUME").timestampNs();
      }
    } catch (IOException failed) {
      throw qemu.isAlive() ? failed : qemu.explain("QEMU ended while it loaded " + file);
    }
  }

  private void configure(Qmp qmp) throws IOException {
    set(
        qmp,
        this == MAPPED_RAM
            ? List.of(capability("events", true), capability("mapped-ram", true))
            : List.of(capability("events", true)));
  }

  private static void set(Qmp qmp, List<Map<String, Object>> capabilities) throws IOException {
    qmp.execute("migrate-set-capabilities", Map.of("capabilities", capabilities));
  }

  private static Map<String, Object> capability(String name, boolean state) {
    return Map.of("capability", name, "state", state);
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
