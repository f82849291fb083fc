package org.rekindle.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.firecracker.Jail;
import org.rekindle.guest.firecracker.SnapshotLoad;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** Whether and how Firecracker is asked to load the snapshot: a picocli mixin. */
final class FirecrackerLoad {
  @Option(
      names = "--firecracker",
      paramLabel = "API_SOCKET",
      description =
          """
          Have the Firecracker behind this API socket load the snapshot, and resume it when the \
          strategy starts the guest. It must not have a guest yet. --uffd may then be left out.\
          """)
  private @Nullable Path api;

  @Option(
      names = "--jail",
      paramLabel = "ROOT",
      description =
          "With --firecracker: the folder that it sees as its root, if the jailer has started it.")
  private @Nullable Path jail;

  @Option(
      names = "--load-option",
      paramLabel = "KEY=JSON",
      converter = LoadOption.Converter.class,
      description =
          """
          With --firecracker: one more member of the request to load, such as \
          track_dirty_pages=true; also network_overrides, vsock_override, clock_realtime. May be \
          given several times.\
          """)
  private List<LoadOption> options = new ArrayList<>();

  /** A member of a JSON object. */
  record LoadOption(String key, Object value) {
    static final class Converter implements ITypeConverter<LoadOption> {
      private static final Pattern FORM = Pattern.compile("([a-z][a-z_0-9]{0,60})=(.+)");

      @Override
      public LoadOption convert(String text) {
        Matcher match = FORM.matcher(text);
        if (!match.matches()) {
          throw new TypeConversionException(
              "'" + text + "' is no member; write KEY=JSON, such as track_dirty_pages=true");
        }
        try {
          Object value = Json.parse(match.group(2));
          if (value == null) {
            throw new IllegalArgumentException("null is what it is without this option");
          }
          return new LoadOption(match.group(1), value);
        } catch (IllegalArgumentException wrong) {
          throw new TypeConversionException(
              "%s: %s (a text stands between double quotes)"
                  .formatted(match.group(1), wrong.getMessage()));
        }
      }
    }
  }

  boolean chosen() {
    return api != null;
  }

  /**
   * Refuses what does not go together.
   *
   * @param vms how many VMMs are served
   */
  void check(CommandLine command, int vms) {
    if (api == null && (jail != null || !options.isEmpty())) {
      throw new ParameterException(
          command,
          (jail != null ? "--jail" : "--load-option") + " goes with --firecracker API_SOCKET");
    }
    if (api != null && vms != 1) {
      String many = command.getCommand() instanceof RecordCommand ? "--runs" : "--vms";
      throw new ParameterException(command, "--firecracker loads one VM: leave " + many + " out");
    }
  }

  /** Prepares the load, if it was asked for. */
  @Nullable SnapshotLoad prepare(Image image) throws IOException {
    if (api == null) {
      return null;
    }
    Map<String, Object> members = new LinkedHashMap<>();
    options.forEach(option -> members.put(option.key, option.value));
    return SnapshotLoad.prepare(api, new Jail(jail), image, members);
  }
}
