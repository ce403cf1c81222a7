package dev.spinel.lua;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The table `string`, which is every string's `__index`, too.
final class StringLibrary {
  /// Of Lua 5.1's own: its signature and version, and the sizes of what would follow.
  private static final byte[] BINARY_HEADER = {0x1b, 'L', 'u', 'a', 0x51, 0, 1, 4, 8, 4, 8, 0};

  private static final String FLAGS = "-+ #0";

  private StringLibrary() {}

  static void open(Lua lua) {
    LuaTable library =
        lua.library(
            "string",
            table -> {
              set(lua, table, "byte", StringLibrary::bytes);
              set(lua, table, "char", StringLibrary::characters);
              set(lua, table, "dump", StringLibrary::dump);
              set(lua, table, "find", call -> find(call, true));
              set(lua, table, "format", StringLibrary::format);
              set(lua, table, "gmatch", StringLibrary::matches);
              table.set("gfind", table.get("gmatch"));
              set(lua, table, "gsub", StringLibrary::substitute);
              set(lua, table, "len", call -> call.ret((double) call.string(1).length()));
              set(lua, table, "lower", call -> mapped(call, false));
              set(lua, table, "match", call -> find(call, false));
              set(lua, table, "rep", StringLibrary::repeat);
              set(lua, table, "reverse", StringLibrary::reverse);
              set(lua, table, "sub", StringLibrary::slice);
              set(lua, table, "upper", call -> mapped(call, true));
            });
    lua.stringMetatable().set("__index", library);
  }

  private static void set(Lua lua, LuaTable table, String name, HostFunction body) {
    table.set(name, lua.function(body));
  }

  /// A position as scripts give it, counted from the end if it is negative.
  private static long position(long given, int length) {
    long position = given < 0 ? given + length + 1 : given;
    return Math.max(position, 0);
  }

  // ── parts ──

  private static void slice(LuaCall call) {
    LuaString string = call.string(1);
    int length = string.length();
    long start = Math.max(position(call.integer(2), length), 1);
    long end = Math.min(position(call.integer(3, -1), length), length);
    call.ret(start <= end ? string.slice((int) start - 1, (int) end) : LuaString.EMPTY);
  }

  private static void bytes(LuaCall call) {
    LuaString string = call.string(1);
    int length = string.length();
    long start = position(call.integer(2, 1), length);
    long end = Math.min(position(call.integer(3, start), length), length);
    start = Math.max(start, 1);
    if (start > end) return;
    long count = end - start + 1;
    if (count + call.count() > BaseLibrary.MOST_VALUES) {
      throw call.error("stack overflow (string slice too long)");
    }
    for (int i = 0; i < count; i++) call.ret((double) string.at((int) start - 1 + i));
  }

  private static void characters(LuaCall call) {
    byte[] all = new byte[call.count()];
    for (int i = 1; i <= all.length; i++) {
      int c = (int) call.integer(i);
      if (c < 0 || c > 255) throw call.argumentError(i, "invalid value");
      all[i - 1] = (byte) c;
    }
    call.ret(LuaString.of(all));
  }

  private static void repeat(LuaCall call) {
    LuaString string = call.string(1);
    int count = Math.max((int) call.integer(2), 0);
    int length = string.length();
    call.lua().chargeString((long) length * count);
    byte[] all = new byte[length * count];
    for (int i = 0; i < count && length > 0; i++) {
      System.arraycopy(string.bytes, 0, all, i * length, length);
    }
    call.results.add(LuaString.of(all));
  }

  private static void reverse(LuaCall call) {
    LuaString string = call.string(1);
    call.lua().chargeString(string.length());
    call.lua().stepOver(string.length());
    byte[] all = new byte[string.length()];
    for (int i = 0; i < all.length; i++) all[i] = string.bytes[all.length - 1 - i];
    call.results.add(LuaString.of(all));
  }

  private static void mapped(LuaCall call, boolean upper) {
    LuaString string = call.string(1);
    call.lua().chargeString(string.length());
    call.lua().stepOver(string.length());
    byte[] all = string.bytes.clone();
    for (int i = 0; i < all.length; i++) {
      int c = all[i] & 0xff;
      all[i] = (byte) (upper ? CType.toUpper(c) : CType.toLower(c));
    }
    call.results.add(LuaString.of(all));
  }

  /// Code in binary form can't be loaded, as in Redis: so its header is all there is of it.
  private static void dump(LuaCall call) {
    if (!(call.function(1) instanceof LuaClosure)) {
      throw call.error("unable to dump given function");
    }
    call.results.add(LuaString.of(BINARY_HEADER.clone()));
  }

  // ── patterns ──

