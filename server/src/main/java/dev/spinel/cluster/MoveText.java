package dev.spinel.cluster;

import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How moves of slots are written on the bus and in `nodes.conf`: words without spaces.
///
/// ```
///   item   <id>,<STATE>,<node>,<offset>,<first>-<last>+<slot>…
///   list   item;item;…      or - if there is none
/// ```
final class MoveText {
  /// One of them, as it is written.
  ///
  /// @param node the other primary, or `-`
  record Item(String id, String state, String node, long offset, SlotSet slots) {}

  private static final String NONE = "-";
  private static final int MOST = 1000;

  private MoveText() {}

  static String write(List<Item> items) {
    if (items.isEmpty()) {
      return NONE;
    }
    StringBuilder text = new StringBuilder();
    for (Item item : items) {
      text.append(text.isEmpty() ? "" : ";")
          .append(item.id)
          .append(',')
          .append(item.state)
          .append(',')
          .append(item.node)
          .append(',')
          .append(item.offset)
          .append(',')
          .append(ranges(item.slots));
    }
    return text.toString();
  }

  static String ranges(SlotSet slots) {
    return slots.toString().replace(' ', '+');
  }

  /// Null if it isn't a list.
  static @Nullable List<Item> read(String text) {
    List<Item> items = new ArrayList<>();
    if (text.equals(NONE)) {
      return items;
    }
    for (String word : text.split(";", -1)) {
      String[] fields = word.split(",", -1);
      if (fields.length != 5 || items.size() == MOST) {
        return null;
      }
      SlotSet slots = slots(fields[4]);
      long offset = number(fields[3]);
      if (slots == null || offset < -1 || fields[0].isEmpty()) {
        return null;
      }
      items.add(new Item(fields[0], fields[1], fields[2], offset, slots));
    }
    return items;
  }

  /// Null if these are no ranges.
  static @Nullable SlotSet slots(String text) {
    SlotSet slots = new SlotSet();
    for (String range : text.split("\\+", -1)) {
      int dash = range.indexOf('-');
      long first = number(dash < 0 ? range : range.substring(0, dash));
      long last = dash < 0 ? first : number(range.substring(dash + 1));
      if (first < 0 || last < first || last >= SlotSet.SLOTS) {
        return null;
      }
      for (int slot = (int) first; slot <= last; slot++) {
        slots.add(slot);
      }
    }
    return slots;
  }

  static long number(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    return Numbers.isLong(bytes, 0, bytes.length)
        ? Numbers.parseLong(bytes, 0, bytes.length, Long.MIN_VALUE)
        : Long.MIN_VALUE;
  }
}
