package org.rekindle.cli;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/**
 * What {@code --version} prints: of Rekindle (from the jar's manifest) and of the Java it runs on.
 */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"rekindle " + number(), "Java " + Runtime.version()};
  }

  static String number() {
    return Objects.requireNonNullElse(
        Version.class.getPackage().getImplementationVersion(), "(development build)");
  }
}
