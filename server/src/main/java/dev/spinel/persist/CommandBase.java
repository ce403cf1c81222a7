package dev.spinel.persist;

import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Memory;
import dev.spinel.value.ByteRun;
import dev.spinel.value.Contents;
import dev.spinel.value.Entry;
import dev.spinel.value.ListValue;
import dev.spinel.value.Values;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Writes a snapshot as the commands that make its data: the base of an append-only file where
/// `aof-use-rdb-preamble` is off. Values of many elements are made by several commands of at most
/// 64 elements. A long string, a list, and a stream ([StreamCommands]) are written in steps
/// ([#more]): the walk leaves its seat in between, and no more than some pieces of it is on the
/// Java heap.
final class CommandBase extends BaseFile implements Contents {
  private static final int ELEMENTS = 64; // of one command
  private static final byte[] LINE_END = {'\r', '\n'};
  private static final byte[] NO_KEY = {};

  private record FieldTime(byte[] field, long millis) {}

  /// A long string that is being written.
  private enum Text {
    NONE,
    /// The value of the key, or of a field.
    STRING,
    /// The element at hand of the list.
    ELEMENT
  }

  private final byte[] header = new byte[32]; // scratch
  private final byte[] piece = new byte[PIECE / 4]; // scratch

  private byte[] key = NO_KEY;
  private int type;
  private long expiry;
  private String verb = "";
  private int wordsOfElement;
  private final byte[][] words = new byte[2 * ELEMENTS][];
  private int gathered; // of `words`
  private int gatheredBytes;

  // What of the key is still to be written.
  private boolean inList; // elements follow
  private boolean inStream;
  private final List<FieldTime> times = new ArrayList<>(); // of fields that are gathered
  private @Nullable StreamCommands streams; // of `values()`, made for the first stream
  private Text inText = Text.NONE;
  private long textEntry; // of STRING
  private int textAt;
  private int textLength;

  private final Supplier<List<byte[]>> libraries;

  /// @param libraries asked at the cut for the texts of all libraries of functions
  CommandBase(Disk.Output file, boolean syncsOften, Supplier<List<byte[]>> libraries) {
    super(file, syncsOften);
    this.libraries = libraries;
  }

  @Override
  void begin(Seat seat, long nowMillis, boolean stamps) {
    super.begin(seat, nowMillis, stamps);
    if (stamps) {
      ascii("#TS:" + nowMillis / 1000 + "\r\n");
    }
    for (byte[] code : libraries.get()) {
      command(3);
      word("FUNCTION");
      word("LOAD");
      word(code);
    }
  }

  @Override
  public void database(int number) {
    command(2);
    word("SELECT");
    word(Integer.toString(number));
  }

  private void beginKey(long entry, long expiry) {
    Memory memory = values().memory();
    this.expiry = expiry;
    key = Entry.key(memory, entry);
    type = Entry.type(memory, entry);
    verb =
        switch (type) {
          case Entry.STRING -> "SET";
          case Entry.LIST -> "RPUSH";
          case Entry.SET -> "SADD";
          case Entry.ZSET -> "ZADD";
          default -> "HMSET";
        };
    wordsOfElement = type == Entry.ZSET || type == Entry.HASH ? 2 : 1;
    gathered = 0;
    gatheredBytes = 0;
  }

  @Override
  public void entry(long entry, long expiry) {
    beginKey(entry, expiry);
    switch (type) {
      case Entry.STRING -> {
        command(3);
        word(verb);
        word(key);
        beginString(entry);
      }
      case Entry.LIST -> {
        values().lists().iterate(entry);
        inList = true;
      }
      case Entry.STREAM -> {
        if (streams == null) {
          streams = new StreamCommands(values().streams(), this);
        }
        streams.open(entry, key);
        inStream = true;
      }
      default -> {
        values().contents(entry, this);
        endKey();
      }
    }
  }

  @Override
  public boolean more() {
    while (!isFull()) {
      if (inText != Text.NONE) {
        writeText();
      } else if (inList) {
        nextElement();
      } else if (inStream) {
        nextOfStream();
      } else {
        return false;
      }
    }
    return true;
  }

  private void nextOfStream() {
    if (streams == null || !streams.next()) {
      inStream = false;
      endKey();
    }
  }

  private void nextElement() {
    ListValue lists = values().lists();
    if (!lists.next()) {
      inList = false;
      endKey();
      return;
    }
    int length = lists.elementLength();
    if (length > PIECE) {
      send();
      command(3);
      word(verb);
      word(key);
      beginText(Text.ELEMENT, length);
    } else {
      byte[] element = new byte[length];
      lists.copyOut(element, 0);
      element(element);
    }
  }

