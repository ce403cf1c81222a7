package dev.spinel.rdb;

import dev.spinel.memory.Memory;
import dev.spinel.value.ByteRun;
import dev.spinel.value.Entry;
import dev.spinel.value.HashValue;
import dev.spinel.value.ListNodes;
import dev.spinel.value.Listpack;
import dev.spinel.value.StringValue;
import dev.spinel.value.Values;
import java.util.Arrays;

/// Writes values as RDB streams have them, as a machine that can be left and gone on with: a string
/// of 512 MB or a list of millions of elements is written in as many steps as one likes.
///
/// ```java
/// out.u8(writer.typeOf(entry).number());   a key may follow
/// writer.begin(entry);
/// while (!writer.write(out, 64 << 10)) …   the seat may be left here
/// ```
///
/// The form follows the encoding that OBJECT ENCODING tells, and is that of the version: 11 is what
/// 7.2 writes, 10 is what 7.0 can read (it knows no listpacks of sets). Hashes with fields that
/// expire have a form in 12 only, which is what 8.0 writes.
///
/// **Between two steps** a value in one node, a long string, a list and a stream may be left only
/// if a walk holds it, or under the lock. A nested dictionary is a walk's to go through: [#open],
/// then each [#field] and [#write] until it is written. Under the lock, [#begin] writes those, too:
/// the members of a sorted set from the highest down, as Redis does.
///
/// One for each seat, used by its thread.
public final class ValueWriter {
  /// The longest string that there is.
  public static final int MAX_STRING = StringValue.MAX_LENGTH;

  /// A budget that nothing exceeds.
  public static final int ALL = Integer.MAX_VALUE;

  /// The version that 7.2 writes.
  private static final int LISTPACK_SETS = 11;

  private static final int ACTIVE_CONSUMERS = 11;

  /// The version that has a form for hashes with fields that expire.
  public static final int TIMED_HASHES = 12;

  /// A time from which a walk counts those of fields: it doesn't know which is the earliest.
  private static final long FIRST_TIME = 1;

  private static final int PIECE = 16 << 10;

  /// Members of something nested that are written before the budget is looked at.
  private static final int AT_A_TIME = 64;

  private static final int LONGEST_INTEGER = 11;

  /// Shorter strings never become shorter.
  private static final int COMPRESSIBLE = 21;

  private final Values values;
  private final Memory memory;
  private final ListNodes nodes;
  private final StreamWriter streams;
  private final LzfCompressor lzf = new LzfCompressor();
  private final byte[] piece = new byte[PIECE];
  private final MemoryRun bytes = new MemoryRun();
  private final StringRun text = new StringRun();
  private int version = 10;
  private boolean compressing;

  // the value that is being written
  private Stage stage = Stage.DONE;
  private long entry;
  private int type; // one of Entry's
  private long left; // nodes, or members
  private long cursor; // of a scan, in a listpack, or a rank
  private boolean counted; // the number of its elements is written
  private boolean timed; // times are written before fields
  private long firstTime; // from which they are counted

  // what is found out when a value is measured
  private long measuredFrom = Long.MAX_VALUE; // strings of so many bytes aren't written
  private long[] compressed = new long[8]; // what they become, 0: they stay as they are
  private int compressedCount;
  private int recalled; // of those, when the value is written after that

  // the string that is being written
  private Form form = Form.NONE;
  private ByteRun run = bytes;
  private long runLeft;
  private long budget;

  private enum Stage {
    DONE,
    STRING,
    NODES,
    ELEMENTS_OF_LISTPACK,
    TRIPLES_OF_LISTPACK,
    TIMED_LISTPACK,
    ENTRIES,
    RANKS,
    STREAM,
    FIELD_TIME,
    FIELD,
    FIELD_VALUE
  }

  private enum Form {
    NONE,
    MEASURED,
    COMPRESSED,
    COPIED
  }

  public ValueWriter(Values values) {
    this.values = values;
    memory = values.memory();
    nodes = new ListNodes(memory, values.allocator());
    streams = new StreamWriter(values.streams());
  }

