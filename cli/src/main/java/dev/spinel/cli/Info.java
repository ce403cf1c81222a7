package dev.spinel.cli;

import org.jspecify.annotations.Nullable;

/// Fields of an INFO reply, found as redis-cli finds them: at their first appearance anywhere, even
/// as the end of a longer name.
final class Info {
  private Info() {}

  static @Nullable String field(String info, String name) {
    int at = info.indexOf(name);
    if (at < 0) return null;
    int from = at + name.length() + 1;
    int end = info.indexOf('\r', from);
    int comma = info.indexOf(',', from);
    if (end < 0) end = info.length();
    if (comma >= 0 && comma < end) end = comma;
    return from > end ? "" : info.substring(from, end);
  }

  /// The number of a field; the least long if there is no such field.
  static long number(String info, String name) {
    String value = field(info, name);
    return value == null ? Long.MIN_VALUE : Figures.strtoll(value);
  }
}
