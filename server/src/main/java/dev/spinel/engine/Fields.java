package dev.spinel.engine;

import java.util.LinkedHashMap;
import java.util.Map;

/// The fields of one [Section] of INFO, while they are collected. One thread.
public final class Fields {
  private final Map<String, String> values = new LinkedHashMap<>(); // keeps the place of a name

  /// Adds the fields of a layout, each with what it says by itself.
  public void lay(String layout) {
    int start = 0;
    while (start < layout.length()) {
      int end = layout.indexOf('\n', start);
      int colon = layout.indexOf(':', start);
      assert start < colon && colon < end : layout.substring(start);
      values.put(layout.substring(start, colon), layout.substring(colon + 1, end));
      start = end + 1;
    }
  }

  public void field(String name, String value) {
    values.put(name, value);
  }

  public void field(String name, long value) {
    field(name, Long.toString(value));
  }

  /// A number with two decimals.
  public void decimal(String name, double value) {
    field(name, decimal(value));
  }

  /// A number of bytes, and the same in readable form in `name_human`.
  public void bytes(String name, long value) {
    field(name, value);
    field(name + "_human", human(value));
  }

  /// The field's value as a whole number; 0 if it has none yet.
  public long number(String name) {
    return Long.parseLong(values.getOrDefault(name, "0"));
  }

  /// Adds the lines of all fields.
  public void writeTo(StringBuilder text) {
    for (Map.Entry<String, String> each : values.entrySet()) {
      text.append(each.getKey()).append(':').append(each.getValue()).append("\r\n");
    }
  }

  /// With two decimals.
  public static String decimal(double value) {
    long hundredths = Math.round(Math.abs(value) * 100);
    long rest = hundredths % 100;
    return (value < 0 ? "-" : "") + hundredths / 100 + (rest < 10 ? ".0" : ".") + rest;
  }

  /// Bytes as people read them: `1.50M`.
  public static String human(long bytes) {
    if (bytes < 1024) {
      return bytes + "B";
    }
    String units = "KMGTP";
    int unit = 0;
    long size = 1024;
    while (unit < units.length() - 1 && bytes / size >= 1024) {
      size *= 1024;
      unit++;
    }
    return decimal((double) bytes / size) + units.charAt(unit);
  }
}
