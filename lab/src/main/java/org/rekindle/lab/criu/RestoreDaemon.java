package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.criu.CriuGuest;
import org.rekindle.guest.criu.LazyPagesSocket;
import org.rekindle.guest.uffd.OnFailure;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import org.rekindle.lab.FaultLogCsv;
import org.rekindle.lab.FaultRow;
import org.rekindle.restore.Cause;
import org.rekindle.restore.Outcome;
import org.rekindle.restore.Plan;
import org.rekindle.restore.Recording;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;

/**
 * {@code rekindle restore IMAGE --criu-socket SOCKET} for measurements: a process of its own that
 * does the same by the same code, and leaves its whole fault log behind, on the machine's clock.
 */
final class RestoreDaemon {
  /** The name of a recording instead of a strategy. */
  static final String RECORD = "record";

  /** As long as 'rekindle record' takes unless told otherwise. */
  private static final long RECORD_NS = 10_000_000_000L;

  static final String FAULTS = "faults.csv";
  static final String ACCOUNT = "account.json";

  private RestoreDaemon() {}

  /** Arguments: image, socket, strategy or {@link #RECORD}, and the folder for what it leaves. */
  public static void main(String[] arguments) throws IOException {
    Path out = Path.of(arguments[3]);
    try (Image image = Image.open(Path.of(arguments[0]));
        LazyPagesSocket socket = LazyPagesSocket.listen(Path.of(arguments[1]), image)) {
      boolean records = arguments[2].equals(RECORD);
      Plan plan =
          records
              ? Strategy.recording(image, RECORD_NS)
              : Strategy.of(arguments[2]).plan(image, Strategy.Options.DEFAULT);
      Outcome outcome;
      try (CriuGuest guest = socket.accept(OnFailure.KILL)) {
        outcome = new Restore(image, guest, plan).run();
      }
      FaultLogCsv.write(FaultRow.of(outcome.faults(), image.memory(), 0), out.resolve(FAULTS));
      Files.writeString(out.resolve(ACCOUNT), Json.pretty(account(outcome)));
      if (records) {
        Image.attach(image.directory(), Recording.profile(outcome, RECORD_NS));
      }
    }
  }

  private static Map<String, @Nullable Object> account(Outcome outcome) {
    Map<String, @Nullable Object> account = new LinkedHashMap<>();
    account.put("firstInstructionNs", outcome.firstInstructionNs());
    account.put("allInNs", outcome.allInNs());
    account.put("demandFaults", outcome.demandFaults());
    account.put("lateFaults", outcome.faults().size() - outcome.demandFaults());
    account.put("zeroPages", outcome.tally().zeroPages());
    account.put("bytesRead", outcome.bytesRead());
    account.put("reads", outcome.reads());
    account.put("prefetched", outcome.tally().placed(Cause.PREFETCH));
    return account;
  }
}
