package org.rekindle.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Codec;
import org.rekindle.image.Image;
import org.rekindle.image.ImageSummary;
import org.rekindle.image.Manifest;
import org.rekindle.image.Region;

/** What {@code rekindle inspect} tells of an image. */
final class ImageReport {
  /** Longer facts about the guest are for programs. */
  private static final int MAX_SHOWN = 60;

  private ImageReport() {}

  static Operation.Result of(Image image, ImageSummary summary) {
    Manifest manifest = image.manifest();
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("image", image.directory().toString());
    json.put("guestKind", manifest.guestKind());
    json.put("created", manifest.created().toString());
    json.put("guest", manifest.guest());
    List<Object> regions = new ArrayList<>();
    for (Region region : manifest.memory().regions()) {
      regions.add(
          Map.of(
              "name", region.name(),
              "bytes", region.bytes(),
              "hostPageBytes", region.hostPageBytes()));
    }
    json.put("regions", regions);
    json.put("guestPages", summary.guestPages());
    json.put("zeroPages", summary.zeroPages());
    json.put("identicalPages", summary.identicalPages());
    json.put("deviceStateBytes", summary.deviceStateBytes());
    json.put("fileBytes", summary.fileBytes());
    json.put("base", store(summary.base()));
    summary.hot().ifPresent(hot -> json.put("hot", store(hot)));
    summary
        .workingSet()
        .ifPresent(set -> {
          Map<String, @Nullable Object> members = new LinkedHashMap<>();
          members.put("pages", set.pages());
          members.put("zeroPages", set.zeroPages());
          members.put("horizonMs", set.horizonNs() / 1e6);
          members.put("lastTouchMs", set.lastTouchNs() / 1e6);
          members.put("source", set.source());
          members.put("runs", set.runs());
          json.put("workingSet", members);
        });
    return new Operation.Result(text(image, summary), json);
  }

  private static Map<String, @Nullable Object> store(ImageSummary.Store store) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("pages", store.pages());
    json.put("slots", store.slots());
    json.put("blocks", store.blocks());
    json.put("rawBytes", store.rawBytes());
    json.put("storedBytes", store.storedBytes());
    Map<String, @Nullable Object> blocks = new LinkedHashMap<>();
    for (Codec codec : Codec.values()) {
      Integer count = store.blocksByCodec().get(codec);
      if (count != null) {
        blocks.put(codec.toString().toLowerCase(Locale.ROOT), count);
      }
    }
    json.put("blocksByCodec", blocks);
    return json;
  }

  private static String text(Image image, ImageSummary summary) {
    Manifest manifest = image.manifest();
    List<String> lines = new ArrayList<>();
    lines.add(image.directory() + ": whole, every block read and checked");
    lines.add("  guest        %s, saved %s".formatted(manifest.guestKind(), manifest.created()));
    manifest
        .guest()
        .forEach((name, value) -> {
          String shown = value.toString();
          if (!shown.isEmpty() && shown.length() <= MAX_SHOWN) {
            lines.add("    %-16s %s".formatted(name, shown));
          }
        });
    lines.add(
        "  memory       %s in %d regions"
            .formatted(
                Figures.bytes((double) manifest.memory().bytes()),
                manifest.memory().regions().size()));
    for (Region region : manifest.memory().regions()) {
      lines.add("    %9s  %s".formatted(Figures.bytes((double) region.bytes()), region.name()));
    }
    lines.add(
        "  pages        %s: %s zero (not stored), %s identical to another (stored once)"
            .formatted(
                Figures.count(summary.guestPages()),
                Figures.count(summary.zeroPages()),
                Figures.count(summary.identicalPages())));
    lines.add(
        "  on disk      %s, with %s of device state"
            .formatted(
                Figures.bytes((double) summary.fileBytes()),
                Figures.bytes((double) summary.deviceStateBytes())));
    lines.add(store("base store", summary.base()));
    summary.hot().ifPresent(hot -> lines.add(store("hot store", hot)));
    lines.add(
        summary
            .workingSet()
            .map(set ->
                "  working set  %s pages (%s), %s zero; last touched after %s; from %s"
                    .formatted(
                        Figures.count(set.pages()),
                        Figures.pages(set.pages()),
                        Figures.count(set.zeroPages()),
                        Figures.time(set.lastTouchNs()),
                        set.source()))
            .orElse("  working set  none yet; 'rekindle record' finds it"));
    return String.join("\n", lines);
  }

  private static String store(String name, ImageSummary.Store store) {
    return "  %-11s  %s pages in %s blocks: %s stored as %s"
        .formatted(
            name,
            Figures.count(store.pages()),
            Figures.count(store.blocks()),
            Figures.bytes((double) store.rawBytes()),
            Figures.bytes((double) store.storedBytes()));
  }
}
