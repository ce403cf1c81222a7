package dev.spinel.lua;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Bytes to tokens. A token of one character is that character; the others have names from 257 on.
final class LuaLexer {
  static final int AND = 257;
  static final int BREAK = 258;
  static final int DO = 259;
  static final int ELSE = 260;
  static final int ELSEIF = 261;
  static final int END = 262;
  static final int FALSE = 263;
  static final int FOR = 264;
  static final int FUNCTION = 265;
  static final int IF = 266;
  static final int IN = 267;
  static final int LOCAL = 268;
  static final int NIL = 269;
  static final int NOT = 270;
  static final int OR = 271;
  static final int REPEAT = 272;
  static final int RETURN = 273;
  static final int THEN = 274;
  static final int TRUE = 275;
  static final int UNTIL = 276;
  static final int WHILE = 277;
  static final int CONCAT = 278;
  static final int DOTS = 279;
  static final int EQ = 280;
  static final int GE = 281;
  static final int LE = 282;
  static final int NE = 283;
  static final int NUMBER = 284;
  static final int NAME = 285;
  static final int STRING = 286;
  static final int EOS = 287;

  private static final String[] NAMES = {
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local",
    "nil", "not", "or", "repeat", "return", "then", "true", "until", "while", "..", "...", "==",
    ">=", "<=", "~=", "<number>", "<name>", "<string>", "<eof>"
  };

  private static final Map<LuaString, Integer> RESERVED = new HashMap<>();

  static {
    for (int i = AND; i <= WHILE; i++) RESERVED.put(LuaString.of(NAMES[i - AND]), i);
  }

  private static final int LONGEST_SOURCE = 80;

  private final byte[] source;
  private final LuaString chunkName;
  private final Map<LuaString, LuaString> interned = new HashMap<>();
  private final LuaBuffer text = new LuaBuffer(Integer.MAX_VALUE - 16); // of the token read last
  private int at; // the byte after `current`
  private int current; // -1 at the end
  private int aheadToken = EOS; // EOS: none was read ahead
  private @Nullable LuaString aheadString;
  private double aheadNumber;

  int line = 1; // where reading stands
  int lastLine = 1; // where the token before the present one ended
  int token;
  LuaString string = LuaString.EMPTY; // of a name or a string
  double number;

  LuaLexer(LuaString source, LuaString chunkName) {
    this.source = source.bytes;
    this.chunkName = chunkName;
    advance();
  }

  /// Makes the next token the present one.
  void next() {
    lastLine = line;
    if (aheadToken == EOS) {
      token = read();
    } else {
      token = aheadToken;
      if (aheadString != null) string = aheadString;
      number = aheadNumber;
      aheadToken = EOS;
    }
  }

  /// The token after the present one.
  int lookAhead() {
    int token = this.token;
    LuaString string = this.string;
    double number = this.number;
    aheadToken = read();
    aheadString = this.string;
    aheadNumber = this.number;
    this.token = token;
    this.string = string;
    this.number = number;
    return aheadToken;
  }

  /// One object for all equal strings of the chunk.
  LuaString intern(LuaString string) {
    LuaString known = interned.get(string);
    if (known != null) return known;
    LuaString shared = string.shared();
    interned.put(shared, shared);
    return shared;
  }

  // ── errors ──

  /// `name:line: message near 'token'`, of the present token.
  LuaError syntaxError(String message) {
    return error(LuaString.of(message), token);
  }

  /// The same without the token.
  LuaError limitError(String message) {
    return error(LuaString.of(message), 0);
  }

  private LuaError error(LuaString message, int near) {
    LuaBuffer all = new LuaBuffer(Integer.MAX_VALUE - 16);
    all.put(ChunkName.shown(chunkName, LONGEST_SOURCE)).put(":" + line + ": ").put(message);
    if (near != 0) all.put(" near '").put(nearText(near)).put("'");
    return new LuaError((Object) all.toLuaString());
  }

  private LuaString nearText(int token) {
    if (token < AND && !CType.isControl(token)) return LuaString.of(new byte[] {(byte) token});
    if (token != NAME && token != STRING && token != NUMBER) return LuaString.of(tokenName(token));
    // What is read so far, up to its first zero byte.
    LuaString read = text.toLuaString();
    int length = 0;
    while (length < read.length() && read.at(length) != 0) length++;
    return read.slice(0, length);
  }

  /// How messages call a token.
  static String tokenName(int token) {
    if (token >= AND) return NAMES[token - AND];
    return CType.isControl(token) ? "char(" + token + ")" : String.valueOf((char) token);
  }

  // ── reading ──

  private void advance() {
    current = at < source.length ? source[at++] & 0xff : -1;
  }

  private void keep() {
    text.put(current);
    advance();
  }

  private boolean keepIf(int a, int b) {
    if (current != a && current != b) return false;
    keep();
    return true;
  }

  private boolean atNewline() {
    return current == '\n' || current == '\r';
  }

  private void newline() {
    int old = current;
    advance();
    if (atNewline() && current != old) advance();
    line++;
  }

