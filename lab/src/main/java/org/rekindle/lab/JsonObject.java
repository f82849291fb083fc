package org.rekindle.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An object of a parsed JSON document that knows where it is, so that each complaint names the
 * place: {@code runs[3].bytesRead: expected a whole number or null, found "many"}.
 *
 * <p>All methods throw {@link IllegalArgumentException} for a member of another kind.
 */
final class JsonObject {
  private final String place;
  private final Map<?, ?> members;

  private JsonObject(String place, Map<?, ?> members) {
    this.place = place;
    this.members = members;
  }

  static JsonObject root(@Nullable Object json) {
    return of("", json);
  }

  private static JsonObject of(String place, @Nullable Object json) {
    if (json instanceof Map<?, ?> map) {
      return new JsonObject(place, map);
    }
    throw wrong(place, "an object", json);
  }

  Set<String> names() {
    return members.keySet().stream()
        .map(String::valueOf)
        .collect(java.util.stream.Collectors.toCollection(java.util.LinkedHashSet::new));
  }

  @Nullable Object get(String name) {
    return members.get(name);
  }

  JsonObject object(String name) {
    return of(at(name), get(name));
  }

  @Nullable JsonObject objectOrNull(String name) {
    return get(name) == null ? null : object(name);
  }

  List<JsonObject> objects(String name) {
    List<JsonObject> objects = new ArrayList<>();
    for (Object each : list(name)) {
      objects.add(of(at(name) + "[" + objects.size() + "]", each));
    }
    return objects;
  }

  String text(String name) {
    if (get(name) instanceof String text && !text.isBlank()) {
      return text;
    }
    throw wrong(at(name), "text", get(name));
  }

  @Nullable String textOrNull(String name) {
    return get(name) == null ? null : text(name);
  }

  List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    for (Object each : list(name)) {
      if (!(each instanceof String text)) {
        throw wrong(at(name) + "[" + texts.size() + "]", "text", each);
      }
      texts.add(text);
    }
    return texts;
  }

  <T> T convert(String name, String expected, Function<String, T> conversion) {
    String text = text(name);
    try {
      return conversion.apply(text);
    } catch (RuntimeException refused) {
      throw wrong(at(name), expected, text);
    }
  }

  double number(String name) {
    if (get(name) instanceof Number number) {
      return number.doubleValue();
    }
    throw wrong(at(name), "a number", get(name));
  }

  @Nullable Double numberOrNull(String name) {
    return switch (get(name)) {
      case null -> null;
      case Number number -> number.doubleValue();
      case Object other -> throw wrong(at(name), "a number or null", other);
    };
  }

  long wholeNumber(String name) {
    if (get(name) instanceof Long number) {
      return number;
    }
    throw wrong(at(name), "a whole number", get(name));
  }

  int positive(String name) {
    long number = wholeNumber(name);
    if (number < 1 || number > Integer.MAX_VALUE) {
      throw wrong(at(name), "a whole number from 1", number);
    }
    return (int) number;
  }

  @Nullable Long countOrNull(String name) {
    return switch (get(name)) {
      case null -> null;
      case Long count when count >= 0 -> count;
      case Object other -> throw wrong(at(name), "a whole number from 0 or null", other);
    };
  }

  @Nullable Boolean flagOrNull(String name) {
    return switch (get(name)) {
      case null -> null;
      case Boolean flag -> flag;
      case Object other -> throw wrong(at(name), "true, false or null", other);
    };
  }

  List<Double> numbers(String name) {
    List<Double> numbers = new ArrayList<>();
    for (Object each : list(name)) {
      if (!(each instanceof Number number)) {
        throw wrong(at(name) + "[" + numbers.size() + "]", "a number", each);
      }
      numbers.add(number.doubleValue());
    }
    return numbers;
  }

  /** A list of pairs of numbers. */
  List<double[]> points(String name) {
    List<double[]> points = new ArrayList<>();
    for (Object each : list(name)) {
      if (each instanceof List<?> pair
          && pair.size() == 2
          && pair.get(0) instanceof Number x
          && pair.get(1) instanceof Number y) {
        points.add(new double[] {x.doubleValue(), y.doubleValue()});
      } else {
        throw wrong(at(name) + "[" + points.size() + "]", "a pair of numbers", each);
      }
    }
    return points;
  }

  private List<?> list(String name) {
    if (get(name) instanceof List<?> list) {
      return list;
    }
    throw wrong(at(name), "a list", get(name));
  }

  private String at(String name) {
    return place.isEmpty() ? name : place + "." + name;
  }

  private static IllegalArgumentException wrong(
      String place, String expected, @Nullable Object found) {
    String shown =
        switch (found) {
          case null -> "nothing";
          case String text ->
              '"' + (text.length() > 40 ? text.substring(0, 40) + "..." : text) + '"';
          case Map<?, ?> map -> "an object";
          case List<?> list -> "a list";
          case Object other -> other.toString();
        };
    return new IllegalArgumentException(place + ": expected " + expected + ", found " + shown);
  }
}
