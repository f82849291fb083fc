package org.rekindle.scan;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The ways to see which memory of a process is touched, the best first. */
public enum Backend {
  /** Reads and writes, page by page, at no cost; few kernels offer it. */
  IDLE(IdlePages.NAME),

  /** Writes page by page, reads in groups; of shared memory every kernel offers it. */
  UNMAP(UnmapAndObserve.NAME),

  /** Writes only, page by page; of a process that has them noted. */
  WRITTEN(WrittenPages.NAME);

  private final String title;

  Backend(String title) {
    this.title = title;
  }

  private AccessObserver open(ScannedMemory memory) throws IOException {
    return switch (this) {
      case IDLE -> IdlePages.of(memory);
      case UNMAP -> UnmapAndObserve.of(memory);
      case WRITTEN -> WrittenPages.of(memory);
    };
  }

  /** As in a scan's result. */
  public String title() {
    return title;
  }

  /**
   * Whether there is a way for some memory.
   *
   * @param refusal why not; empty if there is
   */
  public record Offer(Backend backend, String refusal) {
    public boolean stands() {
      return refusal.isEmpty();
    }
  }

  /**
   * What was chosen.
   *
   * @param observer to be closed
   * @param offers of all that were asked for, in their order
   */
  public record Choice(AccessObserver observer, List<Offer> offers) {}

  /**
   * Tries which of some ways there are for a process's memory, which is not touched, and takes the
   * first.
   *
   * @throws IOException if there is none, with the reasons
   */
  public static Choice choose(ScannedMemory memory, List<Backend> among) throws IOException {
    @Nullable AccessObserver chosen = null;
    List<Offer> offers = new ArrayList<>();
    for (Backend backend : among) {
      try {
        AccessObserver observer = backend.open(memory);
        offers.add(new Offer(backend, ""));
        if (chosen == null) {
          chosen = observer;
        } else {
          observer.close();
        }
      } catch (IOException refused) {
        offers.add(new Offer(backend, String.valueOf(refused.getMessage())));
      }
    }
    if (chosen == null) {
      String refusals =
          offers.stream()
              .map(offer -> offer.backend().title() + ": " + offer.refusal())
              .collect(Collectors.joining("; "));
      throw new IOException(
          "no way to scan %s of process %d: %s%s"
              .formatted(
                  memory.region(),
                  memory.pid(),
                  refusals,
                  among.size() < values().length ? "; try another way" : ""));
    }
    return new Choice(chosen, List.copyOf(offers));
  }
}
