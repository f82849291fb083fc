package org.rekindle.scan;

import java.io.IOException;
import java.util.BitSet;

/**
 * A way to see from outside which pages of a running guest are touched. A new one is one class, and
 * if it is for any process, a name in {@link Backend}.
 *
 * <p>Used by one thread.
 */
public interface AccessObserver extends AutoCloseable {
  /** For people. */
  String name();

  /**
   * How many pages count as read when one of them is; 0 if reads are not seen. Writes are always
   * seen page by page.
   */
  int readGranularityPages();

  /**
   * Looks at pages and forgets what it saw.
   *
   * @param first number of the first page of the guest's memory
   * @param touched gets the bits of those that were touched since they were last looked at
   */
  void look(int first, int pages, BitSet touched) throws IOException;

  @Override
  void close() throws IOException;
}
