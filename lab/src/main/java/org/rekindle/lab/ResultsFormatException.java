package org.rekindle.lab;

import java.io.IOException;

/**
 * A results file or fault log can't be understood: names the file, the member and what is wrong.
 */
public final class ResultsFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  ResultsFormatException(String message) {
    super(message);
  }

  ResultsFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