  /// What is written from here on.
  ///
  /// @param version 10 to 12
  /// @param compressing whether strings are compressed where that makes them shorter
  public ValueWriter as(int version, boolean compressing) {
    this.version = version;
    this.compressing = compressing;
    return this;
  }

  // ── values ──

  /// The type that stands before the entry's key.
  public RdbType typeOf(long entry) {
    int encoding = values.encoding(entry);
    return switch (Entry.type(memory, entry)) {
      case Entry.STRING -> RdbType.STRING;
      case Entry.LIST -> RdbType.LIST_QUICKLIST_2;
      case Entry.SET ->
          switch (encoding) {
            case Entry.INTSET -> RdbType.SET_INTSET;
            case Entry.LISTPACK -> version >= LISTPACK_SETS ? RdbType.SET_LISTPACK : RdbType.SET;
            default -> RdbType.SET;
          };
      case Entry.ZSET -> encoding == Entry.LISTPACK ? RdbType.ZSET_LISTPACK : RdbType.ZSET_2;
      case Entry.HASH -> hashType(encoding, values.hashes().isTimed(entry));
      case Entry.STREAM -> version >= ACTIVE_CONSUMERS ? RdbType.STREAM_3 : RdbType.STREAM_2;
      default -> throw new AssertionError(Entry.type(memory, entry));
    };
  }

  /// The type that stands before the key of something nested.
  ///
  /// @param isTimed whether it is a hash, some fields of which expired at the moment of the walk
  RdbType typeOfNested(long entry, boolean isTimed) {
    return Entry.type(memory, entry) == Entry.HASH
        ? hashType(Entry.NESTED, isTimed)
        : typeOf(entry);
  }

  private RdbType hashType(int encoding, boolean isTimed) {
    boolean showsTimes = isTimed && version >= TIMED_HASHES;
    return switch (encoding) {
      case Entry.LISTPACK -> RdbType.HASH_LISTPACK;
      case Entry.TIMED_LISTPACK -> showsTimes ? RdbType.HASH_LISTPACK_TIMES : RdbType.HASH;
      default -> showsTimes ? RdbType.HASH_TIMES : RdbType.HASH;
    };
  }

  /// The version that is needed for the value of an entry to be written as it is: this one, or a
  /// later one.
  public static int version(int version, Values values, long entry) {
    return Entry.type(values.memory(), entry) == Entry.HASH && values.hashes().isTimed(entry)
        ? Math.max(version, TIMED_HASHES)
        : version;
  }

  /// Begins with the value of an entry; [#write] goes on.
  public void begin(long entry) {
    measuredFrom = Long.MAX_VALUE;
    compressedCount = 0;
    start(entry);
  }

  private void start(long entry) {
    this.entry = entry;
    type = Entry.type(memory, entry);
    counted = false;
    form = Form.NONE;
    cursor = 0;
    timed = false;
    switch (typeOf(entry)) {
      case STRING -> {
        text.open(entry);
        stage = Stage.STRING;
        begin(text);
      }
      case LIST_QUICKLIST_2 -> {
        left = nodes.open(entry);
        stage = Stage.NODES;
      }
      case SET -> {
        left = values.sets().length(entry);
        boolean isListpack = values.encoding(entry) == Entry.LISTPACK;
        if (isListpack) cursor = Listpack.HEADER;
        stage = isListpack ? Stage.ELEMENTS_OF_LISTPACK : Stage.ENTRIES;
      }
      case ZSET_2 -> {
        left = values.sortedSets().length(entry);
        cursor = left - 1;
        stage = Stage.RANKS;
      }
      case HASH, HASH_TIMES -> {
        left = values.hashes().length(entry);
        boolean isListpack = values.encoding(entry) == Entry.TIMED_LISTPACK;
        if (isListpack) cursor = Listpack.HEADER;
        stage = isListpack ? Stage.TRIPLES_OF_LISTPACK : Stage.ENTRIES;
        firstTime = values.hashes().earliest(entry);
        timed = typeOf(entry) == RdbType.HASH_TIMES;
      }
      case HASH_LISTPACK_TIMES -> stage = Stage.TIMED_LISTPACK;
      case STREAM_2, STREAM_3 -> {
        streams.open(entry, version >= ACTIVE_CONSUMERS);
        stage = Stage.STREAM;
      }
      default -> { // a listpack or an intset, as it is
        bytes.open(Entry.valueAddress(memory, entry), Entry.valueLength(memory, entry));
        stage = Stage.STRING;
        begin(bytes);
      }
    }
  }

