package org.rekindle.restore;

/** Pages in an order that matters; immutable. */
public final class PageList {
  /** No pages. */
  public static final PageList NONE = new PageList();

  private final int[] pages;

  public PageList(int... pages) {
    this.pages = pages.clone();
  }

  public int size() {
    return pages.length;
  }

  int page(int index) {
    return pages[index];
  }
}
