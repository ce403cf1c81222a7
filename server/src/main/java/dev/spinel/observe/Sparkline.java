package dev.spinel.observe;

import java.util.ArrayList;
import java.util.List;

/// A small graph of numbers over time: a column for each, four rows high, with what each is called
/// written below it from top to bottom.
///
/// ```
///      #
///     _|
///    o||
///   _|||
///
///   3211
///   msss
/// ```
final class Sparkline {
  private static final int ROWS = 4;
  private static final String TOPS = "_o#"; // a column's top, by how far it reaches into its row

  private final List<Long> values = new ArrayList<>();
  private final List<String> labels = new ArrayList<>();

  void add(long value, String label) {
    values.add(value);
    labels.add(label);
  }

  /// Appends it, in strips of so many columns.
  void draw(StringBuilder out, int columns) {
    for (int from = 0; from < values.size(); from += columns) {
      if (from > 0) {
        out.append('\n');
      }
      draw(out, from, Math.min(values.size(), from + columns));
    }
  }

  private void draw(StringBuilder out, int from, int to) {
    long low = values.stream().mapToLong(Long::longValue).min().orElse(0);
    long high = values.stream().mapToLong(Long::longValue).max().orElse(0);
    int steps = ROWS * TOPS.length() - 1;
    for (int row = ROWS - 1; row >= 0; row--) {
      for (int i = from; i < to; i++) {
        double reach = high == low ? 0 : (double) (values.get(i) - low) / (high - low);
        int step = (int) Math.round(reach * steps);
        int top = step / TOPS.length();
        out.append(row > top ? ' ' : row < top ? '|' : TOPS.charAt(step % TOPS.length()));
      }
      out.append('\n');
    }
    out.append(" ".repeat(to - from)).append('\n');
    int longest = labels.subList(from, to).stream().mapToInt(String::length).max().orElse(0);
    for (int i = 0; i < longest; i++) {
      for (String label : labels.subList(from, to)) {
        out.append(i < label.length() ? label.charAt(i) : ' ');
      }
      out.append('\n');
    }
  }
}