  /// The same, to find out how many bytes that takes: strings of more than `most` bytes are counted
  /// only. If [#beginAgain] follows, with the same value, what was found out needn't be again.
  void beginToMeasure(long entry, long most) {
    measuredFrom = most;
    compressedCount = 0;
    start(entry);
  }

  /// Begins with a value that has just been measured.
  void beginAgain(long entry) {
    measuredFrom = Long.MAX_VALUE;
    recalled = 0;
    start(entry);
  }

  /// Begins with a nested dictionary of which a walk is going to show `count` fields.
  ///
  /// After type and key.
  ///
  /// @param isTimed as in [#typeOfNested]
  public void open(long entry, long count, boolean isTimed, RdbOutput out) {
    measuredFrom = Long.MAX_VALUE;
    compressedCount = 0;
    type = Entry.type(memory, entry);
    stage = Stage.DONE;
    timed = typeOfNested(entry, isTimed) == RdbType.HASH_TIMES;
    firstTime = FIRST_TIME;
    if (timed) out.int64(firstTime);
    out.length(count);
  }

  /// Begins with a field of the dictionary that was opened: [#write] it before the next.
  public void field(long field) {
    assert stage == Stage.DONE;
    entry = field;
    if (timed) {
      stage = Stage.FIELD_TIME;
    } else {
      stage = Stage.FIELD;
      name(field);
    }
  }

  /// Writes when a field expires, as that is written: after how many milliseconds, plus 1; 0:
  /// never.
  private void time(RdbOutput out, long field) {
    long time = Entry.expiry(memory, field);
    out.length(time == HashValue.NEVER ? 0 : time - firstTime + 1);
  }

  private void name(long member) {
    bytes.open(Entry.keyAddress(memory, member), Entry.keyLength(memory, member));
    begin(bytes);
  }

  /// Goes on with the value, for about `budget` bytes of it. Returns whether all of it is written.
  public boolean write(RdbOutput out, int budget) {
    this.budget = budget;
    while (stage != Stage.DONE) {
      if (form != Form.NONE && !writeString(out)) return false;
      if (this.budget <= 0) return false;
      next(out);
    }
    return true;
  }

  /// The string at hand is written: what comes next?
  private void next(RdbOutput out) {
    switch (stage) {
      case STRING, FIELD_VALUE -> stage = Stage.DONE;
      case NODES -> nextNode(out);
      case ELEMENTS_OF_LISTPACK, TRIPLES_OF_LISTPACK -> nextElement(out);
      case TIMED_LISTPACK -> {
        long value = Entry.valueAddress(memory, entry);
        out.int64(values.hashes().earliest(entry));
        stage = Stage.STRING;
        bytes.open(value, Entry.valueLength(memory, entry));
        begin(bytes);
      }
      case FIELD_TIME -> {
        time(out, entry);
        stage = Stage.FIELD;
        name(entry);
      }
      case ENTRIES -> someEntries(out);
      case RANKS -> someRanks(out);
      case STREAM -> nextOfStream(out);
      case FIELD -> afterName(out);
      default -> throw new AssertionError(stage);
    }
  }

  private void countOnce(RdbOutput out) {
    if (!counted && timed) out.int64(firstTime);
    if (!counted) out.length(left);
    counted = true;
  }

  private void nextNode(RdbOutput out) {
    countOnce(out);
    if (left-- == 0) {
      stage = Stage.DONE;
      return;
    }
    nodes.next();
    out.length(nodes.isPlain() ? RdbType.PLAIN_NODE : RdbType.PACKED_NODE);
    begin(nodes);
  }

