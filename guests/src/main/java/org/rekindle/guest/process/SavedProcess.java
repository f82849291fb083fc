package org.rekindle.guest.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rekindle.guest.process.store.Registers;
import org.rekindle.image.Image;
import org.rekindle.json.Json;
import org.rekindle.json.Members;

/**
 * What a saved process guest has beside its memory: the registers of its workers, as JSON in the
 * image's device state.
 *
 * <pre>
 * {"workers":[{"random":-1234,"operations":67840,"digest":5678}]}
 * </pre>
 */
record SavedProcess(List<Registers> workers) {
  /** How images of process guests call themselves. */
  static final String KIND = "process";

  SavedProcess {
    workers = List.copyOf(workers);
    if (workers.isEmpty()) {
      throw new IllegalArgumentException("a process guest has at least one worker");
    }
  }

  byte[] deviceState() {
    return Json.compact(Map.of("workers", workers.stream().map(Registers::toMap).toList()))
        .getBytes(UTF_8);
  }

  /**
   * Reads an image's.
   *
   * @throws IllegalArgumentException if it is an image of something else
   */
  static SavedProcess of(Image image) {
    if (!image.manifest().guestKind().equals(KIND)) {
      throw new IllegalArgumentException(
          "%s is the image of a guest of kind \"%s\", not of a process guest"
              .formatted(image.directory(), image.manifest().guestKind()));
    }
    Map<String, @Nullable Object> state = Json.parseObject(new String(image.deviceState(), UTF_8));
    List<Registers> workers = new ArrayList<>();
    for (Map<String, @Nullable Object> worker : Members.objects(state.get("workers"), "workers")) {
      workers.add(Registers.fromMap(worker));
    }
    return new SavedProcess(workers);
  }
}
