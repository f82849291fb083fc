package org.rekindle.guest.firecracker;

/**
 * An answer to an HTTP request.
 *
 * @param status such as 204
 * @param body as UTF-8; empty if there is none
 */
record Answer(int status, String body) {
  boolean isSuccess() {
    return status / 100 == 2;
  }
}