  private static void find(LuaCall call, boolean wherever) {
    LuaString subject = call.string(1);
    LuaString pattern = call.string(2);
    long given = position(call.integer(3, 1), subject.length()) - 1;
    int start = (int) Math.min(Math.max(given, 0), subject.length());
    call.lua().stepOver(pattern.length());
    if (wherever && (call.test(4) || LuaPattern.isText(pattern))) {
      int found = LuaPattern.find(call.lua(), subject, pattern, start);
      if (found == LuaPattern.NONE) {
        call.results.add(null);
      } else {
        call.ret((double) (found + 1));
        call.ret((double) (found + pattern.length()));
      }
      return;
    }
    LuaPattern matcher = new LuaPattern(call, subject, pattern);
    do {
      int end = matcher.matchAt(start);
      if (end != LuaPattern.NONE) {
        if (wherever) {
          call.ret((double) (start + 1));
          call.ret((double) end);
        }
        matcher.addCaptures(call.results, start, end, !wherever);
        return;
      }
      start++;
    } while (start <= subject.length() && !matcher.isAnchored());
    call.results.add(null);
  }

  private static void matches(LuaCall call) {
    LuaString subject = call.string(1);
    LuaString pattern = call.string(2);
    int[] next = new int[1];
    call.lua().charge(80);
    call.results.add(
        call.lua()
            .function(
                again -> {
                  LuaPattern matcher = new LuaPattern(again, subject, unanchored(pattern));
                  for (int start = next[0]; start <= subject.length(); start++) {
                    int end = matcher.matchAt(start);
                    if (end == LuaPattern.NONE) continue;
                    next[0] = end == start ? end + 1 : end;
                    matcher.addCaptures(again.results, start, end, true);
                    return;
                  }
                },
                subject,
                pattern));
  }

  /// To `gmatch` a ^ is a character as any other.
  private static LuaString unanchored(LuaString pattern) {
    if (pattern.length() == 0 || pattern.at(0) != '^') return pattern;
    byte[] escaped = new byte[pattern.length() + 1];
    escaped[0] = '%';
    System.arraycopy(pattern.bytes, 0, escaped, 1, pattern.length());
    return LuaString.of(escaped);
  }

  private static void substitute(LuaCall call) {
    LuaString subject = call.string(1);
    LuaString pattern = call.string(2);
    Object replacement = call.get(3);
    int most = (int) call.integer(4, subject.length() + 1L);
    if (!(replacement instanceof Double
        || replacement instanceof LuaString
        || replacement instanceof LuaFunction
        || replacement instanceof LuaTable)) {
      throw call.argumentError(3, "string/function/table expected");
    }
    LuaPattern matcher = new LuaPattern(call, subject, pattern);
    LuaString template = Lua.toText(replacement);
    LuaBuffer all = call.lua().buffer();
    int start = 0;
    int count = 0;
    while (count < most) {
      int end = matcher.matchAt(start);
      if (end != LuaPattern.NONE) {
        count++;
        if (template != null) expand(call, all, template, matcher, subject, start, end);
        else all.put(replaced(call, replacement, matcher, subject, start, end));
      }
      if (end != LuaPattern.NONE && end > start) start = end;
      else if (start < subject.length()) all.put(subject.at(start++));
      else break;
      if (matcher.isAnchored()) break;
    }
    if (start < subject.length()) all.put(subject.bytes, start, subject.length() - start);
    call.ret(all.toLuaString());
    call.ret((double) count);
  }