  private void nextElement(RdbOutput out) {
    if (!counted && stage == Stage.TRIPLES_OF_LISTPACK) {
      countOnce(out);
      left *= 2; // field, value, and the time, which isn't written
    }
    countOnce(out);
    if (left-- == 0) {
      stage = Stage.DONE;
      return;
    }
    long lp = Entry.valueAddress(memory, entry);
    int at = (int) cursor;
    cursor = Listpack.after(memory, lp, at);
    if (stage == Stage.TRIPLES_OF_LISTPACK && left % 2 == 0) {
      cursor = Listpack.after(memory, lp, (int) cursor);
    }
    if (Listpack.isInteger(memory, lp, at)) {
      out.string(piece, 0, Listpack.copyOut(memory, lp, at, piece, 0));
    } else {
      bytes.open(Listpack.text(memory, lp, at), Listpack.textLength(memory, lp, at));
      begin(bytes);
    }
  }

  private void someEntries(RdbOutput out) {
    countOnce(out);
    boolean isHash = type == Entry.HASH;
    cursor =
        values
            .dictionary()
            .scan(
                Entry.valueAddress(memory, entry),
                cursor,
                AT_A_TIME,
                member -> {
                  if (timed) time(out, member);
                  name(member);
                  finishString(out);
                  if (isHash) {
                    text.open(member);
                    begin(text);
                    finishString(out);
                  }
                });
    if (cursor == 0) stage = Stage.DONE;
  }

  private void someRanks(RdbOutput out) {
    countOnce(out);
    long n = Math.min(AT_A_TIME, cursor + 1);
    values
        .sortedSets()
        .visitBackwards(
            entry,
            cursor,
            n,
            at -> {
              bytes.open(at.memberAddress(), at.memberLength());
              begin(bytes);
              finishString(out);
              out.binary(at.score());
            });
    cursor -= n;
    if (cursor < 0) stage = Stage.DONE;
  }

  private void nextOfStream(RdbOutput out) {
    if (streams.isDone()) {
      stage = Stage.DONE;
      return;
    }
    long before = out.offset();
    ByteRun string = streams.next(out);
    budget -= out.offset() - before;
    if (string != null) begin(string);
  }

  private void afterName(RdbOutput out) {
    stage = Stage.DONE;
    if (type == Entry.ZSET) {
      out.int64(memory.getLong(Entry.valueAddress(memory, entry)));
    } else if (type == Entry.HASH) {
      text.open(entry);
      begin(text);
      stage = Stage.FIELD_VALUE;
    }
  }

  // ── strings ──

  /// Writes the string at hand to its end, whatever the budget.
  private void finishString(RdbOutput out) {
    long after = budget - run.length() - 8;
    do {
      budget = ALL;
    } while (!writeString(out));
    budget = after;
  }

  /// Writes a string in one go.
  void string(RdbOutput out, byte[] a, int from, int n) {
    if (!compressing || n < COMPRESSIBLE) {
      out.string(a, from, n);
      return;
    }
    begin(new ArrayRun(a, from, n));
    finishString(out);
  }

  /// Writes the key of an entry.
  void key(RdbOutput out, long of) {
    name(of);
    finishString(out);
  }

  private void begin(ByteRun of) {
    run = of;
    runLeft = of.length();
    form = Form.MEASURED;
    if (compressing && runLeft >= COMPRESSIBLE) lzf.begin(of);
  }

  /// Goes on with the string at hand. Returns whether it is written.
  private boolean writeString(RdbOutput out) {
    if (form == Form.MEASURED && !beginString(out)) return false;
    boolean done = form == Form.COMPRESSED ? compress(out) : copy(out);
    if (done) form = Form.NONE;
    return done;
  }

