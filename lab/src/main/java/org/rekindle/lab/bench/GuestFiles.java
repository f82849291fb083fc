package org.rekindle.lab.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import org.rekindle.lab.Environment;
import org.rekindle.lab.GuestKit;
import org.rekindle.lab.Narrator;
import org.rekindle.lab.Preparation;
import org.rekindle.lab.Results;
import org.rekindle.lab.RunResult;
import org.rekindle.lab.SavedSubject;
import org.rekindle.lab.Subject;
import org.rekindle.lab.WholeFile;
import org.rekindle.responsiveness.SteadyState;
import org.rekindle.workingset.ProfileFile;

/**
 * What a benchmark keeps of a guest, so that it can be interrupted at any time and goes on where it
 * was: the saved guest as long as restores of it are wanted, and the results of each storage.
 *
 * <pre>
 *   GUEST/saved/            the image and its layouts, what rivals have saved; removed at the end
 *   GUEST/saved/saved.json  written last: without it the guest is saved anew
 *   GUEST/STORAGE/          results.json, device.json, one fault log for each run
 * </pre>
 */
final class GuestFiles {
  private static final String TRUTH = "truth.profile";

  private final Path folder;

  GuestFiles(Path folder) {
    this.folder = folder;
  }

  private Path saved() {
    return folder.resolve("saved");
  }

  /** The guest, saved now or before. */
  SavedSubject saved(Subject subject, Narrator narrator) throws IOException {
    Path facts = saved().resolve("saved.json");
    if (!Files.exists(facts)) {
      GuestKit.delete(saved());
      save(new Preparation(subject, narrator).saveIn(Files.createDirectories(saved())), facts);
    }
    return load(subject, Json.parseObject(Files.readString(facts)));
  }

  private void save(SavedSubject saved, Path facts) throws IOException {
    Files.write(saved().resolve(TRUTH), ProfileFile.encode(saved.truth()));
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    map.put("identity", saved.identity());
    map.put("beatsPerSecond", saved.steadyState().beatsPerSecond());
    map.put("deviation", saved.steadyState().deviation());
    map.put("windowNs", saved.steadyState().windowNs());
    Map<String, @Nullable Object> rivals = new LinkedHashMap<>();
    saved.rivals().forEach((name, file) -> rivals.put(name, String.valueOf(file.getFileName())));
    map.put("rivals", rivals);
    map.put("image", String.valueOf(saved.image().getFileName()));
    write(facts, map);
  }

  private SavedSubject load(Subject subject, Map<String, @Nullable Object> facts)
      throws IOException {
    Path image = saved().resolve(String.valueOf(facts.get("image")));
    Map<String, Path> rivals = new LinkedHashMap<>();
    if (facts.get("rivals") instanceof Map<?, ?> files) {
      files.forEach(
          (name, file) -> rivals.put(String.valueOf(name), saved().resolve(String.valueOf(file))));
    }
    try (Image open = Image.open(image)) {
      return new SavedSubject(
          subject,
          image,
          rivals,
          String.valueOf(facts.get("identity")),
          new SteadyState(
              number(facts, "beatsPerSecond").doubleValue(),
              number(facts, "deviation").doubleValue(),
              number(facts, "windowNs").longValue()),
          ProfileFile.decode(Files.readAllBytes(saved().resolve(TRUTH)), open.memory().pages()));
    } catch (DataFormatException damaged) {
      throw new IOException(
          saved() + " is damaged; remove it, and the guest is saved anew", damaged);
    }
  }

  private static Number number(Map<String, @Nullable Object> facts, String name)
      throws IOException {
    if (facts.get(name) instanceof Number number) {
      return number;
    }
    throw new IOException("saved.json has no number " + name);
  }

  /** What was measured so far of one storage; its folder is there afterwards. */
  List<RunResult> runs(StorageCondition storage) throws IOException {
    Files.createDirectories(folder(storage));
    try {
      return Results.read(results(storage)).runs();
    } catch (NoSuchFileException none) {
      return List.of();
    }
  }

  void write(StorageCondition storage, Environment environment, List<RunResult> runs)
      throws IOException {
    Results.write(environment, runs, results(storage));
  }

  /** Where results and fault logs of one storage go. */
  Path folder(StorageCondition storage) {
    return folder.resolve(storage.label());
  }

  Path results(StorageCondition storage) {
    return folder(storage).resolve("results.json");
  }

  /** The device as it was measured so far. */
  DeviceCurve device(StorageCondition storage) throws IOException {
    try {
      return DeviceCurve.fromMap(
          Json.parseObject(Files.readString(folder(storage).resolve("device.json"))));
    } catch (NoSuchFileException notYet) {
      return DeviceCurve.UNKNOWN;
    }
  }

  void write(StorageCondition storage, DeviceCurve device) throws IOException {
    write(folder(storage).resolve("device.json"), device.toMap());
  }

  private static void write(Path file, Map<String, @Nullable Object> map) throws IOException {
    String text = Json.pretty(map);
    WholeFile.write(file, out -> out.write(text));
  }

  /** Nobody wants to restore it any more. */
  void removeSaved() throws IOException {
    GuestKit.delete(saved());
  }
}
