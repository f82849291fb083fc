package org.rekindle.restore;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;

/** Stands before a guest and passes everything on; for those who change one thing of it. */
public abstract class ForwardingGuest implements Guest {
  private final Guest guest;

  protected ForwardingGuest(Guest guest) {
    this.guest = guest;
  }

  @Override
  public MemoryMap memory() {
    return guest.memory();
  }

  @Override
  public int batchPages() {
    return guest.batchPages();
  }

  @Override
  public void start() throws IOException {
    guest.start();
  }

  @Override
  public boolean drainFaults(FaultSink sink) throws IOException {
    return guest.drainFaults(sink);
  }

  @Override
  public boolean ready() {
    return guest.ready();
  }

  @Override
  public int place(int page, int pages, @Nullable MemorySegment data, long offset, boolean demanded)
      throws IOException {
    return guest.place(page, pages, data, offset, demanded);
  }

  @Override
  public boolean takesDemandOnly() {
    return guest.takesDemandOnly();
  }

  @Override
  public boolean placesAtOnce() {
    return guest.placesAtOnce();
  }

  @Override
  public boolean flush() throws IOException {
    return guest.flush();
  }

  @Override
  public boolean demandedAreOut() {
    return guest.demandedAreOut();
  }

  @Override
  public void finish() throws IOException {
    guest.finish();
  }

  @Override
  public boolean finished() {
    return guest.finished();
  }

  @Override
  public void await(long timeoutNs) throws IOException {
    guest.await(timeoutNs);
  }

  @Override
  public void wake() {
    guest.wake();
  }

  @Override
  public long firstInstructionNs() {
    return guest.firstInstructionNs();
  }

  @Override
  public void close() throws IOException {
    guest.close();
  }
}
