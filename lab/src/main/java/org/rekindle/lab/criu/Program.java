package org.rekindle.lab.criu;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A real server that can be dumped. Its data is a function of the keys, so every answer can be
 * checked by whoever asks, and an update stores what was there.
 */
public interface Program {
  /** What it is, in a few words. */
  String description();

  /** How much data it has, about. */
  long dataBytes();

  /** Keys are 0 to this, exclusive. */
  int keys();

  /**
   * Starts it in the sandbox; returns when it has its data and answers.
   *
   * @param work the sandbox's work folder
   * @return its process id inside
   */
  int start(Sandbox sandbox, Path work) throws IOException;

  /** The name of its Unix socket in the work folder. */
  String socket();

  /** The bytes that ask for the value of a key, or store it anew. */
  byte[] request(int key, boolean update);

  /** The bytes that have to come back. */
  byte[] answer(int key, boolean update);

  /**
   * Asks for the value of every key.
   *
   * @throws IOException if an answer is wrong
   */
  default void checkAll(Path work) throws IOException {
    check(work, 1);
  }

  /** Asks for the value of every 16th key: a second or so, where all of them would take long. */
  default void checkSome(Path work) throws IOException {
    check(work, 16);
  }

  private void check(Path work, int step) throws IOException {
    try (Connection connection = Connection.to(work.resolve(socket()))) {
      for (int key = 0; key < keys(); key += step) {
        connection.ask(request(key, false), answer(key, false));
      }
    }
  }
}
