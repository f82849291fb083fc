package org.rekindle.lab;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.rekindle.guest.child.ChildProcess;
import org.rekindle.guest.child.PrivateDirectory;
import org.rekindle.image.MemoryMap;
import org.rekindle.image.Region;

/**
 * A machine of the VMM double, which restores its guest exactly as Firecracker does: for tests and
 * benchmarks, where no Firecracker can boot.
 *
 * @param program compiled from {@code lab/src/bench/c/vmm_double}; the beginning of its
 *     vmm_double.c says what it does
 * @param regionBytes lengths of the regions of its memory
 * @param options of the program, the same when it is saved and whenever it is restored
 */
public record DoubleMachine(Path program, List<Long> regionBytes, List<String> options) {
  public static final long MIB = 1 << 20;

  public DoubleMachine {
    regionBytes = List.copyOf(regionBytes);
    options = List.copyOf(options);
  }

  /** A machine of one virtual CPU and 64 MiB in two regions, with a working set of 4 MiB. */
  public static DoubleMachine small(Path program) {
    return new DoubleMachine(program, List.of(48 * MIB, 16 * MIB), List.of());
  }

  /**
   * Compiles the double from the source tree that {@code rekindle.root} names.
   *
   * @return the program, in that directory
   */
  public static Path compile(Path directory) throws IOException {
    return compile(directory, "vmm_double");
  }

  /** Compiles a program of {@code lab/src/bench/c}: one file, or a folder of them. */
  static Path compile(Path directory, String name, String... libraries) throws IOException {
    Path sources = Path.of(System.getProperty("rekindle.root", ".."), "lab/src/bench/c");
    Path program = directory.resolve(name);
    List<String> command =
        new ArrayList<>(List.of("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"));
    command.add(program.toString());
    Path folder = sources.resolve(name);
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.c")) {
        files.forEach(file -> command.add(file.toString()));
      }
    } else {
      command.add(sources.resolve(name + ".c").toString());
    }
    command.addAll(List.of(libraries));
    Command.output(command.toArray(String[]::new));
    return program;
  }

  /** The same machine with more options. */
  public DoubleMachine with(String... more) {
    return new DoubleMachine(
        program, regionBytes, Stream.concat(options.stream(), Stream.of(more)).toList());
  }

  /** Its memory as images have it: regions mem0, mem1 and so on. */
  public MemoryMap memory() {
    return new MemoryMap(
        IntStream.range(0, regionBytes.size())
            .mapToObj(i -> new Region("mem" + i, regionBytes.get(i), MemoryMap.PAGE_BYTES))
            .toList());
  }

  /** Writes the files of a snapshot of it: its memory, and its state. */
  public void writeSnapshot(Path memoryFile, Path stateFile) throws IOException {
    Command.output(
        command("--make-memory", memoryFile.toString(), "--state", stateFile.toString())
            .toArray(String[]::new));
  }

  /**
   * Starts a process of it.
   *
   * @param more what it shall do, such as {@code --uffd SOCKET}
   */
  public VmmDouble start(String... more) throws IOException {
    ChildProcess child =
        ChildProcess.start(new ProcessBuilder(command(more)), PrivateDirectory.create());
    return new VmmDouble(child);
  }

  private List<String> command(String... more) {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.add("--regions");
    command.add(regionBytes.stream().map(String::valueOf).collect(Collectors.joining(",")));
    command.addAll(options);
    command.addAll(List.of(more));
    return command;
  }
}
