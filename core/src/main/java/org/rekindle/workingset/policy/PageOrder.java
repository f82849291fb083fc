package org.rekindle.workingset.policy;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntBinaryOperator;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Ranking;

/** Pages in an order that is being made, each once: who comes again keeps its place. */
final class PageOrder {
  private final BitSet placed = new BitSet();
  private int[] pages = new int[1024];
  private int size;

  /** Every page of the trace, the most recently touched first. */
  static int[] byRecency(AccessTrace trace) {
    PageOrder order = new PageOrder();
    order.addByRecency(trace);
    return Arrays.copyOf(order.pages, order.size);
  }

  void add(int page) {
    if (placed.get(page)) {
      return;
    }
    placed.set(page);
    if (size == pages.length) {
      pages = Arrays.copyOf(pages, 2 * size);
    }
    pages[size++] = page;
  }

  void add(int[] more) {
    for (int page : more) {
      add(page);
    }
  }

  /** Adds what is left of the trace, the most recently touched first. */
  void addByRecency(AccessTrace trace) {
    for (int touch = trace.size() - 1; touch >= 0; touch--) {
      add(trace.page(touch));
    }
  }

  int size() {
    return size;
  }

  Ranking ranking(int setSize) {
    return new Ranking(Arrays.copyOf(pages, size), setSize);
  }

  /**
   * These pages sorted; equal ones keep their order. (The library sorts by a comparison only what
   * is boxed.)
   *
   * @param compare negative if its first page goes before its second
   */
  static int[] sorted(int[] pages, IntBinaryOperator compare) {
    int[] from = pages.clone();
    int[] to = new int[pages.length];
    for (long run = 1; run < pages.length; run *= 2) {
      for (long begin = 0; begin < pages.length; begin += 2 * run) {
        int middle = (int) Math.min(begin + run, pages.length);
        int end = (int) Math.min(begin + 2 * run, pages.length);
        merge(from, (int) begin, middle, end, to, compare);
      }
      int[] swap = from;
      from = to;
      to = swap;
    }
    return from;
  }

  private static void merge(
      int[] from, int begin, int middle, int end, int[] to, IntBinaryOperator compare) {
    int left = begin;
    int right = middle;
    for (int i = begin; i < end; i++) {
      boolean takeLeft =
          right == end || (left < middle && compare.applyAsInt(from[left], from[right]) <= 0);
      to[i] = takeLeft ? from[left++] : from[right++];
    }
  }
}
