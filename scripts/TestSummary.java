import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Prints what Surefire reported: one line for each slow test, and every skipped or failed test with
 * its reason. Usage: {@code java TestSummary.java FAST_FOLDER SLOW_FOLDER}, names of folders below
 * {@code target} of the modules.
 */
class TestSummary {
  private static int passed;
  private static final List<String> skipped = new ArrayList<>();
  private static final List<String> failed = new ArrayList<>();

  public static void main(String[] folders) throws Exception {
    DocumentBuilder xml = DocumentBuilderFactory.newDefaultInstance().newDocumentBuilder();
    for (int i = 0; i < folders.length; i++) {
      boolean slow = i > 0;
      for (Path report : reports(folders[i])) {
        NodeList cases = xml.parse(report.toFile()).getElementsByTagName("testcase");
        for (int c = 0; c < cases.getLength(); c++) {
          count((Element) cases.item(c), slow);
        }
      }
    }
    System.out.println();
    skipped.forEach(line -> System.out.println("skipped  " + line));
    failed.forEach(line -> System.out.println("FAILED   " + line));
    System.out.printf(
        "%d tests passed, %d skipped, %d failed%n", passed, skipped.size(), failed.size());
  }

  private static List<Path> reports(String folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> modules = Files.newDirectoryStream(Path.of("."), Files::isDirectory)) {
      for (Path module : modules) {
        Path reports = module.resolve("target").resolve(folder);
        if (Files.isDirectory(reports)) {
          try (DirectoryStream<Path> files = Files.newDirectoryStream(reports, "TEST-*.xml")) {
            files.forEach(found::add);
          }
        }
      }
    }
    found.sort(null);
    return found;
  }

  private static void count(Element test, boolean slow) {
    String type = test.getAttribute("classname");
    // A parameterised test is called by its parameters, not by their types.
    String method = test.getAttribute("name").replaceFirst("\\([^()]*\\)(?=[\\[ ])", "");
    String name = type.substring(type.lastIndexOf('.') + 1) + "." + method;
    String state = "passed";
    if (test.getElementsByTagName("skipped").item(0) instanceof Element skip) {
      skipped.add(name + ": " + reason(skip));
      state = "skipped";
    } else if (test.getElementsByTagName("failure").item(0) instanceof Element failure) {
      failed.add(name + ": " + reason(failure));
      state = "FAILED";
    } else if (test.getElementsByTagName("error").item(0) instanceof Element error) {
      failed.add(name + ": " + reason(error));
      state = "FAILED";
    } else {
      passed++;
    }
    if (slow) {
      System.out.printf("%-8s %8s s  %s%n", state, test.getAttribute("time"), name);
    }
  }

  private static String reason(Element outcome) {
    String message = outcome.getAttribute("message");
    String text = message.isEmpty() ? outcome.getTextContent().strip() : message;
    return text.lines().findFirst().orElse("no reason given");
  }
}
