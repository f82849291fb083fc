package org.rekindle.guest.qemu;

import java.io.IOException;

/** QEMU answered a command with an error. */
public final class QmpException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String command;
  private final String errorClass;
  private final String description;

  QmpException(String command, String errorClass, String description) {
    super("QEMU refused \"" + command + "\": " + description + " (" + errorClass + ")");
    this.command = command;
    this.errorClass = errorClass;
    this.description = description;
  }

  public String command() {
    return command;
  }

  /** QEMU's class of error, such as {@code "GenericError"} or {@code "CommandNotFound"}. */
  public String errorClass() {
    return errorClass;
  }

  /** QEMU's own words. */
  public String description() {
    return description;
  }
}
