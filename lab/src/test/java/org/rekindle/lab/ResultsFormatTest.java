package org.rekindle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.rekindle.json.Json;

/** Holds what the code writes, docs/formats/results.schema.json and results.md together. */
class ResultsFormatTest {
  private static final Path FORMATS =
      Path.of(System.getProperty("rekindle.root", ".."), "docs", "formats");

  private final Map<?, ?> schema =
      Json.parseObject(Files.readString(FORMATS.resolve("results.schema.json")));
  private final @Nullable Object written =
      Json.parse(
          Json.pretty(
              ResultsJson.document(
                  SampleResults.ENVIRONMENT, List.of(SampleResults.KNOWN, SampleResults.UNKNOWN))));

  ResultsFormatTest() throws IOException {}

  @Test
  void whatIsWrittenFollowsTheSchema() {
    assertThat(JsonSchema.violations(schema, written)).isEmpty();
  }

  @Test
  void theSchemaKnowsEveryMemberThatIsWritten() {
    assertThat(JsonSchema.undeclared(schema, written)).isEmpty();
  }

  @Test
  void theSchemaRefusesWhatIsWrong() {
    Map<Object, @Nullable Object> run = new LinkedHashMap<>();
    if (JsonSchema.at(written).get("runs") instanceof List<?> runs) {
      JsonSchema.at(runs.getFirst()).forEach((name, value) -> run.put(name, value));
    }
    run.put("bytesRead", "many");
    run.put("repetition", 0L);
    run.put("stallScope", "core");
    run.remove("guest");
    assertThat(JsonSchema.violations(JsonSchema.at(schema, "properties", "runs", "items"), run))
        .containsExactlyInAnyOrder(
            ".bytesRead is not [integer, null]",
            ".repetition is below 1",
            ".stallScope is none of [guest, vcpu, client, null]",
            ".guest is missing");
  }

  @Test
  void thePageExplainsExactlyTheMembersOfTheSchema() throws IOException {
    Set<String> explained = new LinkedHashSet<>();
    String page = Files.readString(FORMATS.resolve("results.md"));
    String untilFaultLog = page.substring(0, page.indexOf("## Fault log"));
    Matcher row = Pattern.compile("(?m)^\\| `(\\w+)` \\|").matcher(untilFaultLog);
    while (row.find()) {
      explained.add(row.group(1));
    }
    Set<String> declared = new LinkedHashSet<>();
    for (Map<?, ?> members :
        List.of(
            JsonSchema.at(schema, "properties"),
            JsonSchema.at(schema, "properties", "environment", "properties"),
            JsonSchema.at(schema, "properties", "runs", "items", "properties"))) {
      members.keySet().forEach(name -> declared.add(String.valueOf(name)));
    }
    assertThat(explained).isEqualTo(declared);
  }

  @Test
  void thePageShowsTheHeaderAndTheCausesOfTheFaultLog() throws IOException {
    String page = Files.readString(FORMATS.resolve("results.md"));
    assertThat(page).contains("\n" + FaultLogCsv.HEADER + "\n");
    for (FaultRow.Cause cause : FaultRow.Cause.values()) {
      assertThat(page).contains("`" + cause.word() + "`: ");
    }
  }
}
