package dev.spinel.rdb;

import dev.spinel.value.Entry;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/// Reads a whole RDB stream, part by part: [#next] goes to the next part and says what it is. Of a
/// [Part#KEY] everything but the value has been read then; the value is the caller's to pass over
/// ([#skim]) or to read ([#value]):
///
/// ```
///   one thread                                        others
///   next() == KEY                                     in.open(batch, …, offset)
///   skim(limit)? → type, key, expiry, payload ──────► ValueReader.read(type, key, …, in)
///              no: it is too large to be handed on
///                  value(reader, …): read it here
/// ```
///
/// So lengths are skimmed by one thread, and values are decoded by as many as one likes. Errors are
/// [RdbException]s that tell the offset in the stream; what was read before them is as it was
/// written. The checksum is compared at the end ([#checksum]).
public final class RdbReader {
  /// What [#next] has met.
  public enum Part {
    /// [#name] and [#text]: a fact about the stream. What isn't understood is passed over.
    AUX,
    /// [#number]: what follows is in this database.
    DATABASE,
    /// [#count] keys are going to follow, of which [#expiring] expire: only a hint.
    SIZE,
    /// [#number] is a hash slot, which has [#count] keys: only a hint.
    SLOT,
    /// [#text] is the code of a library of functions.
    FUNCTION,
    /// [#name] is a module that had something to say beside the keys; it was passed over.
    MODULE,
    KEY,
    /// The end: [#checksum] says whether all is as it was written.
    END
  }

  /// What the stream says of itself at its end.
  public enum Checksum {
    EQUAL,
    /// Something in between isn't what was written.
    DIFFERENT,
    /// Whoever wrote it was asked not to compute one.
    NONE,
    /// Streams before version 5 have none.
    UNKNOWN
  }

  /// What it is about to read, in the words of redis-check-rdb.
  public enum Doing {
    START("start"),
    TYPE("read-type"),
    EXPIRY("read-expire"),
    KEY("read-key"),
    VALUE("read-object-value"),
    CHECKSUM("check-sum"),
    LENGTH("read-len"),
    AUX("read-aux"),
    MODULE_AUX("read-module-aux"),
    FUNCTION("read-functions");

    private final String words;

