package org.rekindle.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/**
 * Reads and writes JSON as plain Java values: {@code Map<String, Object>} (in order), {@code
 * List<Object>}, {@code String}, {@code Long}, {@code Double}, {@code Boolean} and {@code null}.
 */
public final class Json {
  private static final JsonFactory FACTORY = new JsonFactory();

  /**
   * Deeper nesting is refused: no document of ours comes near it, and a hostile one must not
   * exhaust the stack.
   */
  private static final int MAX_DEPTH = 64;

  private Json() {}

  /**
   * Parses one JSON value.
   *
   * @throws IllegalArgumentException if the text is not exactly one JSON value, is nested deeper
   *     than 64 levels, or holds an integer outside the range of a {@code long}
   */
  public static @Nullable Object parse(String text) {
    try (JsonParser parser =
        FACTORY.createParser(tools.jackson.core.ObjectReadContext.empty(), text)) {
      JsonToken token = parser.nextToken();
      if (token == null) {
        throw new IllegalArgumentException("empty JSON document");
      }
      Object value = value(parser, token, 0);
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException("more text after the JSON value");
      }
      return value;
    } catch (JacksonException malformed) {
      throw new IllegalArgumentException(
          "malformed JSON: " + malformed.getOriginalMessage(), malformed);
    }
  }

  /** As {@link #parse}, for a document that must be an object. */
  @SuppressWarnings("unchecked")
  public static Map<String, @Nullable Object> parseObject(String text) {
    if (parse(text) instanceof Map<?, ?> map) {
      return (Map<String, @Nullable Object>) map;
    }
    throw new IllegalArgumentException("a JSON object was expected");
  }

  private static @Nullable Object value(JsonParser parser, JsonToken token, int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException("JSON is nested deeper than " + MAX_DEPTH + " levels");
    }
    return switch (token) {
      case START_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String name = parser.currentName();
          map.put(name, value(parser, parser.nextToken(), depth + 1));
        }
        yield map;
      }
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        for (JsonToken next = parser.nextToken();
            next != JsonToken.END_ARRAY;
            next = parser.nextToken()) {
          list.add(value(parser, next, depth + 1));
        }
        yield list;
      }
      case VALUE_STRING -> parser.getString();
      case VALUE_NUMBER_INT -> parser.getLongValue();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      default -> throw new IllegalArgumentException("unexpected " + token + " in JSON");
    };
  }

  /** Writes a value on one line, as a protocol wants it. */
  public static String compact(@Nullable Object value) {
    return write(value, ObjectWriteContext.empty());
  }

  /** Writes a value indented, as a person wants it. */
  public static String pretty(@Nullable Object value) {
    return write(
        value,
        new ObjectWriteContext.Base() {
          @Override
          public tools.jackson.core.PrettyPrinter getPrettyPrinter() {
            return new DefaultPrettyPrinter();
          }
        });
  }

  private static String write(@Nullable Object value, ObjectWriteContext context) {
    java.io.StringWriter text = new java.io.StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(context, text)) {
      write(generator, value);
    }
    return text.toString();
  }

  private static void write(JsonGenerator generator, @Nullable Object value) {
    switch (value) {
      case null -> generator.writeNull();
      case Map<?, ?> map -> {
        generator.writeStartObject();
        map.forEach((name, member) -> {
          generator.writeName(String.valueOf(name));
          write(generator, member);
        });
        generator.writeEndObject();
      }
      case Iterable<?> list -> {
        generator.writeStartArray();
        list.forEach(element -> write(generator, element));
        generator.writeEndArray();
      }
      case Boolean b -> generator.writeBoolean(b);
      case Integer i -> generator.writeNumber(i);
      case Long l -> generator.writeNumber(l);
      case Number n -> {
        double d = n.doubleValue();
        if (Double.isFinite(d)) {
          generator.writeNumber(d);
        } else {
          generator.writeNull(); // JSON has no infinity; "never" is null in all our documents
        }
      }
      default -> generator.writeString(value.toString());
    }
  }
}
