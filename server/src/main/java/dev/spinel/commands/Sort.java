package dev.spinel.commands;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Synopsis;
import dev.spinel.value.Entry;
import dev.spinel.value.ListValue;
import dev.spinel.value.SetValue;
import dev.spinel.value.SortedSetValue;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// SORT and SORT_RO: the elements of a list, set or sorted set in another order, by themselves or
/// by what is found elsewhere under names made of them.
///
/// ```
///   SORT ids BY weight_* GET name_* GET #
///        │      │            │
///        │      │            └ lookUp: the reply, element by element
///        │      └ lookUp: what is compared
///        └ load: elements, copied side by side into one array
/// ```
///
/// A call whose BY or GET leads to other keys reads keys that no argument names, so it runs alone
/// ([Command#ROAMS]). What it copies is counted in the Java heap's account first.
///
/// Elements that compare equal come in the order of their bytes, and where the comparison is one of
/// texts found by BY, in the order in which they were.
public final class Sort implements Family {
  private static final int SORT = 0, SORT_RO = 1;

  private static final CommandError NOT_DOUBLE =
      new CommandError("ERR One or more scores can't be converted into double");

  private static final String OPTIONS =
      " [BY @by-pattern:pattern:RO+access+unknown<pattern>] [LIMIT (offset:integer count:integer)]"
          + " [GET... @get-pattern:pattern<pattern>] [order: ASC | DESC] [sorting=ALPHA]";

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        SORT,
        "SORT @key:RO+access" + OPTIONS + " [STORE @destination:OW+update+unknown]",
        "generic 1.0.0 write denyoom @set @sortedset @list @dangerous roams",
        """
        Sorts a list, set or sorted set, and replies with the result or stores it.
        O(N+M*log(M)), N elements there, M of them returned
        """,
        new Keys(true));
    t.command(
        SORT_RO,
        "SORT_RO @key:RO+access" + OPTIONS,
        "generic 7.0.0 readonly @set @sortedset @list @dangerous roams",
        """
        Sorts a list, set or sorted set, and replies with the result.
        O(N+M*log(M)), N elements there, M of them returned
        """,
        new Keys(false));
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case SORT -> sort(call, reply, true);
      case SORT_RO -> sort(call, reply, false);
      default -> throw new AssertionError(row);
    }
  }

  // ── the keys of a call ──

  private static final class Keys implements Command.KeyFinder {
    private final boolean mayStore;

    Keys(boolean mayStore) {
      this.mayStore = mayStore;
    }

    /// The last STORE counts.
    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      int words = args.count() - from;
      if (words < 2) {
        return -1;
      }
      int store = 0;
      for (int i = 2; mayStore && i < words; i++) {
        Slice word = args.at(from + i);
        if (word.is("LIMIT")) {
          i += 2;
        } else if (word.is("GET") || word.is("BY")) {
          i++;
        } else if (word.is("STORE") && i + 1 < words) {
          store = i + 1;
        }
      }
      out[0] = 1;
      if (store != 0) {
        out[1] = store;
      }
      if (flags != null) {
        flags[0] = Synopsis.RO | Synopsis.ACCESS;
        if (store != 0) {
          flags[1] = Synopsis.OW | Synopsis.UPDATE;
        }
      }
      return store == 0 ? 1 : 2;
    }

    @Override
    public boolean roams(Args args, int from) {
      for (int i = from + 2; i + 1 < args.count(); i++) {
        Slice word = args.at(i);
        if (word.is("LIMIT")) {
          i += 2;
        } else if (word.is("STORE")) {
          i++;
        } else if ((word.is("GET") || word.is("BY")) && star(args.at(++i)) >= 0) {
          return true;
        }
      }
      return false;
    }
  }

  /// Where the pattern has its first `*`, for which the element stands, or -1. A pattern ends with
  /// its first zero byte, as in C.
  private static int star(Slice pattern) {
    for (int i = 0; i < pattern.length; i++) {
      int b = pattern.byteAt(i);
      if (b == '*') {
        return i;
      }
      if (b == 0) {
        return -1;
      }
    }
    return -1;
  }

  // ── a call ──

  /// What the options ask for. Positions are those of arguments, 0 if there is none.
  private static final class Wanted {
    boolean descending;
    boolean alpha;
    boolean sorted = true;
    long offset;
    long count = -1;
    int by;
    int store;
    int[] gets = {};
    int getCount;

    static Wanted of(Call call, boolean mayStore) {
      Wanted wanted = new Wanted();
      Options o = call.options(2);
      while (o.next()) {
        if (o.is("ASC")) {
          wanted.descending = false;
        } else if (o.is("DESC")) {
          wanted.descending = true;
        } else if (o.is("ALPHA")) {
          wanted.alpha = true;
        } else if (o.is("LIMIT", 2)) {
          wanted.offset = o.integer();
          wanted.count = o.integer();
        } else if (mayStore && o.is("STORE", 1)) {
          wanted.store = o.take();
        } else if (o.is("BY", 1)) {
          int pattern = o.take();
          boolean leads = star(call.arg(pattern)) >= 0;
          if (leads && call.limits().inCluster()) {
            throw new CommandError("ERR BY option of SORT denied in Cluster mode.");
          }
          if (leads && !call.mayReadAnyKey()) {
            throw new CommandError(
                "ERR BY option of SORT denied due to insufficient ACL permissions.");
          }
          wanted.sorted &= leads;
          wanted.by = pattern;
        } else if (o.is("GET", 1)) {
          if (call.limits().inCluster()) {
            throw new CommandError("ERR GET option of SORT denied in Cluster mode.");
          }
          if (!call.mayReadAnyKey()) {
            throw new CommandError(
                "ERR GET option of SORT denied due to insufficient ACL permissions.");
          }
          wanted.get(call, o.take());
        } else {
          throw CommandError.SYNTAX;
        }
      }
      return wanted;
    }

    private void get(Call call, int pattern) {
      if (getCount == gets.length) {
        call.hold(4L * (getCount + 4));
        gets = Arrays.copyOf(gets, 2 * getCount + 4);
      }
      gets[getCount++] = pattern;
    }
  }

  private static void sort(Call call, Reply reply, boolean mayStore) {
    Wanted wanted = Wanted.of(call, mayStore);
    Key key = call.read(1);
    int type = key.exists() ? key.type() : Entry.LIST;
    if (type != Entry.LIST && type != Entry.SET && type != Entry.ZSET) {
      throw CommandError.WRONGTYPE;
    }
    if (!wanted.sorted && type == Entry.SET && (wanted.store != 0 || call.isInScript())) {
      // the order of a set is chance, and mustn't be stored, or seen by a script
      wanted.sorted = true;
      wanted.alpha = true;
      wanted.by = 0;
    }
    int length = key.exists() ? Math.toIntExact(length(call, key, type)) : 0;
    int start = Math.clamp(wanted.offset, 0, length);
    long asked = Math.clamp(wanted.count, -1, length);
    int end = (int) (asked < 0 ? length : Math.min(length, start + asked));
    if (wanted.store != 0 && end > start) {
      // what GET is going to find is unknown yet; it counts as much as the elements
      double copies = (double) (end - start) / length * Math.max(1, wanted.getCount);
      if (call.lacksMemory((long) (copies * call.weight(key.entry())))) {
        return;
      }
    }
    Elements elements = new Elements(call, wanted, length);
    if (key.exists()) {
      load(call, key, type, elements, wanted.descending && !wanted.sorted);
    }
    call.done(key); // many more may follow
    if (wanted.sorted) {
      elements.order(start, end);
    }
    if (wanted.store == 0) {
      answer(call, reply, elements, start, end);
    } else {
      store(call, reply, elements, start, end);
    }
  }

  private static long length(Call call, Key key, int type) {
    return switch (type) {
      case Entry.LIST -> call.values().lists().length(key.entry());
      case Entry.SET -> call.values().sets().length(key.entry());
      default -> call.values().sortedSets().length(key.entry());
    };
  }

  /// In the order in which they are, which is what counts where nothing is sorted.
  ///
  /// @param backwards lists and sorted sets from their ends on
  private static void load(Call call, Key key, int type, Elements to, boolean backwards) {
    if (type == Entry.LIST) {
      ListValue list = call.values().lists();
      if (backwards) {
        list.iterateBackwards(key.entry());
      } else {
        list.iterate(key.entry());
      }
      while (list.next()) {
        list.copyOut(to.room(list.elementLength()), to.end());
        to.add(list.elementLength());
      }
    } else if (type == Entry.SET) {
      SetValue sets = call.values().sets();
      sets.each(
          key.entry(),
          set -> {
            set.copyMember(to.room(set.memberLength()), to.end());
            to.add(set.memberLength());
          });
    } else {
      SortedSetValue sets = call.values().sortedSets();
      SortedSetValue.Visitor each =
          set -> {
            set.copyMember(to.room(set.memberLength()), to.end());
            to.add(set.memberLength());
          };
      if (backwards) {
        sets.visitBackwards(key.entry(), sets.length(key.entry()) - 1, Long.MAX_VALUE, each);
      } else {
        sets.each(key.entry(), each);
      }
    }
  }

  private static void answer(Call call, Reply reply, Elements elements, int start, int end) {
    Wanted wanted = elements.wanted;
    reply.array((long) (end - start) * Math.max(1, wanted.getCount));
    Slice element = new Slice();
    for (int i = start; i < end; i++) {
      elements.element(i, element);
      if (wanted.getCount == 0) {
        reply.bulk(element);
      }
      for (int j = 0; j < wanted.getCount; j++) {
        Slice pattern = call.arg(wanted.gets[j]);
        if (isElement(pattern)) {
          reply.bulk(element);
          continue;
        }
        Key found = lookUp(call, elements, pattern, element);
        if (found == null) {
          reply.nil();
        } else if (elements.field.length > 0) {
          call.values().hashes().writeValue(reply.writer());
        } else {
          call.values().strings().get(found.entry(), reply.writer());
        }
        if (found != null) {
          call.done(found);
        }
      }
    }
  }

  private static void store(Call call, Reply reply, Elements elements, int start, int end) {
    Wanted wanted = elements.wanted;
    long length = (long) (end - start) * Math.max(1, wanted.getCount);
    Key to = call.write(wanted.store);
    if (length == 0) {
      if (to.exists()) {
        call.delete(to);
      }
      reply.integer(0);
      return;
    }
    ListValue lists = call.values().lists();
    int fill = call.limits().intOf(Settings.LIST_MAX_LISTPACK_SIZE);
    Slice element = new Slice();
    try (ListValue.NewList draft = lists.draft(to.name, fill)) {
      for (int i = start; i < end; i++) {
        elements.element(i, element);
        if (wanted.getCount == 0) {
          draft.push(element);
        }
        for (int j = 0; j < wanted.getCount; j++) {
          Slice pattern = call.arg(wanted.gets[j]);
          draft.push(isElement(pattern) ? element : found(call, elements, pattern, element));
        }
      }
      draft.store(to.place);
    }
    call.stored(to, Events.LIST, "sortstore", length);
    reply.integer(length);
  }

  /// What GET finds, empty if nothing.
  private static Slice found(Call call, Elements elements, Slice pattern, Slice element) {
    Key found = lookUp(call, elements, pattern, element);
    if (found == null) {
      return new Slice(new byte[0]);
    }
    Slice value = new Slice(value(call, elements, found));
    call.done(found);
    return value;
  }

  private static byte[] value(Call call, Elements elements, Key found) {
    return elements.field.length > 0
        ? call.values().hashes().value()
        : call.values().strings().bytes(found.entry());
  }

  /// `#` is the element itself.
  private static boolean isElement(Slice pattern) {
    return pattern.length > 0
        && pattern.byteAt(0) == '#'
        && (pattern.length == 1 || pattern.byteAt(1) == 0);
  }

  /// Finds what the pattern leads to when the element stands for its `*`: a string, or after `->` a
  /// field of a hash, which is then the pair at hand of the hashes. Null if there is none. The
  /// caller is to say [Call#done] of the key.
  private static @Nullable Key lookUp(Call call, Elements elements, Slice pattern, Slice element) {
    int star = star(pattern);
    if (star < 0) {
      return null;
    }
    int arrow = arrow(pattern, star + 1);
    int end = arrow < 0 ? pattern.length : arrow;
    elements.field.set(
        pattern.array, pattern.offset + end + 2, arrow < 0 ? 0 : pattern.length - end - 2);
    Slice name = elements.name(pattern, star, element, end);
    Key key = call.read(name);
    boolean found = key.exists();
    if (found && arrow >= 0) {
      found = key.type() == Entry.HASH && Hashes.sees(call, key, elements.field);
    } else if (found) {
      found = key.type() == Entry.STRING;
    }
    if (!found) {
      call.done(key);
      return null;
    }
    return key;
  }

  /// Where `->` with a field behind it is in the pattern, or -1.
  private static int arrow(Slice pattern, int from) {
    for (int i = from; i + 1 < pattern.length && pattern.byteAt(i) != 0; i++) {
      if (pattern.byteAt(i) == '-' && pattern.byteAt(i + 1) == '>') {
        return i + 2 < pattern.length && pattern.byteAt(i + 2) != 0 ? i : -1;
      }
    }
    return -1;
  }

  // ── the elements ──

  /// All elements, and what they are compared by, in a few arrays.
  private static final class Elements {
    private static final int SMALL = 12; // so many are sorted by insertion

    final Wanted wanted;
    final Slice field = new Slice(); // of the hash that was looked up last; empty: a string was

    private final Call call;
    private byte[] bytes; // elements, then what BY found for them
    private int filled;
    private final int[] starts;
    private int count;

    private int[] order; // indices of elements
    private int[] aside;
    private double[] scores = {};
    private int[] textStarts = {}; // ALPHA with BY: where the found texts are; -1: nothing found
    private int[] textLengths = {};

    private byte[] nameBytes = new byte[64];
    private final Slice name = new Slice();

    Elements(Call call, Wanted wanted, int length) {
      this.call = call;
      this.wanted = wanted;
      call.hold(12L * (length + 1L) + 16L * length);
      bytes = new byte[16 * Math.min(length, 1 << 26)];
      starts = new int[length + 1];
      order = new int[length];
      aside = new int[0];
      for (int i = 0; i < length; i++) {
        order[i] = i;
      }
    }

    /// Makes sure that so many bytes can follow, which are the caller's to fill from [#end] on.
    byte[] room(int more) {
      long need = filled + (long) more;
      if (need > bytes.length) {
        long larger = Math.max(need, Math.min(2L * bytes.length, Integer.MAX_VALUE - 8));
        call.hold(larger > Integer.MAX_VALUE - 8 ? Long.MAX_VALUE / 2 : larger);
        bytes = Arrays.copyOf(bytes, (int) larger);
      }
      return bytes;
    }

    int end() {
      return filled;
    }

    /// The next element is what was written there.
    void add(int length) {
      filled += length;
      starts[++count] = filled;
    }

    /// The `i`-th in the present order.
    void element(int i, Slice into) {
      int element = order[i];
      into.set(bytes, starts[element], starts[element + 1] - starts[element]);
    }

    /// The name that `element` makes of the pattern up to `end`.
    Slice name(Slice pattern, int star, Slice element, int end) {
      int behind = end - star - 1;
      int length = star + element.length + behind;
      if (length > nameBytes.length) {
        call.hold(2L * length);
        nameBytes = new byte[2 * length];
      }
      System.arraycopy(pattern.array, pattern.offset, nameBytes, 0, star);
      element.copyTo(nameBytes, star);
      int rest = pattern.offset + star + 1;
      System.arraycopy(pattern.array, rest, nameBytes, star + element.length, behind);
      name.set(nameBytes, 0, length);
      return name;
    }

    // ── sorting ──

    /// Puts those that come at `from` to `to` there; the others are anywhere.
    void order(int from, int to) {
      if (wanted.by != 0) {
        readWeights();
      } else if (!wanted.alpha) {
        readScores();
      }
      if (to - from == 0 || count < 2) {
        return;
      }
      if (to < count / 4) {
        selectFirst(to);
      } else {
        call.hold(4L * count);
        aside = order.clone();
        sort(aside, order, 0, count);
      }
    }

    private void readScores() {
      call.hold(8L * count);
      scores = new double[count];
      for (int i = 0; i < count; i++) {
        scores[i] = number(bytes, starts[i], starts[i + 1] - starts[i]);
        if (Double.isNaN(scores[i])) {
          throw NOT_DOUBLE;
        }
      }
    }

    /// Looks up what the elements are compared by: all of it, also behind a text that is no number,
    /// as keys that are missing cause events.

    private void readWeights() {
      Slice pattern = call.arg(wanted.by);
      Slice element = new Slice();
      call.hold(8L * count);
      if (wanted.alpha) {
        textStarts = new int[count];
        textLengths = new int[count];
      } else {
        scores = new double[count];
      }
      boolean areNumbers = true;
      for (int i = 0; i < count; i++) {
        element.set(bytes, starts[i], starts[i + 1] - starts[i]);
        Key found = lookUp(call, this, pattern, element);
        if (found == null) {
          if (wanted.alpha) {
            textStarts[i] = -1;
          }
          continue;
        }
        byte[] value = value(call, this, found);
        call.done(found);
        if (wanted.alpha) {
          System.arraycopy(value, 0, room(value.length), filled, value.length);
          textStarts[i] = filled;
          textLengths[i] = value.length;
          filled += value.length;
        } else {
          scores[i] = number(value, 0, value.length);
          areNumbers &= !Double.isNaN(scores[i]);
        }
      }
      if (!areNumbers) {
        throw NOT_DOUBLE;
      }
    }

    /// What C's `strtod` makes of a text that is a number as a whole, an empty one being 0; NaN if
    /// it is none.
    private static double number(byte[] text, int at, int length) {
      int end = at;
      while (end < at + length && text[end] != 0) {
        end++;
      }
      if (end == at) {
        return 0;
      }
      while (at < end && (text[at] == ' ' || text[at] >= 9 && text[at] <= 13)) {
        at++;
      }
      return new Slice(text, at, end - at).toDouble();
    }

    /// Whether `a` comes before `b`: below 0.
    private int compare(int a, int b) {
      int way;
      if (!wanted.alpha) {
        way = scores[a] < scores[b] ? -1 : scores[a] > scores[b] ? 1 : compareBytes(a, b, false);
      } else if (wanted.by == 0) {
        way = compareBytes(a, b, wanted.store == 0);
      } else {
        way = compareTexts(a, b);
      }
      if (way != 0 && wanted.descending) {
        return -way;
      }
      return way != 0 ? way : Integer.compare(a, b);
    }

    private int compareBytes(int a, int b, boolean asText) {
      return compare(
          starts[a], starts[a + 1] - starts[a], starts[b], starts[b + 1] - starts[b], asText);
    }

    private int compareTexts(int a, int b) {
      if (textStarts[a] < 0 || textStarts[b] < 0) {
        return Integer.compare(textStarts[a] < 0 ? -1 : 0, textStarts[b] < 0 ? -1 : 0);
      }
      return compare(
          textStarts[a], textLengths[a], textStarts[b], textLengths[b], wanted.store == 0);
    }

    /// @param asText up to the first zero byte, as C compares texts
    private int compare(int a, int aLength, int b, int bLength, boolean asText) {
      if (!asText) {
        return Arrays.compareUnsigned(bytes, a, a + aLength, bytes, b, b + bLength);
      }
      int shared = Arrays.mismatch(bytes, a, a + aLength, bytes, b, b + bLength);
      for (int i = 0; i < (shared < 0 ? aLength : shared); i++) {
        if (bytes[a + i] == 0) {
          return 0;
        }
      }
      if (shared < 0) {
        return 0;
      }
      int left = shared < aLength ? bytes[a + shared] & 0xff : 0;
      int right = shared < bLength ? bytes[b + shared] & 0xff : 0;
      return Integer.compare(left, right);
    }

    /// Sorts `to[from…end]`, whose elements `of` has, too: by merging.
    private void sort(int[] of, int[] to, int from, int end) {
      if (end - from <= SMALL) {
        for (int i = from + 1; i < end; i++) {
          int moved = to[i];
          int at = i;
          for (; at > from && compare(moved, to[at - 1]) < 0; at--) {
            to[at] = to[at - 1];
          }
          to[at] = moved;
        }
        return;
      }
      int middle = (from + end) >>> 1;
      sort(to, of, from, middle);
      sort(to, of, middle, end);
      int left = from;
      int right = middle;
      for (int i = from; i < end; i++) {
        boolean first = right == end || left < middle && compare(of[left], of[right]) <= 0;
        to[i] = of[first ? left++ : right++];
      }
    }

    /// The first `wantedFirst` of all, sorted: a heap of the first ones so far, whose last is on
    /// top.
    private void selectFirst(int wantedFirst) {
      int[] heap = new int[wantedFirst];
      int size = 0;
      for (int i = 0; i < count; i++) {
        if (size < wantedFirst) {
          heap[size] = i;
          siftUp(heap, size++);
        } else if (compare(i, heap[0]) < 0) {
          heap[0] = i;
          siftDown(heap, size);
        }
      }
      while (size > 0) {
        order[size - 1] = heap[0];
        heap[0] = heap[--size];
        siftDown(heap, size);
      }
    }

    private void siftUp(int[] heap, int at) {
      int moved = heap[at];
      while (at > 0 && compare(heap[(at - 1) >> 1], moved) < 0) {
        heap[at] = heap[(at - 1) >> 1];
        at = (at - 1) >> 1;
      }
      heap[at] = moved;
    }

    private void siftDown(int[] heap, int size) {
      int moved = heap[0];
      int at = 0;
      for (int child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && compare(heap[child], heap[child + 1]) < 0) {
          child++;
        }
        if (compare(heap[child], moved) <= 0) {
          break;
        }
        heap[at] = heap[child];
      }
      heap[at] = moved;
    }
  }
}
