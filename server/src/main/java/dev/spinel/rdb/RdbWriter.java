package dev.spinel.rdb;

import dev.spinel.memory.Memory;
import dev.spinel.value.Entry;
import dev.spinel.value.Values;
import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;

/// Writes a whole RDB stream: a file, a full sync. It knows the form, and nothing of where the data
/// comes from: a snapshot tells it entry by entry.
///
/// ```
///   "REDIS" version | aux … | per database: SELECTDB, RESIZEDB, then per key
///       [expiry] [idle time or frequency] type key value
///   | EOF checksum
/// ```
///
/// A value is begun by [#begin], or [#open] and [#field] where a walk shows it field by field, and
/// is written by [#more], step by step as [ValueWriter] does it. Used by one thread.
public final class RdbWriter {
  // what may stand where a key's type is expected
  static final int SLOT_INFO = 244;
  static final int FUNCTION = 245;
  static final int FUNCTION_CANDIDATE = 246;
  static final int MODULE_AUX = 247;
  static final int IDLE = 248;
  static final int FREQUENCY = 249;
  static final int AUX = 250;
  static final int RESIZE_DATABASE = 251;
  static final int EXPIRY_MILLIS = 252;
  static final int EXPIRY_SECONDS = 253;
  static final int SELECT_DATABASE = 254;
  static final int END = 255;

  private final Memory memory;
  private final RdbOutput out;
  private final ValueWriter values;
  private long keys;
  private long idleSeconds = -1; // of the next key
  private int frequency = -1;

  /// @param version 10 to 12
  /// @param compressing rdbcompression
  /// @param summing rdbchecksum
  public RdbWriter(Values of, Sink sink, int version, boolean compressing, boolean summing) {
    memory = of.memory();
    out = new RdbOutput(sink, summing);
    values = new ValueWriter(of).as(version, compressing);
    byte[] magic = ("REDIS00" + version).getBytes(StandardCharsets.US_ASCII);
    out.bytes(magic, 0, magic.length);
  }

  /// How many bytes there are so far.
  public long offset() {
    return out.offset();
  }

  /// How many keys have been begun.
  public long keys() {
    return keys;
  }

  /// Hands over what is in the buffer.
  public void flush() {
    out.flush();
  }

  /// A fact about the stream: its name and value.
  public void aux(String name, String value) {
    out.u8(AUX);
    string(name.getBytes(StandardCharsets.UTF_8));
    string(value.getBytes(StandardCharsets.UTF_8));
  }

  public void aux(String name, long value) {
    out.u8(AUX);
    string(name.getBytes(StandardCharsets.UTF_8));
    string(Numbers.bytes(value));
  }

  private void string(byte[] bytes) {
    values.string(out, bytes, 0, bytes.length);
  }

  /// The code of a library of functions.
  public void function(byte[] code) {
    out.u8(FUNCTION);
    string(code);
  }

  /// What follows is in the database of this number.
  ///
  /// @param keys how many keys it has
  /// @param expiring how many of them expire
  public void database(int number, long keys, long expiring) {
    out.u8(SELECT_DATABASE);
    out.length(number);
    out.u8(RESIZE_DATABASE);
    out.length(keys);
    out.length(expiring);
  }

  /// Said before [#begin] or [#open]: for how long the next key hasn't been used.
  public void idle(long seconds) {
    idleSeconds = seconds;
  }

  /// The same: how often it is used, 0 to 255.
  public void frequency(int counter) {
    frequency = counter;
  }

  /// Begins a key whose value is written as a whole: [#more] goes on.
  ///
  /// @param expiry milliseconds since 1970, or -1
  public void begin(long entry, long expiry) {
    prefix(expiry);
    out.u8(values.typeOf(entry).number());
    values.key(out, entry);
    values.begin(entry);
  }

  private void prefix(long expiry) {
    if (expiry >= 0) {
      out.u8(EXPIRY_MILLIS);
      out.int64(expiry);
    }
    if (idleSeconds >= 0) {
      out.u8(IDLE);
      out.length(idleSeconds);
    }
    if (frequency >= 0) {
      out.u8(FREQUENCY);
      out.u8(frequency);
    }
    idleSeconds = -1;
    frequency = -1;
    keys++;
  }

  /// Begins a key of which `count` fields will be shown: [#field], and [#more] until it is written,
  /// so often.
  ///
  /// @param isTimed whether it is a hash and some of its fields expire
  public void open(long entry, long expiry, long count, boolean isTimed) {
    assert Entry.isNested(Entry.encoding(memory, entry));
    prefix(expiry);
    out.u8(values.typeOfNested(entry, isTimed).number());
    values.key(out, entry);
    values.open(entry, count, isTimed, out);
  }

  /// Begins a field of the key that was opened.
  public void field(long field) {
    values.field(field);
  }

  /// Goes on with what was begun, for about `budget` bytes. Returns whether more of it is left:
  /// then the seat may be left before this is called again.
  public boolean more(int budget) {
    return !values.write(out, budget);
  }

  /// All has been said. Hands over what is left.
  public void end() {
    out.u8(END);
    out.int64(out.checksum());
    out.flush();
  }
}
