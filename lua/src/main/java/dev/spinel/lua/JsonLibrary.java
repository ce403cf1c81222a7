package dev.spinel.lua;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The library `cjson`: Lua values to and from JSON, as lua-cjson 2.1.0 does it.
///
/// A table whose keys are positive integers is an array, with `null` where it has holes; if more
/// than every second place would be one, that is an error ("excessively sparse array"), or it
/// becomes an object, as `encode_sparse_array` says. An empty table is an object. `cjson.null`
/// stands for `null`, since a table can't hold nil. Bytes are passed on as they are: nothing checks
/// that they are UTF-8.
///
/// Each table that `cjson.new` returns has settings of its own, which last as long as the state.
public final class JsonLibrary {
  private JsonLibrary() {}

  /// Puts the table `cjson` into the globals.
  public static void open(Lua lua) {
    lua.globals().set("cjson", library(lua));
  }

  private static LuaTable library(Lua lua) {
    Settings settings = new Settings();
    LuaTable library = lua.table(0, 0);
    library.set("encode", lua.function(call -> encode(call, settings)));
    library.set("decode", lua.function(call -> decode(call, settings)));
    library.set("encode_sparse_array", lua.function(settings::sparseArrays));
    library.set(
        "encode_max_depth",
        lua.function(
            call ->
                settings.encodeDepth =
                    integer(expect(call, 1), 1, settings.encodeDepth, 1, Integer.MAX_VALUE)));
    library.set(
        "decode_max_depth",
        lua.function(
            call ->
                settings.decodeDepth =
                    integer(expect(call, 1), 1, settings.decodeDepth, 1, Integer.MAX_VALUE)));
    library.set(
        "encode_number_precision",
        lua.function(
            call -> settings.precision = integer(expect(call, 1), 1, settings.precision, 1, 14)));
    library.set(
        "encode_keep_buffer",
        lua.function(
            call ->
                settings.keepsBuffer = choice(expect(call, 1), 1, settings.keepsBuffer, SWITCH)));
    library.set(
        "encode_invalid_numbers",
        lua.function(
            call ->
                settings.encodeInvalid =
                    choice(expect(call, 1), 1, settings.encodeInvalid, INVALID)));
    library.set(
        "decode_invalid_numbers",
        lua.function(
            call ->
                settings.decodeInvalid =
                    choice(expect(call, 1), 1, settings.decodeInvalid, SWITCH)));
    library.set("new", lua.function(call -> call.ret(library(call.lua()))));
    library.set("null", LuaUserdata.NULL);
    library.set("_NAME", LuaString.of("cjson"));
    library.set("_VERSION", LuaString.of("2.1.0"));
    return library;
  }

  // ── settings ──

  private static final int OFF = 0;
  private static final int ON = 1;
  private static final int AS_NULL = 2;
  private static final String[] SWITCH = {"off", "on"};
  private static final String[] INVALID = {"off", "on", "null"};

  private static final class Settings {
    int sparseConvert = OFF;
    int sparseRatio = 2; // 0: holes don't matter
    int sparseSafe = 10; // up to this index they don't
    int encodeDepth = 1000;
    int decodeDepth = 1000;
    int precision = 14;
    int keepsBuffer = ON; // of no consequence here
    int encodeInvalid = OFF;
    int decodeInvalid = ON;

    void sparseArrays(LuaCall call) {
      expect(call, 3);
      sparseConvert = choice(call, 1, sparseConvert, SWITCH);
      sparseRatio = integer(call, 2, sparseRatio, 0, Integer.MAX_VALUE);
      sparseSafe = integer(call, 3, sparseSafe, 0, Integer.MAX_VALUE);
    }
  }

  private static LuaCall expect(LuaCall call, int most) {
    if (call.count() > most) {
      throw call.argumentError(most + 1, "found too many arguments");
    }
    return call;
  }

  /// What argument `n` makes of a setting, which becomes a result.
  private static int integer(LuaCall call, int n, int now, int least, int most) {
    int value = now;
    if (!call.isNil(n)) {
      value = (int) call.integer(n);
      if (value < least || value > most) {
        throw call.argumentError(1, "expected integer between " + least + " and " + most);
      }
    }
    call.ret((double) value);
    return value;
  }

  private static int choice(LuaCall call, int n, int now, String[] words) {
    int value = now;
    if (call.get(n) instanceof Boolean truth) {
      value = truth ? ON : OFF;
    } else if (!call.isNil(n)) {
      value = named(call, n, words);
    }
    if (value <= ON) {
      call.ret(value == ON);
    } else {
      call.ret(LuaString.of(words[value]));
    }
    return value;
  }

