package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.rekindle.image.Image;
import org.rekindle.restore.Guest;
import org.rekindle.restore.Outcome;

/**
 * A kind of guest in one configuration, as {@link GuestContract} sees it. Its text form names it in
 * reports.
 */
interface GuestUnderTest {
  /** What a guest is brought back for. */
  enum Purpose {
    /** It runs, as soon as the plan lets it. */
    RUN,
    /** It does not touch its memory, so that it can be compared with the image. */
    STILL,
    /** It runs as a clone that is thrown away, and its faults are recorded. */
    WATCH
  }

  /**
   * Starts such a guest, lets it work, and saves it as the product does.
   *
   * @throws org.opentest4j.TestAbortedException if this machine lacks something
   */
  void save(Path image) throws IOException;

  /**
   * Makes ready what will be restored from the image: its process may run already and wait, but
   * nothing of the guest is needed before {@link Restored#restore}.
   */
  Restored start(Image image, Purpose purpose) throws IOException;

  /** Pages that the guest certainly touches while it is recorded. */
  int workingSetPages();

  /** How long it is recorded. */
  default long recordingNs() {
    return 3_000_000_000L;
  }

  /**
   * Whether it may end by itself whenever it likes: then that is a good end of its restore, too,
   * and what is still missing is wanted no more.
   */
  default boolean mayEndByItself() {
    return false;
  }

  /** Carries out a restore on a guest; what the contract gives to {@link Restored#restore}. */
  @FunctionalInterface
  interface Restorer {
    Outcome restore(Guest guest) throws IOException;
  }

  /** A guest that is being brought back. Closing ends everything of it. */
  interface Restored extends AutoCloseable {
    /**
     * Restores it as the product does: meets the guest, has the restorer carry out the restore, and
     * settles what there is to settle at its end, good or bad.
     *
     * @throws IOException what the restorer threw, after the product has dealt with it
     */
    Outcome restore(Restorer restorer) throws IOException;

    /**
     * After a restore with {@link Purpose#RUN}: it is the guest that was saved, and it goes on
     * living with the memory that it should have, as far as it can tell itself. Fails the test
     * otherwise.
     */
    void assertLives() throws IOException;

    /**
     * After a restore with {@link Purpose#STILL}: every page of its memory is the image's. Fails
     * the test otherwise.
     */
    void assertIdentical(Image image) throws IOException;

    /**
     * What its own side (the guest, or the kernel for it) knows of its faults: the page of each
     * that waited for us, in order. Empty if nobody there knows, or there is no order because
     * several threads run.
     */
    Optional<List<Integer>> faultedPages() throws IOException;

    /** Ends its processes from outside, without a word, as a crash does. */
    void kill();

    /** Its processes; none of them is alive once this is closed. */
    List<ProcessHandle> processes();

    /** What it has made on disk (sockets, logs): none of it exists once this is closed. */
    List<Path> folders();

    @Override
    void close() throws IOException;
  }
}
