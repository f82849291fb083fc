package org.rekindle.lab.estimators;

import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.process.FirstTouchObserver;
import org.rekindle.guest.process.ProcessGuest;
import org.rekindle.guest.process.TracedSave;
import org.rekindle.image.ImageWriter;
import org.rekindle.lab.DemoProcess;
import org.rekindle.lab.Subject;
import org.rekindle.scan.AccessObserver;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.scan.UnmapAndObserve;
import org.rekindle.scan.WrittenPages;
import org.rekindle.workingset.Access;
import org.rekindle.workingset.AccessTrace;
import org.rekindle.workingset.Sweeps;

/** The process guest: all that it touches can be seen, and what it does can be repeated. */
record EstimatedProcess(DemoProcess subject) implements EstimatedGuest {
  private static final long SEED_OF_RECORDED = 100;

  @Override
  public String title() {
    return subject.description();
  }

  @Override
  public int memoryMiB() {
    return subject.memoryMiB();
  }

  @Override
  public List<Clone> truths() {
    return List.of(
        new Clone("it is asked what it would have been asked", subject, Subject.Purpose.CLONE),
        new Clone("other clients ask it", subject, Subject.Purpose.TRUTH));
  }

  @Override
  public Clone recorded(int number) {
    return new Clone(
        "still other clients ask it",
        subject.askedBy(SEED_OF_RECORDED + number),
        Subject.Purpose.TRUTH);
  }

  @Override
  public Running start() throws IOException {
    ProcessGuest guest = ProcessGuest.start();
    try {
      guest.rehearse();
      guest.boot(subject.machine());
      guest.run();
      return new Store(guest);
    } catch (IOException | RuntimeException failed) {
      guest.close();
      throw failed;
    }
  }

  /** Its writes, which are noted only meanwhile: the kernel maps single pages for as long. */
  private record NotedWrites(ProcessGuest guest, WrittenPages pages) implements AccessObserver {
    static NotedWrites of(ProcessGuest guest) throws IOException {
      guest.noteWrites();
      return new NotedWrites(guest, WrittenPages.of(guest.scanned()));
    }

    @Override
    public String name() {
      return pages.name();
    }

    @Override
    public int readGranularityPages() {
      return pages.readGranularityPages();
    }

    @Override
    public void look(int first, int count, BitSet touched) throws IOException {
      pages.look(first, count, touched);
    }

    @Override
    public void close() throws IOException {
      pages.close();
      guest.unwatch();
    }
  }

  private record Store(ProcessGuest guest) implements Running {
    @Override
    public GuestConsole console() {
      return guest.console();
    }

    @Override
    public ScannedMemory memory() throws IOException {
      return guest.scanned();
    }

    @Override
    public List<Scanner> scanners() {
      return List.of(
          new Scanner("access bits, exact", () -> FirstTouchObserver.of(guest)),
          new Scanner("access bits, unmap and observe", () -> UnmapAndObserve.of(memory())),
          new Scanner("writes, noted by the kernel", () -> NotedWrites.of(guest)));
    }

    @Override
    public LiveSave saveLive(Path image) throws IOException {
      TracedSave.Result result =
          TracedSave.save(
              guest, image, ImageWriter.Options.DEFAULT, Sweeps.PAGES_PER_SECOND, (_, _) -> {});
      return new LiveSave(
          "memory trace, reads and writes", result.trace().firstTouches("trace"), more(result));
    }

    /** A fault is the first touch of a page, or the first write to one that was read before. */
    private static double more(TracedSave.Result result) {
      AccessTrace trace = result.trace();
      long readFirst =
          IntStream.range(0, trace.size())
              .filter(touch -> trace.access(touch) == Access.READ)
              .count();
      return readFirst / (double) Math.max(1, result.faults() - readFirst);
    }

    @Override
    public void close() throws IOException {
      guest.close();
    }
  }
}