  private static int named(LuaCall call, int n, String[] words) {
    LuaString word = call.string(n);
    for (int i = 0; i < words.length; i++) {
      if (word.equals(LuaString.of(words[i]))) {
        return i;
      }
    }
    LuaBuffer problem = call.lua().buffer().put("invalid option '").put(word).put("'");
    throw call.argumentError(n, problem.toLuaString());
  }

  /// Slots of C's stack, which bound what is nested whatever the settings allow.
  private static final int MOST_SLOTS = 8000;

  private static void one(LuaCall call) {
    if (call.count() != 1) {
      throw call.argumentError(1, "expected 1 argument");
    }
  }

  // ── encoding ──

  private static void encode(LuaCall call, Settings settings) {
    one(call);
    LuaBuffer out = call.lua().buffer();
    new Encoder(call, settings, out).encode(call.get(1));
    call.ret(out.toLuaString());
  }

  /// What stands for a byte in a string; null: itself.
  private static final byte[] @Nullable [] ESCAPES = escapes();

  private static byte[] @Nullable [] escapes() {
    byte[][] escapes = new byte[256][];
    for (int c = 0; c < 32; c++) {
      escapes[c] = ascii(String.format("\\u%04x", c));
    }
    escapes['\b'] = ascii("\\b");
    escapes['\t'] = ascii("\\t");
    escapes['\n'] = ascii("\\n");
    escapes['\f'] = ascii("\\f");
    escapes['\r'] = ascii("\\r");
    escapes['"'] = ascii("\\\"");
    escapes['/'] = ascii("\\/");
    escapes['\\'] = ascii("\\\\");
    escapes[127] = ascii("\\u007f");
    return escapes;
  }

  private static byte[] ascii(String text) {
    return LuaString.of(text).bytes();
  }

  private static final byte[] NULL = ascii("null");
  private static final byte[] TRUE = ascii("true");
  private static final byte[] FALSE = ascii("false");
  private static final byte[] NAN = ascii("nan");

  /// Writes a value. What is open stands in a list, so nesting takes no Java stack.
  private static final class Encoder {
    private final LuaCall call;
    private final Settings settings;
    private final LuaBuffer out;
    private @Nullable Open innermost;
    private int depth; // how many are open
    private int slots = 1; // of C's stack that are in use

    Encoder(LuaCall call, Settings settings, LuaBuffer out) {
      this.call = call;
      this.settings = settings;
      this.out = out;
    }

    void encode(@Nullable Object value) {
      begin(value);
      for (Open open = innermost; open != null; open = innermost) {
        if (open.hasNext()) {
          begin(open.next(this));
        } else {
          out.put(open.isArray() ? ']' : '}');
          slots -= open.slots();
          depth--;
          innermost = open.outer;
        }
      }
    }

    /// Writes all of a value, or of a table its beginning.
    private void begin(@Nullable Object value) {
      call.lua().step(1);
      switch (value) {
        case null -> word(NULL);
        case LuaString string -> string(string);
        case Double number -> number(number);
        case Boolean truth -> word(truth ? TRUE : FALSE);
        case LuaTable table -> open(table);
        case LuaUserdata userdata when userdata == LuaUserdata.NULL -> word(NULL);
        default -> throw refused(value, "type not supported");
      }
    }

    private void open(LuaTable table) {
      depth++;
      if (depth > settings.encodeDepth || slots + 3 > MOST_SLOTS) {
        throw call.error("Cannot serialise, excessive nesting (" + depth + ")");
      }
      Open open = new Open(innermost, table, arrayLength(table));
      out.put(open.isArray() ? '[' : '{');
      slots += open.slots();
      innermost = open;
    }

    private void word(byte[] word) {
      out.put(word, 0, word.length);
    }

    private LuaError refused(@Nullable Object value, String why) {
      return call.error("Cannot serialise " + Lua.typeName(value) + ": " + why);
    }

    private void string(LuaString string) {
      byte[] bytes = string.bytes();
      call.lua().stepOver(bytes.length);
      out.put('"');
      int from = 0;
      for (int i = 0; i < bytes.length; i++) {
        byte[] escape = ESCAPES[bytes[i] & 0xff];
        if (escape != null) {
          out.put(bytes, from, i - from);
          word(escape);
          from = i + 1;
        }
      }
      out.put(bytes, from, bytes.length - from);
      out.put('"');
    }

