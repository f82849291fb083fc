package org.rekindle.guest.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.time.Duration;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rekindle.guest.process.inside.Backing;
import org.rekindle.guest.process.store.Workload;
import org.rekindle.image.MemoryMap;
import org.rekindle.linux.Poller;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.scan.WrittenPages;

/** What a store writes, as the kernel notes it, against the exact truth. */
@Tag("slow")
@Timeout(120)
class WrittenPagesSlowTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Workload WORKLOAD = new Workload(4000, 500, 8, 64);
  private static final long IDLE_NS = 1_000_000;

  private static ProcessMachine machine(Backing backing) {
    return new ProcessMachine(32L << 20, backing, 1, WORKLOAD, 7);
  }

  /** A guest that has not run yet: each does the same from here. */
  private static ProcessGuest boot(Backing backing) throws IOException {
    ProcessGuest guest = ProcessGuest.start();
    guest.rehearse();
    guest.boot(machine(backing));
    return guest;
  }

  private static WrittenPages noted(ProcessGuest guest) throws IOException {
    try {
      guest.noteWrites();
    } catch (IOException lacking) {
      assumeFalse(
          String.valueOf(lacking.getMessage()).contains("Linux 6.7"),
          "this kernel notes no writes");
      throw lacking;
    }
    return WrittenPages.of(guest.scanned());
  }

  private static BitSet look(WrittenPages pages, ScannedMemory memory) throws IOException {
    BitSet written = new BitSet();
    pages.look(0, memory.pages(), written);
    return written;
  }

  @ParameterizedTest
  @EnumSource
  void ofAGuestThatStandsStillItIsWhatWasPokedAndNothingElse(Backing backing) throws IOException {
    try (ProcessGuest guest = boot(backing);
        WrittenPages pages = noted(guest)) {
      ScannedMemory memory = guest.scanned();
      look(pages, memory);
      guest.verify(); // reads everything
      assertThat(look(pages, memory)).as("after reads").isEqualTo(new BitSet());
      long seed = System.nanoTime();
      System.out.println("seed " + seed);
      Random random = new Random(seed);
      BitSet poked = new BitSet();
      for (int i = 0; i < 200; i++) {
        int page = random.nextInt(memory.pages());
        long offset = (long) page * MemoryMap.PAGE_BYTES + 8L * random.nextInt(512);
        guest.poke(offset, guest.peek(offset)); // a write of what is there is one
        guest.peek(Math.floorMod(offset + (8L << 20), machine(backing).bytes()));
        poked.set(page);
      }
      assertThat(look(pages, memory)).isEqualTo(poked);
      assertThat(look(pages, memory)).as("told once").isEqualTo(new BitSet());
      assertThat(guest.verify().isIntact()).isTrue();
    }
  }

  /**
   * Two guests of one seed do the same. Of the one, every first write is trapped and answered: the
   * truth. What the other writes in fewer operations is part of that, and in more operations
   * contains it: precision 1, coverage 1.
   */
  @Test
  void ofAGuestThatRunsItIsWhatTrappingEveryWriteFinds() throws IOException {
    BitSet truth = new BitSet();
    int least;
    int most;
    try (ProcessGuest guest = boot(Backing.MEMFD)) {
      try (WatchedMemory watched = WatchedMemory.of(guest);
          Poller poller = new Poller(1)) {
        poller.interest(poller.add(watched.fd()), true, false);
        watched.drop(0, watched.pages());
        MemoryTracer tracer = new MemoryTracer(watched, truth, truth::set);
        guest.tellToRun();
        while (guest.console().beats().size() < 60) {
          if (!tracer.serve()) {
            poller.poll(IDLE_NS);
          }
        }
        least = guest.console().beats().size();
        TracedSave.letGo(watched, poller, tracer);
      }
      guest.pause();
      most = guest.console().beats().size() + 1; // and a part of an interval
    }
    assertThat(truth.cardinality()).isGreaterThan(100);
    try (ProcessGuest guest = boot(Backing.MEMFD);
        WrittenPages pages = noted(guest)) {
      ScannedMemory memory = guest.scanned();
      look(pages, memory);
      BitSet fewer = run(guest, least / 2, pages, memory);
      assertThat(guest.console().beats().size()).as("beats, of fewer").isLessThan(least);
      assertThat(fewer.cardinality()).isGreaterThan(100);
      BitSet all = (BitSet) fewer.clone();
      fewer.andNot(truth);
      assertThat(fewer).as("found, but not written").isEqualTo(new BitSet());
      all.or(run(guest, most, pages, memory));
      truth.andNot(all);
      assertThat(truth).as("written, but not found").isEqualTo(new BitSet());
      assertThat(guest.verify().isIntact()).isTrue();
    }
  }

  private static BitSet run(
      ProcessGuest guest, int untilBeats, WrittenPages pages, ScannedMemory memory)
      throws IOException {
    guest.run();
    guest.console().awaitBeats(untilBeats, PATIENCE);
    guest.pause();
    return look(pages, memory);
  }

  @Test
  void aGuestThatHasNothingNotedIsRefusedAndOneThatEndsIsSaid() throws IOException {
    try (ProcessGuest guest = boot(Backing.MEMFD)) {
      ScannedMemory memory = guest.scanned();
      assertThatThrownBy(() -> WrittenPages.of(memory)).hasMessageContaining("WP_ASYNC");
      try (WrittenPages pages = noted(guest)) {
        ProcessHandle process = ProcessHandle.of(guest.pid()).orElseThrow();
        process.destroyForcibly();
        process.onExit().join();
        assertThatThrownBy(() -> look(pages, memory)).hasMessageContaining("has ended");
      }
    }
  }
}
