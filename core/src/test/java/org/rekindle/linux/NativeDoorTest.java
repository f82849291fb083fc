package org.rekindle.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Reads the sources of all modules: native calls and raw addresses are made in this package only,
 * and each such step says why it is safe.
 */
class NativeDoorTest {
  /** What leaves the safety of the JVM: linking, looking up symbols, making up segments. */
  private static final Pattern NATIVE =
      Pattern.compile(
          "\\b(Linker|SymbolLookup|AddressLayout)\\b"
              + "|\\.reinterpret\\(|MemorySegment\\.ofAddress\\(|\\.loaderLookup\\(|downcallHandle\\("
              + "|upcallStub\\(|System\\.load(Library)?\\(|\\bUnsafe\\b|^\\s*(\\w+ )*native ");

  /** Where an address made of numbers goes to the kernel, or memory is made of a number. */
  private static final Pattern RAW =
      Pattern.compile(
          "invokeExact\\(|downcallHandle\\(|\\.reinterpret\\(|MemorySegment\\.ofAddress\\("
              + "|Libc\\.(open|fstatfs|pread|preadv2|read|munmap|mincore|madvise|connect|bind|send"
              + "|recv|sendmsg|recvmsg|getsockopt|ppoll|ioctl|memfdCreate|processVmReadv)\\(");

  /** A comment of some lines may stand between the mark and the step, and an assignment. */
  private static final int LINES_ABOVE = 6;

  private static List<Path> sources() throws IOException {
    Path root = Path.of(System.getProperty("rekindle.root", ".."));
    try (Stream<Path> all = Files.walk(root)) {
      return all.filter(path -> path.toString().endsWith(".java"))
          .filter(path -> path.toString().contains("/src/main/java/"))
          .sorted()
          .toList();
    }
  }

  private static boolean inThisPackage(Path source) {
    return source.toString().contains("/org/rekindle/linux/");
  }

  private static boolean isComment(String line) {
    String text = line.strip();
    return text.startsWith("*") || text.startsWith("/*") || text.startsWith("//");
  }

  @Test
  void nativeCallsAreMadeInThisPackageOnly() throws IOException {
    List<Path> sources = sources();
    assertThat(sources).as("sources of all modules").hasSizeGreaterThan(20);
    List<String> strays = new ArrayList<>();
    for (Path source : sources) {
      if (!inThisPackage(source)) {
        for (String line : Files.readAllLines(source)) {
          if (!isComment(line) && NATIVE.matcher(line).find()) {
            strays.add(source + ": " + line.strip());
          }
        }
      }
    }
    assertThat(strays).as("native steps outside org.rekindle.linux").isEmpty();
  }

  @Test
  void everyRawStepSaysWhyItIsSafe() throws IOException {
    List<String> silent = new ArrayList<>();
    int steps = 0;
    for (Path source : sources()) {
      if (inThisPackage(source)) {
        List<String> lines = Files.readAllLines(source);
        for (int i = 0; i < lines.size(); i++) {
          if (!isComment(lines.get(i)) && RAW.matcher(lines.get(i)).find()) {
            steps++;
            if (lines.subList(Math.max(0, i - LINES_ABOVE), i).stream()
                .noneMatch(above -> above.contains("// SAFETY:"))) {
              silent.add(source.getFileName() + ":" + (i + 1) + ": " + lines.get(i).strip());
            }
          }
        }
      }
    }
    assertThat(steps).as("raw steps found").isGreaterThan(8);
    assertThat(silent).as("raw steps without a // SAFETY: line above").isEmpty();
  }
}
