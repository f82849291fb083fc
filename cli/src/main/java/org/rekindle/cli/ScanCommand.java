package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.MemoryMap;
import org.rekindle.scan.Backend;
import org.rekindle.scan.Scan;
import org.rekindle.scan.ScanFile;
import org.rekindle.scan.ScannedMemory;
import org.rekindle.scan.SharedMapping;
import org.rekindle.workingset.Sweeps;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

@Command(
    name = "scan",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    header = "Learns which memory a running machine uses, before it is saved.",
    description =
        """

        The machine runs on; nothing of it is changed or slowed down but for a page fault of \
        about a microsecond at the first touch of a page in each sweep. 'rekindle save \
        --profile FILE' makes what was found the working set of the image.

        There are three ways to see touches. The first that kernel and process offer is taken \
        (--backend asks for one); the result says which, and why not another.

        idle: idle page tracking, reads and writes, page by page, of any memory. Few kernels \
        are built with it (CONFIG_IDLE_PAGE_TRACKING).

        unmap: ends the mappings of all of the memory, without touching what is in it; waits; \
        looks which pages are mapped again; and so on, sweep by sweep. Writes are seen page by \
        page, reads in groups of up to 64 KiB that the kernel maps together. The memory must be \
        shared (QEMU: -object memory-backend-memfd,share=on), and there must be no swap.

        written: writes only, page by page, of a process that has the kernel note them (by a \
        userfaultfd with WP_ASYNC, Linux 6.7).

        All need root.

        With --pid any process is scanned that keeps memory in a memfd, in /dev/shm or in shared \
        anonymous memory. Pages that another process has mapped too count as touched, always.

        By unmapping: of a machine that reads here and there in its memory a scan finds several times \
        as much as it uses, because of these groups. As root you can have the kernel map single pages \
        meanwhile, where it allows that: echo 4096 >/sys/kernel/debug/fault_around_bytes
        A recording ('rekindle record') is more exact and knows the order of touches, but needs \
        the machine to be saved first. Scan where a machine is saved once and restored soon.
        """,
    footer =
        """

        Example: scan for half a minute, save, restore
          qemu-system-x86_64 -m 1G -object memory-backend-memfd,id=ram,size=1G,share=on \\
            -machine memory-backend=ram ... -qmp unix:vm.qmp,server=on,wait=off
          rekindle scan --qmp vm.qmp --for 30s --interval 10s vm.scan
          rekindle save --qmp vm.qmp --profile vm.scan vm.rekindle
        """,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:scanned",
      "  1:not scanned; the machine runs on",
      "  2:the command line was not understood",
      "130:interrupted; no file is written, the machine runs on"
    })
final class ScanCommand extends Operation {
  @Option(
      names = "--qmp",
      paramLabel = "SOCKET",
      description = "Unix socket of QEMU's monitor (-qmp unix:SOCKET,server=on,wait=off).")
  private @Nullable Path qmp;

  @Option(
      names = "--pid",
      paramLabel = "PID",
      description = "Any other process whose memory is shared: its largest mapping of that kind.")
  private @Nullable Long pid;

  @Option(
      names = "--map",
      paramLabel = "NAME",
      description =
          """
          With --pid: the mapping of that name instead (a memfd's name, a file in /dev/shm, or a \
          path as in /proc/PID/maps).\
          """)
  private @Nullable String map;

  @Option(
      names = "--interval",
      paramLabel = "TIME",
      converter = TimeSpan.class,
      description =
          """
          How long a sweep observes (default: as long as VEE'11's restore would take, a second \
          for every 4096 pages, but no longer than --for).\
          """)
  private @Nullable Duration interval;

  @Option(
      names = "--for",
      paramLabel = "TIME",
      converter = TimeSpan.class,
      description = "How long to scan (default: one sweep).")
  private @Nullable Duration time;

  @Option(
      names = "--backend",
      paramLabel = "WAY",
      description =
          "See touches in this way: ${COMPLETION-CANDIDATES} (default: the first that works).")
  private @Nullable Backend backend;

  @Parameters(paramLabel = "FILE", description = "File to write; it must not exist yet.")
  private @Nullable Path file;

