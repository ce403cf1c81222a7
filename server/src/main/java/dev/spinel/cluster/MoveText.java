package dev.spinel.cluster;

import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How moves of slots are written on the bus and in `nodes.conf`: words without spaces.
///
/// ```
///   item   <id>,<STATE>,<node>,<number>,<first>-<last>+<slot>…
///   list   item;item;…      or - if there is none
/// ```
final class MoveText {
  /// How far it is, so far as it is written: see [SlotMove.State].
  enum Written {
    STAGING,
    TAKING,
    CLAIMING,
    RETRACTING,
    HANDED,

    /// The slots' keys go; there is no move any more.
    PURGING,

    /// Replicas may have been told that these were handed over.
    DOUBTED;

    /// Whether it is of slots, and of no move.
    boolean isOfSlots() {
      return this == PURGING || this == DOUBTED;
    }
  }

  /// One of them, as it is written.
  ///
  /// @param id of a move, or `-` if there is none
  /// @param node the other primary, or `-` if there is none
  /// @param number HANDED: the epoch with which the source claims the slots. Else the offset of
  ///   replication up to which the data is needed
  record Item(String id, Written state, String node, long number, SlotSet slots) {}

  static final String NONE = "-";
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
          .append(item.number)
          .append(',')
          .append(ranges(item.slots));
    }
    return text.toString();
  }

  private static @Nullable Written written(String word) {
    for (Written state : Written.values()) {
      if (state.name().equals(word)) {
        return state;
      }
    }
    return null;
  }

  /// Whether this is what `nodes.conf` may say: whose list it is, `-` for this node's own, a bar,
  /// and the list.
  static boolean isOfFile(String text) {
    int bar = text.indexOf('|');
    if (bar < 0 || read(text.substring(bar + 1)) == null) {
      return false;
    }
    String from = text.substring(0, bar);
    return from.equals(NONE) || NodesFile.isId(from);
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
      long number = number(fields[3]);
      Written state = written(fields[1]);
      boolean hasMove = NodesFile.isId(fields[0]) && NodesFile.isId(fields[2]);
      boolean hasNone = fields[0].equals(NONE) && fields[2].equals(NONE);
      if (slots == null
          || number < -1
          || state == null
          || !(state.isOfSlots() ? hasNone : hasMove)) {
        return null;
      }
      items.add(new Item(fields[0], state, fields[2], number, slots));
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
