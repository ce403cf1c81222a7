package dev.spinel.rdb;

import dev.spinel.value.LargeStrings;
import dev.spinel.value.Values;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;

/// What DUMP says of a value, and RESTORE takes:
///
/// ```
///   type 1 | value | version 2 | checksum of all before 8        both little-endian
/// ```
///
/// One for each seat, used by its thread under the lock of the key's slot.
public final class Payloads {
  private static final int FOOTER = 10;
  private static final int CHECKSUM = 8;

  /// Payloads of up to so many bytes are made once, longer ones twice: their length stands before
  /// them, and nobody has room for them as a whole.
  private static final int ROOM = 64 << 10;

  private final Values values;
  private final LargeStrings large;
  private final ValueWriter writer;
  private final ValueReader reader;
  private final RdbOutput out = new RdbOutput(this::gather, true);
  private final RdbInput in = new RdbInput();
  private byte[] gathered = new byte[1 << 10];
  private long bytes; // gathered

  public Payloads(Values values) {
    this.values = values;
    large = values.large();
    writer = new ValueWriter(values);
    reader = new ValueReader(values);
  }

  private void gather(byte[] a, int from, int n) {
    long end = bytes + n;
    if (end <= ROOM) {
      if (end > gathered.length) {
        byte[] roomier = new byte[(int) Math.min(ROOM, Math.max(end, 2L * gathered.length))];
        System.arraycopy(gathered, 0, roomier, 0, (int) bytes);
        gathered = roomier;
      }
      System.arraycopy(a, from, gathered, (int) bytes, n);
    }
    bytes = end;
  }

  // ── DUMP ──

  /// Replies with the payload of an entry, as a bulk string.
  ///
  /// @param least the version, 10 or 11, unless the value needs a later one
  public void dump(long entry, int least, boolean compressing, RespWriter to) {
    int version = ValueWriter.version(least, values, entry);
    writer.as(version, compressing);
    bytes = 0;
    out.reset(this::gather, true);
    out.u8(writer.typeOf(entry).number());
    writer.beginToMeasure(entry, ROOM);
    finish(version);
    if (out.offset() <= ROOM) {
      to.bulk(gathered, 0, (int) bytes);
      return;
    }
    to.bulkHeader(out.offset());
    out.reset((a, from, n) -> to.output().write(a, from, n), true);
    out.u8(writer.typeOf(entry).number());
    writer.beginAgain(entry);
    finish(version);
    to.crlf();
  }

  private void finish(int version) {
    while (!writer.write(out, ValueWriter.ALL)) {
      // there is no seat to be left
    }
    footer(version);
  }

  private void footer(int version) {
    out.u8(version);
    out.u8(version >>> 8);
    out.int64(out.checksum());
    out.flush();
  }

  // ── FUNCTION DUMP, FUNCTION RESTORE ──

  /// Replies with a payload of libraries of functions, as a bulk string: as in a file, each behind
  /// its opcode.
  ///
  /// @param codes their texts
  /// @param version 10 or 11
  public void dumpLibraries(
      Iterable<byte[]> codes, int version, boolean compressing, RespWriter to) {
    writer.as(version, compressing);
    bytes = 0;
    writeLibraries(codes, version, this::gather);
    if (out.offset() <= ROOM) {
      to.bulk(gathered, 0, (int) bytes);
      return;
    }
    to.bulkHeader(out.offset());
    writeLibraries(codes, version, (a, from, n) -> to.output().write(a, from, n));
    to.crlf();
  }

  private void writeLibraries(Iterable<byte[]> codes, int version, Sink sink) {
    out.reset(sink, true);
    for (byte[] code : codes) {
      out.u8(RdbWriter.FUNCTION);
      writer.string(out, code, 0, code.length);
    }
    footer(version);
  }

  /// The texts of libraries in an intact payload of at most [Integer#MAX_VALUE] bytes, which isn't
  /// a node.
  ///
  /// @throws RdbException if something else is in it
  public List<byte[]> libraries(Slice payload) {
    in.open(payload.array, payload.offset, payload.length - FOOTER, 0);
    StringInput string = new StringInput(in);
    List<byte[]> codes = new ArrayList<>();
    while (in.left() > 0) {
      int opcode = in.u8();
      if (opcode == RdbWriter.FUNCTION_CANDIDATE) {
        throw in.unsupported("Pre-GA function format not supported");
      }
      if (opcode != RdbWriter.FUNCTION) {
        throw in.corrupt("given type is not a function");
      }
      codes.add(RdbReader.text(string, in, "a library of functions"));
    }
    in.close();
    return codes;
  }

  // ── RESTORE ──

  /// Whether a payload has a version that can be read, and, if that is to be compared, its
  /// checksum.
  public boolean isIntact(Slice payload, boolean comparing) {
    int n = payload.length;
    if (n < FOOTER) return false;
    byte[] footer = new byte[FOOTER];
    copyOut(payload, n - FOOTER, footer, FOOTER);
    int version = (footer[0] & 0xff) | (footer[1] & 0xff) << 8;
    if (version > RdbType.NEWEST_VERSION) return false;
    return !comparing || checksum(payload, n - CHECKSUM) == in.open(footer, 2, CHECKSUM, 0).int64();
  }

  private void copyOut(Slice payload, int at, byte[] to, int n) {
    if (payload.node != 0) large.read(payload.node, at, to, 0, n);
    else System.arraycopy(payload.array, payload.offset + at, to, 0, n);
  }

  private long checksum(Slice payload, int n) {
    if (payload.node == 0) return Crc64.update(0, payload.array, payload.offset, n);
    byte[] piece = new byte[16 << 10];
    long crc = 0;
    for (int at = 0; at < n; at += piece.length) {
      int length = Math.min(n - at, piece.length);
      large.read(payload.node, at, piece, 0, length);
      crc = Crc64.update(crc, piece, 0, length);
    }
    return crc;
  }

  /// Opens the value of an intact payload, and reads its type.
  private RdbType open(Slice payload) {
    int n = payload.length - FOOTER;
    if (payload.node == 0) {
      in.open(payload.array, payload.offset, n, 0);
    } else {
      int[] at = {0};
      in.open(
          (to, from, most) -> {
            int length = Math.min(most, n - at[0]);
            if (length == 0) return -1;
            large.read(payload.node, at[0], to, from, length);
            at[0] += length;
            return length;
          },
          n,
          false);
    }
    int type = in.u8();
    RdbType known = RdbType.of(type);
    if (known == null) throw in.corrupt("a type was expected, not byte " + type);
    return known;
  }

  /// About how many bytes the value of an intact payload will need, whose end is also found.
  public long measure(Slice payload) {
    long needed = open(payload).skim(in);
    if (in.left() != 0) throw in.corrupt(in.left() + " bytes behind the value");
    in.close();
    return needed;
  }

  /// Makes an entry, in no dictionary yet, of an intact payload.
  ///
  /// @param expiry milliseconds since 1970, or -1
  /// @throws RdbException if the value isn't valid, or can't be held
  public long restore(Slice payload, Slice key, long expiry, EncodingLimits limits) {
    RdbType type = open(payload);
    long entry = reader.read(type, key, expiry, limits, in);
    in.close();
    return entry;
  }
}
