package org.rekindle.guest.uffd;

/**
 * What becomes of a VMM whose guest has not got all of its memory, when it gets no more: its
 * virtual CPUs wait for ever, without a word, at the first page that is missing.
 */
public enum OnFailure {
  /** It is killed: whoever looks after it sees that, and can start it anew. */
  KILL,
  /** It is left as it is, for somebody who wants to look at it. */
  LEAVE
}
