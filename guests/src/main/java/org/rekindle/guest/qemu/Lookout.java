package org.rekindle.guest.qemu;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * Asks QEMU from time to time how it does, without ever waiting for the answer.
 *
 * <p>While QEMU sends the last of a guest's memory it holds its big lock, and answers no command
 * before all of it was received. A reader of that memory that waited for an answer would wait for
 * itself.
 */
final class Lookout {
  /** A question to QEMU; an exception is the bad news. */
  interface Question {
    void ask() throws IOException;
  }

  private final Question question;
  private @Nullable FutureTask<@Nullable Void> asked;

  Lookout(Question question) {
    this.question = question;
  }

  /** Throws the bad news of an earlier question, if there is any; otherwise asks again. */
  void check() throws IOException {
    FutureTask<@Nullable Void> earlier = asked;
    if (earlier != null && !earlier.isDone()) {
      return;
    }
    FutureTask<@Nullable Void> next =
        new FutureTask<>(() -> {
          question.ask();
          return null;
        });
    asked = next;
    Thread.ofVirtual().name("qemu-lookout").start(next);
    if (earlier != null) {
      tell(earlier);
    }
  }

  private static void tell(FutureTask<@Nullable Void> answered) throws IOException {
    try {
      answered.get();
    } catch (ExecutionException news) {
      switch (news.getCause()) {
        case SocketTimeoutException busy -> {} // it holds its lock; what is missing tells in time
        case IOException bad -> throw bad;
        case null, default -> throw new IOException("cannot ask QEMU how it does", news);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt(); // an answer that is there is not waited for
    }
  }
}
