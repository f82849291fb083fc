package org.rekindle.workingset;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.DataFormatException;
import org.rekindle.envelope.Envelope;

/**
 * The file form of a {@link RunHistory}: an {@link Envelope} with magic {@code RKDLRUNS}, version
 * 1. Its body, little-endian:
 *
 * <pre>
 * offset bytes
 *  0      4    number of runs, at most 8
 *  4      -    of each run, the last run last: the body of a profile, as in {@link ProfileFile}
 * </pre>
 */
public final class RunHistoryFile {
  private static final String MAGIC = "RKDLRUNS";
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 4;

  /** A body is one array. */
  private static final int MAX_BODY_BYTES = 1 << 30;

  private RunHistoryFile() {}

  /**
   * Encodes a history.
   *
   * @throws IllegalArgumentException if it does not fit in a file: together 80 million pages or
   *     more
   */
  public static byte[] encode(RunHistory history) {
    long bytes = HEADER_BYTES;
    for (Profile run : history.runs()) {
      bytes += ProfileFile.bodyBytes(run);
    }
    if (bytes > MAX_BODY_BYTES) {
      throw new IllegalArgumentException(
          "the history of %d runs takes %d bytes; at most %d fit"
              .formatted(history.runs().size(), bytes, MAX_BODY_BYTES));
    }
    ByteBuffer body = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    body.putInt(history.runs().size());
    history.runs().forEach(run -> ProfileFile.put(run, body));
    return Envelope.seal(MAGIC, VERSION, body.array());
  }

  /**
   * Decodes a history.
   *
   * @param guestPages pages of the guest that it belongs to
   * @throws DataFormatException if it is damaged, or a run names a page that the guest does not
   *     have, or one page twice
   */
  public static RunHistory decode(byte[] file, int guestPages) throws DataFormatException {
    long maxBody = HEADER_BYTES + (long) RunHistory.MAX_RUNS * ProfileFile.maxBodyBytes(guestPages);
    ByteBuffer body = Envelope.open(file, MAGIC, VERSION, Math.min(MAX_BODY_BYTES, maxBody));
    int count = body.remaining() < HEADER_BYTES ? -1 : body.getInt();
    if (count < 0 || count > RunHistory.MAX_RUNS) {
      throw new DataFormatException("a history cannot have " + count + " runs");
    }
    List<Profile> runs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      runs.add(ProfileFile.take(body, guestPages));
    }
    if (body.hasRemaining()) {
      throw new DataFormatException(body.remaining() + " bytes behind the last run");
    }
    return new RunHistory(runs);
  }
}