  private int read() {
    text.truncate(0);
    while (true) {
      switch (current) {
        case '\n', '\r' -> newline();
        case '-' -> {
          advance();
          if (current != '-') return '-';
          advance();
          comment();
        }
        case '[' -> {
          int level = brackets();
          if (level >= 0) {
            longString(level, true);
            return STRING;
          }
          if (level == -1) return '[';
          throw error(LuaString.of("invalid long string delimiter"), STRING);
        }
        case '=' -> {
          return withEquals('=', EQ);
        }
        case '<' -> {
          return withEquals('<', LE);
        }
        case '>' -> {
          return withEquals('>', GE);
        }
        case '~' -> {
          return withEquals('~', NE);
        }
        case '"', '\'' -> {
          quoted(current);
          return STRING;
        }
        case '.' -> {
          keep();
          if (keepIf('.', '.')) return keepIf('.', '.') ? DOTS : CONCAT;
          if (current < 0 || !CType.isDigit(current)) return '.';
          numeral();
          return NUMBER;
        }
        case -1 -> {
          return EOS;
        }
        default -> {
          if (CType.isSpace(current)) {
            advance();
          } else if (CType.isDigit(current)) {
            numeral();
            return NUMBER;
          } else if (CType.isAlpha(current) || current == '_') {
            return word();
          } else {
            int c = current;
            advance();
            return c;
          }
        }
      }
    }
  }

  private int withEquals(int alone, int both) {
    advance();
    if (current != '=') return alone;
    advance();
    return both;
  }

  private int word() {
    do {
      keep();
    } while (current >= 0 && (CType.isAlnum(current) || current == '_'));
    LuaString word = intern(text.toLuaString());
    Integer reserved = RESERVED.get(word);
    if (reserved != null) return reserved;
    string = word;
    return NAME;
  }

  private void numeral() {
    do {
      keep();
    } while (current >= 0 && CType.isDigit(current) || current == '.');
    if (keepIf('E', 'e')) keepIf('+', '-');
    while (current >= 0 && (CType.isAlnum(current) || current == '_')) keep();
    Double value = NumberReader.read(text.toLuaString());
    if (value == null) throw error(LuaString.of("malformed number"), NUMBER);
    number = value;
  }

  private void comment() {
    if (current == '[') {
      int level = brackets();
      text.truncate(0);
      if (level >= 0) {
        longString(level, false);
        text.truncate(0);
        return;
      }
    }
    while (!atNewline() && current >= 0) advance();
  }

  /// Reads `[`, `=`s: their number if a second bracket follows, else less than 0.
  private int brackets() {
    int bracket = current;
    keep();
    int count = 0;
    while (current == '=') {
      keep();
      count++;
    }
    return current == bracket ? count : -count - 1;
  }

  private void longString(int level, boolean wanted) {
    keep();
    if (atNewline()) newline();
    while (true) {
      switch (current) {
        case -1 ->
            throw error(
                LuaString.of(wanted ? "unfinished long string" : "unfinished long comment"), EOS);
        case '[' -> {
          if (brackets() == level) {
            keep();
            if (level == 0) throw error(LuaString.of("nesting of [[...]] is deprecated"), '[');
          }
        }
        case ']' -> {
          if (brackets() == level) {
            keep();
            if (wanted) string = inner(2 + level);
            return;
          }
        }
        case '\n', '\r' -> {
          text.put('\n');
          newline();
          if (!wanted) text.truncate(0);
        }
        default -> {
          if (wanted) keep();
          else advance();
        }
      }
    }
  }

  /// The token's text without `quotes` bytes on either side.
  private LuaString inner(int quotes) {
    return intern(LuaString.of(text.array(), quotes, text.length() - 2 * quotes));
  }

  private void quoted(int quote) {
    keep();
    while (current != quote) {
      switch (current) {
        case -1 -> throw error(LuaString.of("unfinished string"), EOS);
        case '\n', '\r' -> throw error(LuaString.of("unfinished string"), STRING);
        case '\\' -> escape();
        default -> keep();
      }
    }
    keep();
    string = inner(1);
  }

  private void escape() {
    advance();
    switch (current) {
      case 'a' -> put(7);
      case 'b' -> put('\b');
      case 'f' -> put('\f');
      case 'n' -> put('\n');
      case 'r' -> put('\r');
      case 't' -> put('\t');
      case 'v' -> put(11);
      case '\n', '\r' -> {
        text.put('\n');
        newline();
      }
      case -1 -> {} // an error, next
      default -> {
        if (CType.isDigit(current)) decimal();
        else keep();
      }
    }
  }

  private void put(int c) {
    text.put(c);
    advance();
  }

  private void decimal() {
    int c = 0;
    for (int i = 0; i < 3 && current >= 0 && CType.isDigit(current); i++) {
      c = 10 * c + current - '0';
      advance();
    }
    if (c > 255) throw error(LuaString.of("escape sequence too large"), STRING);
    text.put(c);
  }
}
