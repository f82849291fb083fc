package org.rekindle.guest.qemu;

import java.io.IOException;

/** The peer of a migration does not keep to the protocol: it is not a QEMU that we know. */
public final class MigrationProtocolException extends IOException {
  private static final long serialVersionUID = 1L;

  MigrationProtocolException(String found) {
    super("the peer of the migration broke the protocol: " + found);
  }
}