  // ── long strings ──

  private void beginString(long entry) {
    textEntry = entry;
    beginText(Text.STRING, values().strings().length(entry));
  }

  private void beginText(Text kind, int length) {
    inText = kind;
    textAt = 0;
    textLength = length;
    ascii("$" + length + "\r\n");
  }

  private void writeText() {
    int n = Math.min(piece.length, textLength - textAt);
    if (inText == Text.STRING) {
      values().strings().copyOut(textEntry, textAt, piece, 0, n);
    } else {
      values().lists().copyOut(textAt, piece, 0, n);
    }
    write(piece, 0, n);
    textAt += n;
    if (textAt == textLength) {
      write(LINE_END, 0, LINE_END.length);
      inText = Text.NONE;
      if (type == Entry.STRING) {
        endKey();
      }
    }
  }

  // ── elements ──

  @Override
  public void next(ByteRun piece) {
    throw new AssertionError("strings and lists are written in steps");
  }

  @Override
  public void timed(long millis, ByteRun... parts) {
    byte[] field = parts[0].bytes();
    times.add(new FieldTime(field, millis));
    element(field, parts[1].bytes());
  }

  @Override
  public void member(ByteRun... parts) {
    if (type == Entry.ZSET) {
      element(parts[1].bytes(), parts[0].bytes());
    } else if (parts.length == 1) {
      element(parts[0].bytes());
    } else {
      element(parts[0].bytes(), parts[1].bytes());
    }
  }

  private void element(byte[]... parts) {
    for (byte[] part : parts) {
      words[gathered++] = part;
      gatheredBytes += part.length;
    }
    if (gathered == ELEMENTS * wordsOfElement || gatheredBytes >= PIECE) {
      send();
    }
  }

  private void send() {
    if (gathered > 0) {
      command(2 + gathered);
      word(verb);
      word(key);
      for (int i = 0; i < gathered; i++) {
        word(words[i]);
      }
      Arrays.fill(words, 0, gathered, null);
      gathered = 0;
      gatheredBytes = 0;
    }
    for (FieldTime time : times) {
      command(6);
      word("HPEXPIREAT");
      word(key);
      word(Long.toString(time.millis));
      word("FIELDS");
      word("1");
      word(time.field);
    }
    times.clear();
  }

  private void endKey() {
    send();
    if (expiry >= 0) {
      command(3);
      word("PEXPIREAT");
      word(key);
      word(Long.toString(expiry));
    }
    keys = keys + 1;
  }

  @Override
  public void open(long entry, long expiry, long count, boolean isTimed) {
    beginKey(entry, expiry);
  }

  @Override
  public void field(long field) {
    Values values = values();
    byte[] name = Entry.key(values.memory(), field);
    switch (type) {
      case Entry.SET -> element(name);
      case Entry.ZSET -> element(score(values.memory(), field), name);
      default -> {
        boolean isLong = values.strings().length(field) > PIECE;
        if (isLong) {
          send();
        }
        long time = Entry.expiry(values.memory(), field);
        if (time >= 0) {
          times.add(new FieldTime(name, time));
        }
        if (isLong) {
          command(4);
          word(verb);
          word(key);
          word(name);
          beginString(field);
        } else {
          element(name, values.strings().bytes(field));
        }
      }
    }
  }

  @Override
  public void close() {
    endKey();
  }

  private static byte[] score(Memory memory, long member) {
    byte[] text = new byte[Numbers.DOUBLE_CHARS];
    double score = Double.longBitsToDouble(memory.getLong(Entry.valueAddress(memory, member)));
    return Arrays.copyOf(text, Numbers.format(score, text, 0));
  }

  // ── encoding ──

  void command(int count) {
    ascii("*" + count + "\r\n");
  }

  void word(String text) {
    word(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  void word(byte[] word) {
    beginWord(word.length);
    write(word, 0, word.length);
    endWord();
  }

  /// Its bytes ([#write]) and [#endWord] follow.
  void beginWord(int length) {
    header[0] = '$';
    int end = Numbers.format(length, header, 1);
    header[end++] = '\r';
    header[end++] = '\n';
    write(header, 0, end);
  }

  void endWord() {
    write(LINE_END, 0, LINE_END.length);
  }

  private void ascii(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    write(bytes, 0, bytes.length);
  }

  @Override
  void flush() {} // nothing is kept back
}