  /// A replacement string, in which `%1` to `%9` stand for captures and `%0` for the match.
  private static void expand(
      LuaCall call,
      LuaBuffer all,
      LuaString template,
      LuaPattern matcher,
      LuaString subject,
      int start,
      int end) {
    byte[] bytes = template.bytes;
    call.lua().stepOver(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != '%') {
        all.put(bytes[i]);
        continue;
      }
      i++;
      int c = i < bytes.length ? bytes[i] & 0xff : 0;
      if (!CType.isDigit(c)) {
        all.put(c);
      } else if (c == '0') {
        all.put(subject.bytes, start, end - start);
      } else {
        all.put(Objects.requireNonNull(Lua.toText(matcher.capture(c - '1', start, end))));
      }
    }
  }

  private static LuaString replaced(
      LuaCall call,
      @Nullable Object replacement,
      LuaPattern matcher,
      LuaString subject,
      int start,
      int end) {
    Object value;
    if (replacement instanceof LuaTable) {
      value = Operations.index(call, replacement, matcher.capture(0, start, end), null);
    } else {
      LuaValues captures = new LuaValues();
      matcher.addCaptures(captures, start, end, true);
      value = call.lua().invoke(call, replacement, captures.toArray(0));
    }
    if (!ExpressionNode.isTrue(value)) return LuaString.of(subject.bytes, start, end - start);
    LuaString text = Lua.toText(value);
    if (text == null) {
      throw call.error("invalid replacement value (a " + Lua.typeName(value) + ")");
    }
    return text;
  }

  // ── format ──

  private static void format(LuaCall call) {
    LuaString format = call.string(1);
    byte[] bytes = format.bytes;
    LuaBuffer all = call.lua().buffer();
    int argument = 1;
    int i = 0;
    while (i < bytes.length) {
      if (bytes[i] != '%') {
        all.put(bytes[i++]);
        continue;
      }
      i++;
      if (i < bytes.length && bytes[i] == '%') {
        all.put(bytes[i++]);
        continue;
      }
      argument++;
      if (argument > call.count()) throw call.argumentError(argument, "no value");
      i = convert(call, all, format, i, argument);
    }
    call.ret(all.toLuaString());
  }

  private static int at(LuaString format, int i) {
    return i < format.length() ? format.at(i) : 0;
  }

  /// One conversion, whose flags start at `start`. Answers where it ends.
  private static int convert(
      LuaCall call, LuaBuffer all, LuaString format, int start, int argument) {
    int i = start;
    while (at(format, i) != 0 && FLAGS.indexOf(at(format, i)) >= 0) i++;
    if (i - start > FLAGS.length()) throw call.error("invalid format (repeated flags)");
    String flags = LuaString.of(format.bytes, start, i - start).toString();
    int width = 0;
    for (int k = 0; k < 2 && CType.isDigit(at(format, i)); k++) {
      width = width * 10 + at(format, i++) - '0';
    }
    int precision = -1;
    if (at(format, i) == '.') {
      i++;
      precision = 0;
      for (int k = 0; k < 2 && CType.isDigit(at(format, i)); k++) {
        precision = precision * 10 + at(format, i++) - '0';
      }
    }
    if (CType.isDigit(at(format, i))) {
      throw call.error("invalid format (width or precision too long)");
    }
    int letter = at(format, i++);
    NumberText.Conversion conversion =
        new NumberText.Conversion((char) letter, flags, width, precision);
    switch (letter) {
      case 'c' -> character(call, all, conversion, argument);
      case 'd', 'i' -> all.put(conversion.formatSigned(NumberReader.toLong(call.number(argument))));
      case 'o', 'u', 'x', 'X' ->
          all.put(conversion.formatUnsigned(NumberReader.toUnsigned(call.number(argument))));
      case 'e', 'E', 'f', 'g', 'G' -> all.put(conversion.format(call.number(argument)));
      case 'q' -> quote(all, call.string(argument));
      case 's' -> {
        call.lua().stepOver(call.string(argument).length());
        string(all, conversion, call.string(argument));
      }
      default -> {
        LuaBuffer text = call.lua().buffer().put("invalid option '%");
        if (letter != 0) text.put(letter);
        throw call.error(text.put("' to 'format'").toLuaString());
      }
    }
    return i;
  }

  private static void character(
      LuaCall call, LuaBuffer all, NumberText.Conversion conversion, int argument) {
    double number = call.number(argument);
    int c = number > -0x1p31 - 1 && number < 0x1p31 ? (int) number & 0xff : 0;
    int spaces = Math.max(conversion.width() - 1, 0);
    // In C the text ends at the zero that is asked for, and with it what follows.
    if (!conversion.has('-')) pad(all, spaces);
    if (c == 0) return;
    all.put(c);
    if (conversion.has('-')) pad(all, spaces);
  }

  private static void pad(LuaBuffer all, int spaces) {
    for (int i = 0; i < spaces; i++) all.put(' ');
  }

  private static void string(LuaBuffer all, NumberText.Conversion conversion, LuaString string) {
    if (conversion.precision() < 0 && string.length() >= 100) {
      all.put(string);
      return;
    }
    LuaString text = string.untilZero();
    if (conversion.precision() >= 0 && text.length() > conversion.precision()) {
      text = text.slice(0, conversion.precision());
    }
    int spaces = Math.max(conversion.width() - text.length(), 0);
    if (!conversion.has('-')) pad(all, spaces);
    all.put(text);
    if (conversion.has('-')) pad(all, spaces);
  }

  private static void quote(LuaBuffer all, LuaString string) {
    all.put('"');
    for (byte b : string.bytes) {
      switch (b) {
        case '"', '\\', '\n' -> all.put('\\').put(b);
        case '\r' -> all.put("\\r");
        case 0 -> all.put("\\000");
        default -> all.put(b);
      }
    }
    all.put('"');
  }
}
