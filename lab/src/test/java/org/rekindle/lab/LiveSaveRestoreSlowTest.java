package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.rekindle.guest.child.GuestConsole;
import org.rekindle.guest.qemu.QemuSave;
import org.rekindle.guest.qemu.Qmp;
import org.rekindle.guest.qemu.SaveResult;
import org.rekindle.image.Image;
import org.rekindle.image.ImageWriter;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.PageReader;
import org.rekindle.restore.Restore;
import org.rekindle.restore.Strategy;
import org.rekindle.workingset.MergeRule;
import org.rekindle.workingset.Profile;
import org.rekindle.workingset.RunHistory;
import org.rekindle.workingset.Score;

/** A Linux at work is saved while it works, and goes on from the instant at which that began. */
@Tag("slow")
@Timeout(300)
class LiveSaveRestoreSlowTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Duration WATCHED = Duration.ofSeconds(5);
  private static final Duration RECORDED = Duration.ofSeconds(3);
  private static final int MEMORY_MIB = 192;

  @TempDir Path directory;

  @Test
  void aGuestOfQemu7WithTwoCpusAndVirtioDevices() throws Exception {
    Path disk = Files.write(directory.resolve("disk"), new byte[1 << 20]);
    assertGoesOn(
        new DemoMachine(
            SlowTests.kit(),
            "q35",
            2,
            MEMORY_MIB,
            DemoMachine.Backing.MEMFD,
            Optional.of(disk),
            WorkloadParameters.SMALL.withThreads(2)),
        "ram");
  }

  @Test
  void aGuestOfQemu10() throws Exception {
    String qemu10 = System.getenv("REKINDLE_QEMU10");
    Assumptions.assumeTrue(qemu10 != null, "no QEMU 10: ./check makes one available as root");
    GuestKit kit = SlowTests.kit();
    assertGoesOn(
        DemoMachine.small(new GuestKit(Path.of(qemu10), kit.kernel(), kit.initramfs())), "pc.ram");
  }

  private void assertGoesOn(DemoMachine machine, String ramBlock) throws Exception {
    Path image = directory.resolve("image");
    String identity;
    try (RunningMachine running = machine.start()) {
      GuestConsole console = running.console();
      console.awaitBeats(machine.beatsPerPass(), PATIENCE);
      identity = running.identity();
      int before = console.beats().size();
      SaveResult result;
      try (QemuSave save =
          QemuSave.live(running.qmp(), image, ImageWriter.Options.DEFAULT, WATCHED, (_, _) -> {})) {
        result = save.run();
      }
      assertThat(console.beats().size()).as("beats after the save").isGreaterThan(before + 1);
      assertThat(running.identity()).isEqualTo(identity);
      assertPassesAgree(machine, console.beats());
      Profile seen = result.writes().orElseThrow();
      Score score = score(seen, changed(running, image, ramBlock));
      System.err.printf(
          "%s: %d pages seen to be written, precision %.3f, coverage %.3f%n",
          machine.description(), seen.size(), score.precision(), score.coverage());
      // Some pages hold after a write what they held before.
      assertThat(score.precision()).isGreaterThan(0.8);
      addWhatACloneReads(machine, image, seen);
    }
    try (Image saved = Image.open(image);
        Subject.Returning returning = machine.startForRestore(Subject.Purpose.RUN)) {
      returning.settled(
          new Restore(
                  saved,
                  returning.connect(saved),
                  Strategy.ADAPTIVE.plan(saved, Strategy.Options.DEFAULT))
              .run());
      assertThat(returning.identity()).isEqualTo(identity);
      GuestConsole console = returning.console();
      console.awaitBeats(2 * machine.beatsPerPass(), PATIENCE);
      assertPassesAgree(machine, console.beats());
    }
  }

  /** A live save has seen writes alone; a recording adds the reads to them. */
  private static void addWhatACloneReads(DemoMachine machine, Path directory, Profile written)
      throws IOException {
    Profile run =
        CloneRecording.record(
            machine, directory, Subject.Purpose.CLONE, RECORDED.toNanos(), (_, _) -> {});
    RunHistory both;
    try (Image image = Image.open(directory)) {
      both = image.runs().plus(run);
    }
    assertThat(both.runs()).hasSize(2);
    Image.attach(directory, MergeRule.UNION.merge(both.runs()), both);
    try (Image image = Image.open(directory)) {
      Profile set = image.profile().orElseThrow();
      assertThat(set.pages()).contains(written.pages()).contains(run.pages());
      assertThat(set.size()).isGreaterThan(written.size()); // with the pages that are only read
    }
  }

  /** A pass later, a beat hashes the same pages to the same. */
  private static void assertPassesAgree(DemoMachine machine, List<GuestConsole.Beat> beats) {
    int period = machine.beatsPerPass();
    int last = beats.size() - 1;
    assertThat(beats.get(last).number()).isEqualTo(beats.get(last - period).number() + period);
    assertThat(beats.get(last).check()).isEqualTo(beats.get(last - period).check());
  }

  private static Score score(Profile seen, BitSet changed) {
    BitSet pages = new BitSet();
    Arrays.stream(seen.pages()).forEach(pages::set);
    pages.and(changed);
    return new Score(seen.size(), pages.cardinality(), changed.cardinality());
  }

  /** The pages of RAM that the guest has now with other content than the image. */
  private BitSet changed(RunningMachine running, Path imageDirectory, String ramBlock)
      throws IOException {
    Path dump = directory.resolve("dump");
    try (Qmp qmp = Qmp.connect(running.qmp(), PATIENCE)) {
      qmp.execute("stop");
      qmp.execute(
          "pmemsave", Map.of("val", 0, "size", MEMORY_MIB << 20, "filename", dump.toString()));
    }
    BitSet changed = new BitSet();
    try (Image image = Image.open(imageDirectory);
        PageReader reader = image.newPageReader();
        Arena arena = Arena.ofConfined();
        RandomAccessFile memory = new RandomAccessFile(dump.toFile(), "r")) {
      int ram = image.memory().indexOf(ramBlock);
      MemorySegment then = arena.allocate(MemoryMap.PAGE_BYTES);
      byte[] now = new byte[MemoryMap.PAGE_BYTES];
      for (int gpn = 0; gpn < MEMORY_MIB << 8; gpn++) {
        memory.readFully(now);
        if (gpn < 0xa0 || gpn >= 0x100) { // between lie ROMs and devices
          int page = image.memory().page(ram, gpn);
          reader.read(page, then, 0);
          if (!Arrays.equals(then.toArray(ValueLayout.JAVA_BYTE), now)) {
            changed.set(page);
          }
        }
      }
    }
    return changed;
  }
}
