package org.rekindle.guest.firecracker;

import java.io.IOException;

/** Firecracker has understood a request and refused it. */
public final class FirecrackerException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String fault;

  FirecrackerException(String request, int status, String fault) {
    super(
        "Firecracker refused %s: %s"
            .formatted(request, fault.isEmpty() ? "HTTP status " + status : fault));
    this.status = status;
    this.fault = fault;
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** Its own words ({@code fault_message}); empty if it gave none. */
  public String fault() {
    return fault;
  }
}
