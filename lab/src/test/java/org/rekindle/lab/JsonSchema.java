package org.rekindle.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** As much of JSON Schema as ours uses. */
final class JsonSchema {
  private JsonSchema() {}

  /** The object at a path of names inside a JSON tree. */
  static Map<?, ?> at(@Nullable Object json, String... names) {
    Object value = json;
    for (String name : names) {
      value = at(value).get(name);
    }
    return value instanceof Map<?, ?> map ? map : Map.of();
  }

  static List<String> violations(Map<?, ?> schema, @Nullable Object value) {
    List<String> found = new ArrayList<>();
    check(schema, value, "", found, false);
    return found;
  }

  static List<String> undeclared(Map<?, ?> schema, @Nullable Object value) {
    List<String> found = new ArrayList<>();
    check(schema, value, "", found, true);
    return found;
  }

  private static void check(
      Map<?, ?> schema, @Nullable Object value, String at, List<String> found, boolean closed) {
    if (schema.containsKey("const") && !schema.get("const").equals(value)) {
      found.add(at + " is not " + schema.get("const"));
    }
    if (schema.get("enum") instanceof List<?> allowed && !allowed.contains(value)) {
      found.add(at + " is none of " + allowed);
    }
    if (schema.containsKey("type")) {
      List<?> types =
          schema.get("type") instanceof List<?> several ? several : List.of(schema.get("type"));
      if (types.stream().noneMatch(type -> is(value, type))) {
        found.add(at + " is not " + types);
        return;
      }
    }
    switch (value) {
      case null -> {}
      case Number number -> {
        if (schema.get("minimum") instanceof Number least
            && number.doubleValue() < least.doubleValue()) {
          found.add(at + " is below " + least);
        }
        if (schema.get("maximum") instanceof Number most
            && number.doubleValue() > most.doubleValue()) {
          found.add(at + " is above " + most);
        }
      }
      case String text -> {
        if (schema.containsKey("minLength") && text.isEmpty()) {
          found.add(at + " is empty");
        }
      }
      case List<?> list -> {
        if ((schema.get("minItems") instanceof Number least && list.size() < least.intValue())
            || (schema.get("maxItems") instanceof Number most && list.size() > most.intValue())) {
          found.add(at + " has " + list.size() + " elements");
        }
        for (int i = 0; i < list.size(); i++) {
          check(at(schema, "items"), list.get(i), at + "[" + i + "]", found, closed);
        }
      }
      case Map<?, ?> map -> members(schema, map, at, found, closed);
      default -> {}
    }
  }

  private static void members(
      Map<?, ?> schema, Map<?, ?> map, String at, List<String> found, boolean closed) {
    if (schema.get("required") instanceof List<?> required) {
      for (Object name : required) {
        if (!map.containsKey(name)) {
          found.add(at + "." + name + " is missing");
        }
      }
    }
    Map<?, ?> properties =
        schema.get("properties") instanceof Map<?, ?> declared ? declared : Map.of();
    map.forEach((name, member) -> {
      if (properties.get(name) instanceof Map<?, ?> one) {
        check(one, member, at + "." + name, found, closed);
      } else if (schema.get("additionalProperties") instanceof Map<?, ?> others) {
        check(others, member, at + "." + name, found, closed);
      } else if (closed) {
        found.add(at + "." + name + " is not in the schema");
      }
    });
  }

  private static boolean is(@Nullable Object value, @Nullable Object type) {
    return switch (String.valueOf(type)) {
      case "null" -> value == null;
      case "string" -> value instanceof String;
      case "boolean" -> value instanceof Boolean;
      case "integer" -> value instanceof Long;
      case "number" -> value instanceof Number;
      case "array" -> value instanceof List<?>;
      case "object" -> value instanceof Map<?, ?>;
      default -> throw new IllegalArgumentException("unknown type " + type);
    };
  }
}