    private void number(double number) {
      if (Double.isNaN(number) || Double.isInfinite(number)) {
        if (settings.encodeInvalid == OFF) {
          throw refused(number, "must not be NaN or Inf");
        }
        if (settings.encodeInvalid == AS_NULL) {
          word(NULL);
          return;
        }
        if (Double.isNaN(number)) {
          word(NAN);
          return;
        }
      }
      out.put(JsonNumbers.text(number, settings.precision));
    }

    private void key(Object key) {
      switch (key) {
        case LuaString string -> string(string);
        case Double number -> {
          out.put('"');
          number(number);
          out.put('"');
        }
        default -> throw refused(key, "table key must be a number or string");
      }
      out.put(':');
    }

    /// How long the array is that the table is; 0 or less: it is an object.
    private int arrayLength(LuaTable table) {
      Indexes indexes = new Indexes();
      table.forEach(indexes);
      if (!indexes.areAll) {
        return -1;
      }
      if (settings.sparseRatio > 0
          && indexes.largest > indexes.count * settings.sparseRatio
          && indexes.largest > settings.sparseSafe) {
        if (settings.sparseConvert == OFF) {
          throw refused(table, "excessively sparse array");
        }
        return -1;
      }
      return indexes.largest;
    }
  }

  /// A table of which a part has been written.
  private static final class Open {
    final @Nullable Open outer;
    private final LuaTable table;
    private final int length; // of an array; else 0 or less
    private int at; // where the last element was; 0: nowhere yet

    Open(@Nullable Open outer, LuaTable table, int length) {
      this.outer = outer;
      this.table = table;
      this.length = length;
    }

    boolean isArray() {
      return length > 0;
    }

    /// Of C's stack, while an element is being written.
    int slots() {
      return isArray() ? 1 : 2;
    }

    boolean hasNext() {
      return isArray() ? at < length : table.nextUsed(at) != 0;
    }

    /// Writes what stands before the next element. Returns that.
    @Nullable Object next(Encoder encoder) {
      if (at > 0) {
        encoder.out.put(',');
      }
      if (isArray()) {
        return table.get((long) ++at);
      }
      at = table.nextUsed(at);
      Object key = table.keyAt(at);
      encoder.key(key == null ? (Double) (double) at : key);
      return table.valueAt(at);
    }
  }

  /// The keys of a table, as long as they are positive integers.
  private static final class Indexes implements LuaTable.Visitor {
    private boolean areAll = true;
    private int largest;
    private int count;

    @Override
    public boolean visit(Object key, Object value) {
      if (key instanceof Double number && number >= 1 && Math.floor(number) == number) {
        if (number > largest) { // what is no int becomes C's least one
          largest = number <= Integer.MAX_VALUE ? (int) (double) number : Integer.MIN_VALUE;
        }
        count++;
      } else {
        areAll = false;
      }
      return areAll;
    }
  }

  // ── decoding ──

  private static void decode(LuaCall call, Settings settings) {
    one(call);
    byte[] json = call.string(1).bytes();
    if (json.length >= 2 && (json[0] == 0 || json[1] == 0)) {
      throw call.error("JSON parser does not support UTF-16 or UTF-32");
    }
    call.ret(new Decoder(call, settings, json).decode());
  }

  private enum Token {
    T_OBJ_BEGIN,
    T_OBJ_END,
    T_ARR_BEGIN,
    T_ARR_END,
    T_STRING,
    T_NUMBER,
    T_BOOLEAN,
    T_NULL,
    T_COLON,
    T_COMMA,
    T_END,
    T_ERROR
  }

  /// Reads a text, which ends with its last byte or a zero. What is open stands in arrays, so
  /// nesting takes no Java stack.
  private static final class Decoder {
    private final LuaCall call;
    private final Lua lua;
    private final Settings settings;
    private final byte[] json;
    private final JsonNumbers numbers;
    private int at;

    // the token that was read last
    private Token token = Token.T_END;
    private int tokenAt;
    private String error = "";
    private @Nullable Object value; // of a string, a number, a boolean, null

    private byte[] scratch = {}; // a string with escapes

    // what is open, the innermost last
    private @Nullable LuaTable[] tables = new LuaTable[8];
    private @Nullable LuaString[] keys =
        new LuaString[8]; // that a value is read for; null: an array
    private int[] lengths = new int[8]; // of an array
    private int depth;
    private int slots = 1; // of C's stack that are in use

    Decoder(LuaCall call, Settings settings, byte[] json) {
      this.call = call;
      this.lua = call.lua();
      this.settings = settings;
      this.json = json;
      this.numbers = new JsonNumbers(json);
    }