  /// Writes the string's header, once it is clear what it is.
  private boolean beginString(RdbOutput out) {
    long n = runLeft;
    form = Form.COPIED;
    if (n <= LONGEST_INTEGER) {
      run.read(piece, 0, (int) n);
      out.string(piece, 0, (int) n);
      budget -= n + 1;
      runLeft = 0;
      return true;
    }
    if (compressing && n >= COMPRESSIBLE) {
      long shorter = shorter();
      if (shorter < 0) {
        form = Form.MEASURED;
        return false;
      }
      run.rewind();
      if (shorter > 0) {
        out.u8(RdbOutput.ENCODED | RdbOutput.LZF);
        out.length(shorter);
        out.length(n);
        if (shorter > measuredFrom) {
          count(out, shorter);
        } else {
          lzf.beginToWrite();
          form = Form.COMPRESSED;
        }
        return true;
      }
    }
    out.length(n);
    if (n > measuredFrom) count(out, n);
    return true;
  }

  private void count(RdbOutput out, long n) {
    out.skip(n);
    runLeft = 0;
  }

  /// How many bytes the string at hand is compressed to, 0 if it stays as it is; -1 if that takes
  /// more than the budget.
  private long shorter() {
    boolean isSmall = lzf.isSmall();
    if (!isSmall && measuredFrom == Long.MAX_VALUE && recalled < compressedCount) {
      return compressed[recalled++];
    }
    long n = runLeft;
    LzfCompressor.Step step = lzf.measure((int) Math.clamp(budget, 1, ALL));
    budget -= Math.min(n, budget);
    if (step == LzfCompressor.Step.MORE) return -1;
    long shorter = step == LzfCompressor.Step.DONE ? lzf.resultLength() : 0;
    if (!isSmall && measuredFrom != Long.MAX_VALUE) remember(shorter);
    return shorter;
  }

  private void remember(long shorter) {
    if (compressedCount == compressed.length) {
      compressed = Arrays.copyOf(compressed, 2 * compressedCount);
    }
    compressed[compressedCount++] = shorter;
  }

  private boolean compress(RdbOutput out) {
    long before = out.offset();
    LzfCompressor.Step step = lzf.write(out, (int) Math.clamp(budget, 1, ALL));
    assert step != LzfCompressor.Step.VAIN;
    budget -= step == LzfCompressor.Step.MORE ? budget : out.offset() - before;
    return step == LzfCompressor.Step.DONE;
  }

  private boolean copy(RdbOutput out) {
    while (runLeft > 0) {
      if (budget <= 0) return false;
      int n = (int) Math.min(runLeft, PIECE);
      run.read(piece, 0, n);
      out.bytes(piece, 0, n);
      runLeft -= n;
      budget -= n;
    }
    return true;
  }

  // ── runs ──

  /// Knows how far it was read.
  private abstract static class Run implements ByteRun {
    int length;
    int at;

    abstract void copy(byte[] to, int from, int n);

    @Override
    public final long length() {
      return length;
    }

    @Override
    public final void rewind() {
      at = 0;
    }

    @Override
    public final void read(byte[] to, int from, int n) {
      copy(to, from, n);
      at += n;
    }
  }

  /// Bytes in memory.
  private final class MemoryRun extends Run {
    private long address;

    void open(long address, int length) {
      this.address = address;
      this.length = length;
      at = 0;
    }

    @Override
    void copy(byte[] to, int from, int n) {
      memory.copyOut(address + at, to, from, n);
    }
  }

  /// A string, or the value of a hash's field.
  private final class StringRun extends Run {
    private long of;

    void open(long entry) {
      of = entry;
      length = values.strings().length(entry);
      at = 0;
    }

    @Override
    void copy(byte[] to, int from, int n) {
      values.strings().copyOut(of, at, to, from, n);
    }
  }

  private static final class ArrayRun extends Run {
    private final byte[] a;
    private final int from;

    ArrayRun(byte[] a, int from, int n) {
      this.a = a;
      this.from = from;
      length = n;
    }

    @Override
    void copy(byte[] to, int into, int n) {
      System.arraycopy(a, from + at, to, into, n);
    }
  }
}