    Doing(String words) {
      this.words = words;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  private static final int MAGIC = 9;

  /// Streams from this version on end with a checksum.
  private static final int CHECKSUMS = 5;

  /// Facts and functions of more bytes are nobody's.
  private static final int MAX_TEXT = 16 << 20;

  private static final int MOST_TOLD = 48; // bytes of a key that is too long

  private final RdbInput in;
  private final StringInput string;
  private final int version;

  private Doing doing = Doing.START;
  private Checksum checksum = Checksum.UNKNOWN;
  private long computed;
  private long stored;

  private byte[] name = {};
  private byte[] text = {};
  private long number;
  private long count;
  private long expiring;

  // the key
  private final Slice key = new Slice();
  private byte[] keyBytes = new byte[256];
  private int type;
  private long expiry;
  private long idleSeconds;
  private int frequency;

  // its value
  private long valueOffset;
  private int payload; // in the input's array
  private int payloadBytes;

  /// Reads the header. Errors: these bytes are no RDB stream, or one of a later version than
  /// [RdbType#NEWEST_VERSION].
  public RdbReader(RdbInput in) {
    this.in = in;
    string = new StringInput(in);
    version = version(in);
  }

  private static int version(RdbInput in) {
    byte[] magic = new byte[MAGIC];
    in.read(magic, 0, MAGIC);
    for (int i = 0; i < 5; i++) {
      if (magic[i] != "REDIS".charAt(i))
        throw in.corrupt("Wrong signature trying to load DB from file");
    }
    int version = 0;
    for (int i = 5; i < MAGIC && magic[i] >= '0' && magic[i] <= '9'; i++) {
      version = 10 * version + (magic[i] - '0');
    }
    if (version < 1 || version > RdbType.NEWEST_VERSION) {
      throw in.unsupported("Can't handle RDB format version " + version);
    }
    return version;
  }

  /// The version of the form.
  public int version() {
    return version;
  }

  /// How many bytes have been read.
  public long offset() {
    return in.offset();
  }

  /// What it was about to do when something went wrong.
  public Doing doing() {
    return doing;
  }

  /// Goes to the next part. A key's value must have been skimmed or read.
  public Part next() {
    expiry = -1;
    idleSeconds = -1;
    frequency = -1;
    while (true) {
      doing = Doing.TYPE;
      int byte1 = in.u8();
      switch (byte1) {
        case RdbWriter.EXPIRY_SECONDS -> {
          doing = Doing.EXPIRY;
          expiry = expiry(in.int32() * 1000L);
        }
        case RdbWriter.EXPIRY_MILLIS -> {
          doing = Doing.EXPIRY;
          expiry = expiry(in.int64());
        }
        case RdbWriter.IDLE -> idleSeconds = in.length();
        case RdbWriter.FREQUENCY -> frequency = in.u8();
        default -> {
          return part(byte1);
        }
      }
    }
  }

  /// Whatever is before 1970 was over then.
  private static long expiry(long millis) {
    return millis < -1 ? 0 : millis;
  }

  private Part part(int opcode) {
    switch (opcode) {
      case RdbWriter.AUX -> {
        doing = Doing.AUX;
        name = text("the name of a fact");
        text = text("a fact");
        return Part.AUX;
      }
      case RdbWriter.SELECT_DATABASE -> {
        doing = Doing.LENGTH;
        number = in.length();
        return Part.DATABASE;
      }
      case RdbWriter.RESIZE_DATABASE -> {
        doing = Doing.LENGTH;
        count = in.length();
        expiring = in.length();
        return Part.SIZE;
      }
      case RdbWriter.SLOT_INFO -> {
        doing = Doing.LENGTH;
        number = in.length();
        count = in.length();
        expiring = in.length();
        return Part.SLOT;
      }
      case RdbWriter.FUNCTION -> {
        doing = Doing.FUNCTION;
        text = text("a library of functions");
        return Part.FUNCTION;
      }
      case RdbWriter.FUNCTION_CANDIDATE ->
          throw in.unsupported("Pre-release function format not supported");
      case RdbWriter.MODULE_AUX -> {
        doing = Doing.MODULE_AUX;
        name = RdbType.moduleName(in.lengthOf64Bits()).getBytes(StandardCharsets.US_ASCII);
        if (in.length() != RdbType.MODULE_WHEN) throw in.corrupt("bad when_opcode");
        in.length();
        RdbType.skimModule(in);
        return Part.MODULE;
      }
      case RdbWriter.END -> {
        end();
        return Part.END;
      }
      default -> {
        type = opcode;
        if (RdbType.of(opcode) == null) throw in.corrupt("Invalid object type: " + opcode);
        readKey();
        return Part.KEY;
      }
    }
  }

  private byte[] text(String what) {
    return text(string, in, what);
  }

  /// The string that comes next, as a whole.
  static byte[] text(StringInput string, RdbInput in, String what) {
    string.open();
    if (!string.whole(MAX_TEXT)) {
      throw in.unsupported(what + " of " + string.length() + " bytes");
    }
    byte[] bytes = new byte[(int) string.length()];
    string.read(bytes, 0, bytes.length);
    return bytes;
  }

  private void readKey() {
    doing = Doing.KEY;
    string.open();
    long n = string.length();
    if (n > Entry.MAX_KEY) {
      byte[] first = new byte[MOST_TOLD];
      string.read(first, 0, first.length);
      String name = new String(first, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", "?");
      throw in.unsupported(
          "a key of " + n + " bytes ('" + name + "…'): " + Entry.MAX_KEY + " are the most");
    }
    if (keyBytes.length < n) keyBytes = new byte[2 * (int) n];
    string.whole((int) n);
    string.read(keyBytes, 0, (int) n);
    key.set(keyBytes, 0, (int) n);
    valueOffset = in.offset();
    doing = Doing.VALUE;
  }

  private void end() {
    if (version < CHECKSUMS) return;
    doing = Doing.CHECKSUM;
    computed = in.checksum();
    stored = in.int64();
    checksum =
        stored == 0 ? Checksum.NONE : stored == computed ? Checksum.EQUAL : Checksum.DIFFERENT;
  }

  // ── parts ──

  public byte[] name() {
    return name;
  }

  public byte[] text() {
    return text;
  }

  public long number() {
    return number;
  }

  public long count() {
    return count;
  }

  public long expiring() {
    return expiring;
  }

  /// After the end.
  public Checksum checksum() {
    return checksum;
  }

  /// What the checksum of the stream is, as far as the input sums up.
  public long computedChecksum() {
    return computed;
  }

  /// What the stream says that it is.
  public long storedChecksum() {
    return stored;
  }

  // ── keys ──

  /// Until the next part.
  public Slice key() {
    return key;
  }

  /// Milliseconds since 1970, or -1; in the past, too.
  public long expiry() {
    return expiry;
  }

  /// For how many seconds the key had not been used; -1 if nobody said.
  public long idleSeconds() {
    return idleSeconds;
  }

  /// How often the key was used, 0 to 255; -1 if nobody said.
  public int frequency() {
    return frequency;
  }

  public RdbType type() {
    return Objects.requireNonNull(RdbType.of(type));
  }

  /// Where in the stream the value begins.
  public long valueOffset() {
    return valueOffset;
  }

  /// Passes over the value and has its bytes in one piece, if they are at most `most`; if they are
  /// more, returns false, and the value is still to be read.
  public boolean skim(int most) {
    in.mark(most);
    try {
      type().skim(in);
    } catch (RdbInput.Beyond e) {
      in.reset();
      return false;
    }
    payload = in.unmark();
    payloadBytes = in.at() - payload;
    return payloadBytes <= most || back();
  }

  /// It was in the buffer already, but is too much.
  private boolean back() {
    in.back(payload);
    return false;
  }

  /// The array of a value that was skimmed; until the next part.
  public byte[] payload() {
    return in.array();
  }

  public int payloadFrom() {
    return payload;
  }

  public int payloadBytes() {
    return payloadBytes;
  }

  /// Passes over the value, whatever its size.
  public void pass() {
    type().skim(in);
  }

  /// Reads the value: see [ValueReader#read].
  public long value(ValueReader reader, Slice name, EncodingLimits limits) {
    return reader.read(type(), name, expiry, limits, in);
  }
}
