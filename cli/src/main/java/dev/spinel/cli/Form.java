package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.util.List;

/// How replies are written: for people, raw, as CSV, as JSON.
enum Form {
  STANDARD,
  RAW,
  CSV,
  JSON,
  QUOTED_JSON;

  /// What stands between the elements of a raw reply (`-d`), and behind each raw reply (`-D`).
  record Delimiters(String elements, String replies) {
    static final Delimiters LINES = new Delimiters("\n", "\n");
  }

  boolean isJson() {
    return this == JSON || this == QUOTED_JSON;
  }

  /// The reply as it is shown, with what ends it.
  String of(RespValue reply, Delimiters delimiters) {
    StringBuilder b = new StringBuilder();
    switch (this) {
      case STANDARD -> people(b, reply, "");
      case RAW -> {
        raw(b, reply, delimiters.elements);
        b.append(delimiters.replies);
      }
      case CSV -> {
        csv(b, reply);
        b.append('\n');
      }
      case JSON, QUOTED_JSON -> {
        json(b, reply);
        b.append('\n');
      }
    }
    return b.toString();
  }

  // ── For people ──
  // Here and in what is raw no switch over types: the JVM makes a class for it at each start, which
  // its cache can't keep.

  private static void people(StringBuilder b, RespValue reply, String prefix) {
    if (reply instanceof RespValue.Array a) {
      if (elements(b, a.elements(), prefix, ')')) return;
      b.append("(empty array)");
    } else if (reply instanceof RespValue.Set s) {
      if (elements(b, s.elements(), prefix, '~')) return;
      b.append("(empty set)");
    } else if (reply instanceof RespValue.Push p) {
      if (elements(b, p.elements(), prefix, ')')) return;
      b.append("(empty push)");
    } else if (reply instanceof RespValue.Map m) {
      if (pairs(b, m.keysAndValues(), prefix)) return;
      b.append("(empty hash)");
    } else if (reply instanceof RespValue.Error e) b.append("(error) ").append(cString(e.text()));
    else if (reply instanceof RespValue.Simple s) b.append(cString(s.text()));
    else if (reply instanceof RespValue.Int i) b.append("(integer) ").append(i.value());
    else if (reply instanceof RespValue.Big big) b.append("(integer) ").append(big.digits());
    else if (reply instanceof RespValue.Double d) b.append("(double) ").append(d.written());
    else if (reply instanceof RespValue.Verbatim v) b.append(v.body());
    else if (reply instanceof RespValue.Nil) b.append("(nil)");
    else if (reply instanceof RespValue.Bool o) b.append(o.value() ? "(true)" : "(false)");
    else Quoting.quote(b, textOf(reply));
    b.append('\n');
  }

  /// Numbered lines; false if there are none. The caller has written the prefix of the first.
  private static boolean elements(
      StringBuilder b, List<RespValue> elements, String prefix, char separator) {
    int width = Integer.toString(elements.size()).length();
    String deeper = prefix + " ".repeat(width + 2);
    for (int i = 0; i < elements.size(); i++) {
      number(b, i == 0 ? "" : prefix, i + 1, width, separator);
      people(b, elements.get(i), deeper);
    }
    return !elements.isEmpty();
  }

  private static boolean pairs(StringBuilder b, List<RespValue> keysAndValues, String prefix) {
    int width = Integer.toString(keysAndValues.size() / 2).length();
    String deeper = prefix + " ".repeat(width + 2);
    for (int i = 0; i < keysAndValues.size(); i += 2) {
      number(b, i == 0 ? "" : prefix, i / 2 + 1, width, '#');
      people(b, keysAndValues.get(i), deeper);
      b.setLength(b.length() - 1);
      b.append(" => ");
      RespValue value = keysAndValues.get(i + 1);
      if (takesLines(value)) b.append('\n').append(deeper);
      people(b, value, deeper);
    }
    return !keysAndValues.isEmpty();
  }

  private static void number(
      StringBuilder b, String prefix, int number, int width, char separator) {
    String digits = Integer.toString(number);
    b.append(prefix).append(" ".repeat(width - digits.length())).append(digits);
    b.append(separator).append(' ');
  }

  /// Whether people see the reply on several lines.
  private static boolean takesLines(RespValue reply) {
    if (reply instanceof RespValue.Map m) {
      List<RespValue> all = m.keysAndValues();
      return all.size() > 2 || all.size() == 2 && takesLines(all.get(1));
    }
    if (!isList(reply)) return false;
    List<RespValue> e = reply.elements();
    return e.size() > 1 || e.size() == 1 && takesLines(e.get(0));
  }

