package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.rekindle.json.Json;

/**
 * Measured restores: what results.json holds, or several such files together.
 *
 * <p>The format is described in docs/formats/results.md and docs/formats/results.schema.json;
 * {@link #VERSION} grows when a member changes its meaning or is dropped.
 *
 * @param sessions one for each file
 */
public record Results(List<Session> sessions) {
  /** Value of the member {@code format}. */
  public static final String FORMAT = "rekindle-results";

  /** Version of the schema that is written and read. */
  public static final int VERSION = 1;

  /** A larger file is not ours: a run with 20 minutes of heartbeats takes less than 1 MiB. */
  private static final long MAX_BYTES = 256L << 20;

  /**
   * Runs that were measured in one environment.
   *
   * @param directory where the fault logs are that the runs name
   */
  public record Session(Environment environment, List<RunResult> runs, Path directory) {
    public Session {
      runs = List.copyOf(runs);
    }
  }

  public Results {
    sessions = List.copyOf(sessions);
  }

  /** All runs of all sessions. */
  public List<RunResult> runs() {
    return sessions.stream().flatMap(session -> session.runs().stream()).toList();
  }

  /** Writes results.json. The file is complete or not there. */
  public static void write(Environment environment, List<RunResult> runs, Path file)
      throws IOException {
    String text = Json.pretty(ResultsJson.document(environment, runs));
    WholeFile.write(
        file,
        out -> {
          out.write(text);
          out.newLine();
        });
  }

  /**
   * Reads results files.
   *
   * @throws ResultsFormatException if one is malformed, something else, or of a newer version
   */
  public static Results read(Path... files) throws IOException {
    List<Session> sessions = new ArrayList<>();
    for (Path file : files) {
      long bytes = Files.size(file);
      if (bytes > MAX_BYTES) {
        throw new ResultsFormatException(
            file + ": " + bytes + " bytes; results have at most " + MAX_BYTES);
      }
      try {
        Path directory = file.resolveSibling("");
        sessions.add(ResultsJson.session(Json.parse(Files.readString(file)), directory));
      } catch (IllegalArgumentException | java.nio.charset.CharacterCodingException malformed) {
        throw new ResultsFormatException(file + ": " + malformed.getMessage(), malformed);
      }
    }
    return new Results(sessions);
  }
}
