package org.rekindle.workingset.policy;

/**
 * Lists of pages that share their links, a page in at most one of them: each step takes constant
 * time and no memory beyond 9 bytes a page of the guest.
 */
final class PageLists {
  static final int NONE = -1;

  private final int[] next;
  private final int[] previous;
  private final byte[] listOf;
  private final int[] sizes;
  private final int ends; // the ring of list i closes over link number ends + i

  PageLists(int memoryPages, int lists) {
    next = new int[memoryPages + lists];
    previous = new int[memoryPages + lists];
    listOf = new byte[memoryPages];
    java.util.Arrays.fill(listOf, (byte) NONE);
    sizes = new int[lists];
    ends = memoryPages;
    for (int end = ends; end < next.length; end++) {
      next[end] = end;
      previous[end] = end;
    }
  }

  /** The list that this page is in, or {@link #NONE}. */
  int listOf(int page) {
    return listOf[page];
  }

  int size(int list) {
    return sizes[list];
  }

  /** The first page, or {@link #NONE}. */
  int first(int list) {
    return pageAt(next[ends + list]);
  }

  /** The last page, or {@link #NONE}. */
  int last(int list) {
    return pageAt(previous[ends + list]);
  }

  /** The page before this one in its list, or {@link #NONE}. */
  int before(int page) {
    return pageAt(previous[page]);
  }

  /** Puts a page at the front, from wherever it was. */
  void toFirst(int list, int page) {
    remove(page);
    insert(list, page, ends + list, next[ends + list]);
  }

  /** Puts a page at the end, from wherever it was. */
  void toLast(int list, int page) {
    remove(page);
    insert(list, page, previous[ends + list], ends + list);
  }

  /** Takes a page out, if it is in a list. */
  void remove(int page) {
    if (listOf[page] == NONE) {
      return;
    }
    next[previous[page]] = next[page];
    previous[next[page]] = previous[page];
    sizes[listOf[page]]--;
    listOf[page] = NONE;
  }

  /** The pages of a list from first to last; a copy. */
  int[] pages(int list) {
    int[] pages = new int[sizes[list]];
    int link = ends + list;
    for (int i = 0; i < pages.length; i++) {
      link = next[link];
      pages[i] = link;
    }
    return pages;
  }

  /** The pages of a list from last to first; a copy. */
  int[] reversed(int list) {
    int[] pages = new int[sizes[list]];
    int link = ends + list;
    for (int i = 0; i < pages.length; i++) {
      link = previous[link];
      pages[i] = link;
    }
    return pages;
  }

  private void insert(int list, int page, int left, int right) {
    next[left] = page;
    previous[page] = left;
    next[page] = right;
    previous[right] = page;
    listOf[page] = (byte) list;
    sizes[list]++;
  }

  private int pageAt(int link) {
    return link >= ends ? NONE : link;
  }
}