    @Nullable Object decode() {
      next();
      while (true) {
        Object each = begin();
        while (isComplete) {
          if (depth == 0) {
            next();
            if (token != Token.T_END) {
              throw expected("the end");
            }
            return each;
          }
          each = store(each);
        }
      }
    }

    private boolean isComplete; // the value is; else the token of the next value has been read

    /// Takes the token of a value. Returns the value if it is complete.
    private @Nullable Object begin() {
      isComplete = true;
      switch (token) {
        case T_STRING, T_NUMBER, T_BOOLEAN, T_NULL -> {
          return value;
        }
        case T_OBJ_BEGIN -> {
          open(3);
          next();
          if (token == Token.T_OBJ_END) {
            return close(2);
          }
          slots += 2;
          readKey();
        }
        case T_ARR_BEGIN -> {
          open(2);
          next();
          if (token == Token.T_ARR_END) {
            return close(1);
          }
          slots += 1;
        }
        default -> throw expected("value");
      }
      isComplete = false;
      return null;
    }

    private void open(int needed) {
      depth++;
      if (depth > settings.decodeDepth || slots + needed > MOST_SLOTS) {
        throw call.error(
            "Found too many nested data structures (" + depth + ") at character " + at);
      }
      if (depth > tables.length) {
        tables = Arrays.copyOf(tables, depth * 2);
        keys = Arrays.copyOf(keys, depth * 2);
        lengths = Arrays.copyOf(lengths, depth * 2);
      }
      tables[depth - 1] = lua.table(0, 0);
      keys[depth - 1] = null;
      lengths[depth - 1] = 0;
    }

    /// Ends what is open innermost. Returns it.
    private @Nullable Object close(int held) {
      slots -= held;
      LuaTable table = tables[--depth];
      tables[depth] = null;
      return table;
    }

    /// Puts a value into what is open innermost. Returns that, if it ends behind the value.
    private @Nullable Object store(@Nullable Object each) {
      int top = depth - 1;
      LuaTable table = Objects.requireNonNull(tables[top]);
      LuaString key = keys[top];
      if (key == null) {
        table.set(++lengths[top], each);
      } else {
        table.set(key, each);
      }
      next();
      if (token == (key == null ? Token.T_ARR_END : Token.T_OBJ_END)) {
        return close(key == null ? 1 : 2);
      }
      if (token != Token.T_COMMA) {
        throw expected(key == null ? "comma or array end" : "comma or object end");
      }
      next();
      if (key != null) {
        readKey();
      }
      isComplete = false;
      return null;
    }

    /// Takes a key, whose token has been read, and reads that of its value.
    private void readKey() {
      if (token != Token.T_STRING) {
        throw expected("object key string");
      }
      keys[depth - 1] = (LuaString) value;
      next();
      if (token != Token.T_COLON) {
        throw expected("colon");
      }
      next();
    }

    private LuaError expected(String what) {
      String found = token == Token.T_ERROR ? error : token.name();
      return call.error(
          "Expected " + what + " but found " + found + " at character " + (tokenAt + 1));
    }

    // ── tokens ──

    private int peek(int index) {
      return index < json.length ? json[index] & 0xff : 0;
    }

    private void next() {
      int c = peek(at);
      int from = at;
      while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        c = peek(++at);
      }
      lua.step(1);
      lua.stepOver(at - from);
      tokenAt = at;
      switch (c) {
        case '{' -> single(Token.T_OBJ_BEGIN);
        case '}' -> single(Token.T_OBJ_END);
        case '[' -> single(Token.T_ARR_BEGIN);
        case ']' -> single(Token.T_ARR_END);
        case ',' -> single(Token.T_COMMA);
        case ':' -> single(Token.T_COLON);
        case 0 -> token = Token.T_END;
        case '"' -> string();
        case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> {
          if (settings.decodeInvalid == OFF && isInvalid()) {
            fail("invalid number");
          } else {
            number();
          }
        }
        case 't', 'f', 'n', 'N', 'i', 'I', '+' -> word();
        default -> fail("invalid token");
      }
    }

    private void single(Token which) {
      token = which;
      at++;
    }

    private void fail(String why) {
      token = Token.T_ERROR;
      tokenAt = at;
      error = why;
    }

    private void word() {
      if (begins("true")) {
        word(Token.T_BOOLEAN, true, 4);
      } else if (begins("false")) {
        word(Token.T_BOOLEAN, false, 5);
      } else if (begins("null")) {
        word(Token.T_NULL, LuaUserdata.NULL, 4);
      } else if (settings.decodeInvalid == ON && isInvalid()) {
        number();
      } else {
        fail("invalid token");
      }
    }

