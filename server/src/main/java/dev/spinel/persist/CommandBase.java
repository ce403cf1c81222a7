package dev.spinel.persist;

import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Memory;
import dev.spinel.value.Contents;
import dev.spinel.value.Entry;
import dev.spinel.value.Values;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Writes a snapshot as the commands that make its data: the base of an append-only file where
/// `aof-use-rdb-preamble` is off. Values of many elements are made by several commands of at most
/// 64 elements.
final class CommandBase extends BaseFile implements Contents {
  private static final int ELEMENTS = 64; // of one command
  private static final byte[] LINE_END = {'\r', '\n'};

  private final byte[] header = new byte[32]; // scratch

  private byte[] key = {};
  private int type;
  private long expiry;
  private String verb = "";
  private int wordsOfElement;
  private final byte[][] words = new byte[2 * ELEMENTS][];
  private int gathered; // of `words`

  CommandBase(Disk.Output file, boolean syncsOften) {
    super(file, syncsOften);
  }

  @Override
  void begin(Seat seat, long nowMillis, boolean stamps) {
    super.begin(seat, nowMillis, stamps);
    if (stamps) {
      ascii("#TS:" + nowMillis / 1000 + "\r\n");
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
  }

  @Override
  public void entry(long entry, long expiry) {
    beginKey(entry, expiry);
    values().contents(entry, this);
    endKey();
  }

  @Override
  public void next(byte[] piece) {
    element(piece);
  }

  @Override
  public void member(byte[]... parts) {
    if (type == Entry.ZSET) {
      element(parts[1], parts[0]);
    } else {
      element(parts);
    }
  }

  private void element(byte[]... parts) {
    for (byte[] part : parts) {
      words[gathered++] = part;
    }
    if (gathered == ELEMENTS * wordsOfElement) {
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
    }
  }

  private void endKey() {
    send();
    if (expiry >= 0) {
      command(3);
      word("PEXPIREAT");
      word(key);
      word(Long.toString(expiry));
    }
    keys++;
  }

  @Override
  public void open(long entry, long expiry, long count) {
    beginKey(entry, expiry);
  }

  @Override
  public void field(long field) {
    Values values = values();
    byte[] name = Entry.key(values.memory(), field);
    switch (type) {
      case Entry.SET -> element(name);
      case Entry.ZSET -> element(score(values.memory(), field), name);
      default -> element(name, values.strings().bytes(field));
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

  private void command(int count) {
    ascii("*" + count + "\r\n");
  }

  private void word(String text) {
    word(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private void word(byte[] word) {
    header[0] = '$';
    int end = Numbers.format(word.length, header, 1);
    header[end++] = '\r';
    header[end++] = '\n';
    write(header, 0, end);
    write(word, 0, word.length);
    write(LINE_END, 0, LINE_END.length);
  }

  private void ascii(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    write(bytes, 0, bytes.length);
  }

  @Override
  void flush() {} // nothing is kept back
}
