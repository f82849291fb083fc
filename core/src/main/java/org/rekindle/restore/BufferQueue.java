package org.rekindle.restore;

import org.jspecify.annotations.Nullable;
import org.rekindle.image.PageStore;

/** A queue of buffers that can be searched; bounded, and without garbage. */
final class BufferQueue {
  private final @Nullable BlockBuffer[] slots;
  private int head;
  private int size;

  BufferQueue(int capacity) {
    slots = new @Nullable BlockBuffer[capacity];
  }

  void add(BlockBuffer buffer) {
    if (size == slots.length) {
      throw new IllegalStateException("more buffers than the pool has");
    }
    slots[(head + size++) % slots.length] = buffer;
  }

  @Nullable BlockBuffer peek() {
    return size == 0 ? null : slots[head];
  }

  @Nullable BlockBuffer poll() {
    BlockBuffer first = peek();
    if (first != null) {
      slots[head] = null;
      head = (head + 1) % slots.length;
      size--;
    }
    return first;
  }

  /** Takes the buffer that was added last: its memory is still in the processor's cache. */
  @Nullable BlockBuffer pollLast() {
    if (size == 0) {
      return null;
    }
    int last = (head + --size) % slots.length;
    BlockBuffer buffer = slots[last];
    slots[last] = null;
    return buffer;
  }

  boolean isEmpty() {
    return size == 0;
  }

  void remove(BlockBuffer buffer) {
    for (int i = 0; i < size; i++) {
      if (slots[(head + i) % slots.length] == buffer) {
        for (int j = i; j < size - 1; j++) {
          slots[(head + j) % slots.length] = slots[(head + j + 1) % slots.length];
        }
        slots[(head + --size) % slots.length] = null;
        return;
      }
    }
  }

  /** The buffer of this queue that holds a block, or null. */
  @Nullable BlockBuffer find(PageStore store, int block) {
    for (int i = 0; i < size; i++) {
      BlockBuffer buffer = slots[(head + i) % slots.length];
      if (buffer != null && buffer.holds(store, block)) {
        return buffer;
      }
    }
    return null;
  }
}