    private void word(Token which, Object meant, int length) {
      token = which;
      value = meant;
      at += length;
    }

    private boolean begins(String word) {
      for (int i = 0; i < word.length(); i++) {
        if (peek(at + i) != word.charAt(i)) {
          return false;
        }
      }
      return true;
    }

    private void number() {
      double number = numbers.read(at);
      if (numbers.end() == at) {
        fail("invalid number");
        return;
      }
      token = Token.T_NUMBER;
      value = number;
      lua.stepOver(numbers.end() - at);
      at = numbers.end();
    }

    /// Whether what stands here is a number to C, and none to JSON.
    private boolean isInvalid() {
      if (peek(at) == '+') {
        return true;
      }
      int p = peek(at) == '-' ? at + 1 : at;
      int c = peek(p);
      if (c == '0') {
        int second = peek(p + 1);
        return (second | 0x20) == 'x' || second >= '0' && second <= '9';
      }
      return c > '9' && c < 0x80 && (numbers.says(p, "inf") || numbers.says(p, "nan"));
    }

    private void string() {
      int from = ++at;
      int end = from;
      while (end < json.length && json[end] != '"' && json[end] != '\\' && json[end] != 0) {
        end++;
      }
      lua.stepOver(end - from);
      if (peek(end) == '"') {
        at = end + 1;
        token = Token.T_STRING;
        value = text(json, from, end - from);
        return;
      }
      escaped(from, end);
    }

    private LuaString text(byte[] array, int from, int count) {
      lua.charge(24L + count);
      return LuaString.of(array, from, count);
    }

    /// A string that goes on with an escape, or ends too early.
    private void escaped(int from, int plainEnd) {
      if (scratch.length < json.length) {
        lua.charge(json.length);
        scratch = new byte[json.length];
      }
      int length = plainEnd - from;
      System.arraycopy(json, from, scratch, 0, length);
      at = plainEnd;
      for (int c; (c = peek(at)) != '"'; ) {
        if (c == 0) {
          fail("unexpected end of string");
          return;
        }
        if (c != '\\') {
          scratch[length++] = (byte) c;
          at++;
          continue;
        }
        int escape = peek(at + 1);
        if (escape == 'u') {
          int point = point();
          if (point < 0) {
            fail("invalid unicode escape code");
            return;
          }
          length = utf8(point, length);
          continue;
        }
        int meant = "\"\\/".indexOf(escape) >= 0 ? escape : control(escape);
        if (meant == 0) {
          fail("invalid escape code");
          return;
        }
        scratch[length++] = (byte) meant;
        at += 2;
      }
      lua.stepOver(at - plainEnd);
      at++;
      token = Token.T_STRING;
      value = text(scratch, 0, length);
    }

    private static int control(int escape) {
      return switch (escape) {
        case 'b' -> '\b';
        case 't' -> '\t';
        case 'n' -> '\n';
        case 'f' -> '\f';
        case 'r' -> '\r';
        default -> 0;
      };
    }

    /// Takes the code point of an escape, which may be a pair; -1 if it is none.
    private int point() {
      int unit = unit(at + 2);
      if ((unit & 0xf800) != 0xd800 || unit < 0) {
        at += unit < 0 ? 0 : 6;
        return unit;
      }
      int low = peek(at + 6) == '\\' && peek(at + 7) == 'u' ? unit(at + 8) : -1;
      if ((unit & 0x400) != 0 || (low & 0xfc00) != 0xdc00 || low < 0) {
        return -1;
      }
      at += 12;
      return ((unit & 0x3ff) << 10 | low & 0x3ff) + 0x10000;
    }

    private int unit(int from) {
      int unit = 0;
      for (int i = 0; i < 4; i++) {
        int digit = Character.digit((char) peek(from + i), 16);
        if (digit < 0) {
          return -1;
        }
        unit = unit << 4 | digit;
      }
      return unit;
    }

    /// Writes a code point behind `length` bytes of the scratch. Returns how many there are then.
    private int utf8(int point, int length) {
      if (point < 0x80) {
        scratch[length++] = (byte) point;
        return length;
      }
      int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
      scratch[length++] = (byte) (0xff00 >> more + 1 | point >> 6 * more);
      while (more-- > 0) {
        scratch[length++] = (byte) (0x80 | point >> 6 * more & 0x3f);
      }
      return length;
    }
  }
}