  @Override
  void run(Cleanup cleanup) throws Exception {
    Path target = Objects.requireNonNull(file);
    if (Files.exists(target)) {
      throw new ParameterException(command(), target + " exists; name another file");
    }
    ScannedMemory memory = memory();
    Scanning.Schedule schedule = schedule(memory.pages());
    Scanning.Found found =
        Scanning.run(
            memory, backend == null ? List.of(Backend.values()) : List.of(backend), schedule, this);
    Files.write(target, ScanFile.encode(found.scan()), StandardOpenOption.CREATE_NEW);
    publish(result(target, memory, schedule, found));
  }

  private ScannedMemory memory() throws IOException {
    if (map != null && pid == null) {
      throw new ParameterException(command(), "--map goes with --pid");
    }
    if (qmp != null && pid == null) {
      return Scanning.ram(qmp);
    }
    if (pid != null && qmp == null) {
      return SharedMapping.of(pid, Optional.ofNullable(map));
    }
    throw new ParameterException(command(), "name what to scan: --qmp SOCKET or --pid PID");
  }

  private Scanning.Schedule schedule(int pages) {
    if (interval == null) {
      return time == null ? Scanning.Schedule.once(pages) : Scanning.Schedule.of(pages, time);
    }
    if (time != null && interval.compareTo(time) > 0) {
      throw new ParameterException(command(), "--interval is longer than --for");
    }
    return Scanning.Schedule.every(interval, time == null ? interval : time);
  }

  private static Result result(
      Path target, ScannedMemory memory, Scanning.Schedule schedule, Scanning.Found found) {
    Scan scan = found.scan();
    Sweeps sweeps = scan.sweeps();
    List<Object> each = new ArrayList<>();
    for (int i = 0; i < sweeps.size(); i++) {
      each.add(Map.of("atMs", sweeps.atNs(i) / 1e6, "touchedPages", sweeps.found(i)));
    }
    int set = scan.profile(0).size();
    double cpuShare = (double) found.cpuNs() / Math.max(1, sweeps.endNs());
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("file", target.toString());
    json.put("pid", memory.pid());
    json.put("region", scan.region());
    json.put("address", memory.address());
    json.put("pages", sweeps.memoryPages());
    json.put("backend", scan.backend());
    json.put("readGranularityPages", scan.readGranularityPages());
    json.put("backends", found.offers().stream().map(ScanCommand::offer).toList());
    json.put("intervalMs", schedule.everyNs() / 1e6);
    json.put("sweeps", each);
    json.put("setPages", set);
    json.put("scannerCpuMs", found.cpuNs() / 1e6);
    return new Result(
        """
        found %s of %s pages in use (%s) in %d sweeps of %s: %s
          what           %s of process %d, at 0x%x
          how            %s; %s%s
          cost           %s of processor time, %.2f %% of one\
        """
            .formatted(
                Figures.count(set),
                Figures.count(sweeps.memoryPages()),
                Figures.bytes((double) set * MemoryMap.PAGE_BYTES),
                sweeps.size(),
                Figures.time(schedule.everyNs()),
                target,
                scan.region(),
                memory.pid(),
                memory.address(),
                scan.backend(),
                granularity(scan.readGranularityPages()),
                refusals(found.offers()),
                Figures.time(found.cpuNs()),
                100 * cpuShare),
        json);
  }

  private static String granularity(int readPages) {
    return switch (readPages) {
      case 0 -> "writes only, page by page";
      case 1 -> "reads and writes, page by page";
      default -> "writes page by page, reads in groups of %d pages".formatted(readPages);
    };
  }

  private static String refusals(List<Backend.Offer> offers) {
    return offers.stream()
        .filter(offer -> !offer.stands())
        .map(offer ->
            "%n  not            %s: %s".formatted(offer.backend().title(), offer.refusal()))
        .collect(Collectors.joining());
  }

  private static Map<String, @Nullable Object> offer(Backend.Offer offer) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("name", offer.backend().title());
    json.put("offered", offer.stands());
    json.put("refusal", offer.stands() ? null : offer.refusal());
    return json;
  }
}
