package dev.spinel.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Reads well-formed JSON into maps, lists, strings and longs: enough for test resources.
public final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  public static Object parse(String text) {
    Json json = new Json(text);
    Object value = json.value();
    json.blank();
    if (json.at != text.length())
      throw new IllegalArgumentException("more after the value, at " + json.at);
    return value;
  }

  private Object value() {
    blank();
    char c = text.charAt(at);
    if (c == '{') {
      Map<String, Object> map = new LinkedHashMap<>();
      while (more('}')) {
        blank();
        String key = string();
        blank();
        at++;
        map.put(key, value());
      }
      return map;
    }
    if (c == '[') {
      List<Object> list = new ArrayList<>();
      while (more(']')) list.add(value());
      return list;
    }
    if (c == '"') return string();
    int start = at;
    while (at < text.length() && "-0123456789".indexOf(text.charAt(at)) >= 0) at++;
    return Long.valueOf(text.substring(start, at));
  }

  /// Steps over what opens a list or map, or the comma between two members; false behind its end.
  private boolean more(char end) {
    blank();
    if (text.charAt(at++) == end) return false;
    blank();
    if (text.charAt(at) != end) return true;
    at++;
    return false;
  }

  private String string() {
    StringBuilder out = new StringBuilder();
    for (at++; text.charAt(at) != '"'; at++) {
      char c = text.charAt(at);
      if (c == '\\') {
        c = text.charAt(++at);
        if (c == 'n') c = '\n';
        else if (c == 'u') {
          c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
          at += 4;
        }
      }
      out.append(c);
    }
    at++;
    return out.toString();
  }

  private void blank() {
    while (at < text.length() && text.charAt(at) <= ' ') at++;
  }
}
