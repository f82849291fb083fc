package org.rekindle.json;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Typed members of a JSON object that somebody else wrote: each either has the type that we need or
 * is refused with a sentence that names it (an {@link IllegalArgumentException}).
 */
public final class Members {
  private Members() {}

  public static String text(Map<String, @Nullable Object> object, String name) {
    return member(object, name, String.class, "a string");
  }

  public static long integer(Map<String, @Nullable Object> object, String name) {
    return member(object, name, Long.class, "an integer");
  }

  public static boolean bool(Map<String, @Nullable Object> object, String name) {
    return member(object, name, Boolean.class, "true or false");
  }

  @SuppressWarnings("unchecked")
  public static Map<String, @Nullable Object> object(
      Map<String, @Nullable Object> object, String name) {
    return member(object, name, Map.class, "an object");
  }

  /** The objects of a list; anything else in it is refused. */
  @SuppressWarnings("unchecked")
  public static List<Map<String, @Nullable Object>> objects(@Nullable Object list, String name) {
    if (list instanceof List<?> elements) {
      for (Object element : elements) {
        if (!(element instanceof Map)) {
          throw new IllegalArgumentException(
              "\"" + name + "\" should be a list of objects but holds " + element);
        }
      }
      return (List<Map<String, @Nullable Object>>) elements;
    }
    throw new IllegalArgumentException("\"" + name + "\" should be a list but is " + list);
  }

  private static <T> T member(
      Map<String, @Nullable Object> object, String name, Class<T> type, String wanted) {
    Object value = object.get(name);
    if (type.isInstance(value)) {
      return type.cast(value);
    }
    throw new IllegalArgumentException("\"" + name + "\" should be " + wanted + " but is " + value);
  }
}