  // ── Raw ──

  static String raw(RespValue reply, String delimiter) {
    StringBuilder b = new StringBuilder();
    raw(b, reply, delimiter);
    return b.toString();
  }

  private static void raw(StringBuilder b, RespValue reply, String delimiter) {
    if (reply instanceof RespValue.Map m) {
      List<RespValue> all = m.keysAndValues();
      for (int i = 0; i < all.size(); i += 2) {
        if (i > 0) b.append(delimiter);
        raw(b, all.get(i), delimiter);
        b.append(' ');
        raw(b, all.get(i + 1), delimiter);
      }
    } else if (isList(reply)) {
      List<RespValue> all = reply.elements();
      for (int i = 0; i < all.size(); i++) {
        if (i > 0) b.append(delimiter);
        raw(b, all.get(i), delimiter);
      }
    } else if (reply instanceof RespValue.Error e) b.append(e.text()).append('\n');
    else if (reply instanceof RespValue.Bool o) b.append(o.value() ? "(true)" : "(false)");
    else if (!(reply instanceof RespValue.Nil)) b.append(textOf(reply));
  }

  private static boolean isList(RespValue reply) {
    return reply instanceof RespValue.Array
        || reply instanceof RespValue.Set
        || reply instanceof RespValue.Push;
  }

  // ── CSV ──

  private static void csv(StringBuilder b, RespValue reply) {
    switch (reply) {
      case RespValue.Error e -> Quoting.quote(b.append("ERROR,"), cString(e.text()));
      case RespValue.Nil _ -> b.append("NULL");
      case RespValue.Simple _, RespValue.Bulk _, RespValue.Verbatim _ ->
          Quoting.quote(b, textOf(reply));
      case RespValue.Array _, RespValue.Set _, RespValue.Push _, RespValue.Map _ -> {
        List<RespValue> all = reply.elements();
        for (int i = 0; i < all.size(); i++) {
          if (i > 0) b.append(',');
          csv(b, all.get(i));
        }
      }
      default -> b.append(textOf(reply));
    }
  }

  // ── JSON ──

  private void json(StringBuilder b, RespValue reply) {
    switch (reply) {
      case RespValue.Error e -> jsonString(b.append("error:"), cString(e.text()));
      case RespValue.Nil _ -> b.append("null");
      case RespValue.Simple _, RespValue.Bulk _, RespValue.Verbatim _ ->
          jsonString(b, textOf(reply));
      case RespValue.Array _, RespValue.Set _, RespValue.Push _ -> {
        b.append('[');
        List<RespValue> all = reply.elements();
        for (int i = 0; i < all.size(); i++) {
          if (i > 0) b.append(',');
          json(b, all.get(i));
        }
        b.append(']');
      }
      case RespValue.Map m -> {
        b.append('{');
        List<RespValue> all = m.keysAndValues();
        for (int i = 0; i < all.size(); i += 2) {
          if (i > 0) b.append(',');
          jsonKey(b, all.get(i));
          b.append(':');
          json(b, all.get(i + 1));
        }
        b.append('}');
      }
      default -> b.append(textOf(reply));
    }
  }

  /// JSON's keys are strings; a reply's may be anything.
  private void jsonKey(StringBuilder b, RespValue key) {
    StringBuilder written = new StringBuilder();
    json(written, key);
    boolean quoted = !written.isEmpty() && written.charAt(0) == '"';
    if (quoted || key instanceof RespValue.Error) b.append(written);
    else b.append('"').append(written).append('"');
  }

  private void jsonString(StringBuilder b, String text) {
    if (this == QUOTED_JSON) {
      b.append(Quoting.quote(text).replace("\\", "\\\\"));
      return;
    }
    b.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '\\', '"' -> b.append('\\').append(c);
        case '\n' -> b.append("\\n");
        case '\f' -> b.append("\\f");
        case '\r' -> b.append("\\r");
        case '\t' -> b.append("\\t");
        case '\b' -> b.append("\\b");
        default -> {
          if (c > 0x1f) b.append(c);
          else b.append("\\u00").append(Quoting.hex(c >> 4)).append(Quoting.hex(c));
        }
      }
    }
    b.append('"');
  }

  /// The text of a reply that isn't an aggregate; of nil, nothing.
  static String textOf(RespValue reply) {
    String text = reply.text();
    return text == null ? "" : text;
  }

  /// What C sees of a string: nothing behind a zero byte.
  static String cString(String text) {
    int zero = text.indexOf(0);
    return zero < 0 ? text : text.substring(0, zero);
  }
}
