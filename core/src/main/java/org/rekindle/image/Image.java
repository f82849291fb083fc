package org.rekindle.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.rekindle.workingset.Profile;

/**
 * An open checkpoint image. Its metadata has been verified; page data is verified block by block as
 * it is read.
 */
public final class Image implements AutoCloseable {
  private Image() {}

  /**
   * Opens and verifies an image.
   *
   * @throws CorruptImageException if it is damaged or of a version that this program does not read
   */
  public static Image open(Path directory) throws IOException {
    throw new UnsupportedOperationException();
  }

  public Path directory() {
    throw new UnsupportedOperationException();
  }

  public Manifest manifest() {
    throw new UnsupportedOperationException();
  }

  public MemoryMap memory() {
    return manifest().memory();
  }

  /** The VMM's opaque device state. */
  public byte[] deviceState() throws IOException {
    throw new UnsupportedOperationException();
  }

  /** Every page that is not zero, in guest-physical order. */
  public PageStore base() {
    throw new UnsupportedOperationException();
  }

  /** The working set in first-touch order: present once a profile was attached. */
  public Optional<PageStore> hot() {
    throw new UnsupportedOperationException();
  }

  public Optional<Profile> profile() {
    throw new UnsupportedOperationException();
  }

  /**
   * Stores a profile with the image, together with a copy of its pages in first-touch order, in
   * place of any earlier one; atomic and durable.
   */
  public static void attach(Path directory, Profile profile) throws IOException {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
