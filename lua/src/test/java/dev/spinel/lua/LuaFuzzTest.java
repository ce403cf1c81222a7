package dev.spinel.lua;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whatever a stranger sends as a script, or gives to the decoders that scripts have, ends: with a
/// result, with a Lua error, or because the host has had enough. It never shows an exception of
/// ours, overflows the stack, takes more than it may, or runs for ever.
///
/// Each test runs for a second or two; `-Dspinel.fuzz.seconds=N` has it run longer, and
/// `-Dspinel.seed=S` from another seed.
class LuaFuzzTest {
  private static final long NANOS = Long.getLong("spinel.fuzz.seconds", 2) * 1_000_000_000L;
  private static final long SEED = Long.getLong("spinel.seed", 1);
  private static final LuaLimits LIMITS = new LuaLimits(16 << 20, 4 << 20);
  private static final int STEPS = 10_000;
  private static final int MOST_TICKS = 20;

  private static final String[] WORDS = {
    "local",
    "function",
    "end",
    "if",
    "then",
    "else",
    "for",
    "while",
    "do",
    "repeat",
    "until",
    "return",
    "and",
    "or",
    "not",
    "nil",
    "true",
    "in",
    "break",
    "...",
    "[[",
    "]]",
    "[=[",
    "]=]",
    "--[[",
    "\"",
    "'",
    "\\",
    "\\z",
    "\\999",
    "0x",
    "1e",
    "1e999",
    "..",
    "==",
    "~=",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "#",
    "%",
    "-",
    "a.b:c()",
    "pcall(",
    "error(",
    "setmetatable({},{__index=",
    "string.rep('x',1e9)",
    "string.format('%99999d',1)",
    "('x'):rep(99)",
    "table.concat({},'',1,1e9)",
    "coroutine.wrap(",
    "coroutine.yield(",
    "string.gsub('a','(.-)*',",
    "unpack({},1,1e8)",
    "tostring(",
    "select('#',",
    "string.find('a','[a-')",
    "loadstring(",
    "\0",
    "\r",
    "\n",
    ";",
  };

  private static final class Enough extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static Lua lua() {
    return lua(LIMITS);
  }

  private static Lua lua(LuaLimits limits) {
    Lua lua = new Lua(limits);
    JsonLibrary.open(lua);
    StructLibrary.open(lua);
    MessagePackLibrary.open(lua);
    BitLibrary.open(lua);
    return lua;
  }

  private static void limit(Lua lua) {
    int[] ticks = {0};
    lua.hook(
        STEPS,
        state -> {
          if (++ticks[0] > MOST_TICKS) throw new Enough();
        });
  }

  /// Runs it. Returns whether it came to an end by itself.
  private static boolean run(Lua lua, byte[] source, Object... arguments) {
    try {
      limit(lua);
      lua.call(lua.load(LuaChunk.compile(LuaString.of(source), "@user_script")), arguments);
      return true;
    } catch (LuaError | Enough expected) {
      return false;
    } catch (Throwable bug) {
      throw new AssertionError("seed " + SEED + ", script " + shown(source), bug);
    }
  }

  private static String shown(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      if (b >= ' ' && b < 127) text.append((char) b);
      else text.append("\\x").append(Integer.toHexString(b & 0xff | 0x100).substring(1));
    }
    return text.toString();
  }

  @Test
  void changedScriptsEnd() throws IOException {
    Random random = new Random(SEED);
    List<byte[]> scripts = scripts();
    assertThat(scripts).hasSizeGreaterThan(5000);
    int ended = 0;
    int others = 0;
    for (long end = System.nanoTime() + NANOS; System.nanoTime() < end; ) {
      byte[] script = scripts.get(random.nextInt(scripts.size()));
      byte[] other = scripts.get(random.nextInt(scripts.size()));
      if (run(lua(), changed(script, other, random))) ended++;
      else others++;
    }
    assertThat(ended).isPositive();
    assertThat(others).isPositive();
  }

  private static List<byte[]> scripts() throws IOException {
    List<byte[]> scripts = new ArrayList<>();
    try (InputStream in = LuaFuzzTest.class.getResourceAsStream("recordings.txt")) {
      StringBuilder snippet = new StringBuilder();
      String all = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
      for (String line : all.split("\n")) {
        if (line.startsWith("--> ")) {
          scripts.add(snippet.toString().getBytes(StandardCharsets.ISO_8859_1));
          snippet.setLength(0);
        } else if (!line.startsWith("==> ")) {
          snippet.append(line).append('\n');
        }
      }
    }
    return scripts;
  }

  private static byte[] changed(byte[] of, byte[] other, Random random) {
    StringBuilder text = new StringBuilder(new String(of, StandardCharsets.ISO_8859_1));
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      int at = random.nextInt(text.length() + 1);
      int end = Math.min(text.length(), at + random.nextInt(8));
      switch (random.nextInt(5)) {
        case 0 -> text.insert(at, WORDS[random.nextInt(WORDS.length)]);
        case 1 -> text.replace(at, end, WORDS[random.nextInt(WORDS.length)]);
        case 2 -> text.delete(at, end);
        case 3 -> text.insert(at, (char) random.nextInt(256));
        default -> {
          String piece = new String(other, StandardCharsets.ISO_8859_1);
          text.insert(at, piece.substring(random.nextInt(piece.length() + 1)));
        }
      }
    }
    return text.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /// Brackets inside brackets, as deep as a request may be long.
  @Test
  void deepScriptsAndTextsEnd() {
    for (String open :
        List.of("(", "{", "[", "not ", "- ", "function() ", "if 1 then ", "a[", "f{")) {
      byte[] deep = ("return " + open.repeat(100_000)).getBytes(StandardCharsets.ISO_8859_1);
      assertThat(run(lua(), deep)).as(open).isFalse();
    }
    String decode = "return cjson.decode((...))";
    for (String open : List.of("[", "{\"a\":", "[[],")) {
      byte[] deep = open.repeat(100_000).getBytes(StandardCharsets.ISO_8859_1);
      run(lua(), decode.getBytes(StandardCharsets.ISO_8859_1), LuaString.of(deep));
    }
    byte[] nested = new byte[100_000];
    java.util.Arrays.fill(nested, (byte) 0x91); // an array of one element
    byte[] unpack = "return cmsgpack.unpack((...))".getBytes(StandardCharsets.ISO_8859_1);
    run(lua(), unpack, LuaString.of(nested));
  }

  /// What takes C's stack, memory or patience, by each library that can be made to: within `pcall`,
  /// in a coroutine, and alone. Nothing of it is left then.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "('a'):rep(1e5):find(('(a'):rep(40))",
        "('a'):rep(1e5):find(('(a)'):rep(32))",
        "('a'):rep(1e5):find(('(a)'):rep(33))",
        "('a'):rep(28):find(('a?'):rep(28) .. ('a'):rep(28))",
        "('a'):rep(1e4):find(('.-'):rep(30) .. 'b')",
        "('a'):rep(1e4):gsub(('.*'):rep(20) .. 'b', '')",
        "('('):rep(1e5):find(('%b()'):rep(50))",
        "('x'):rep(1e5):find('[' .. ('a-z'):rep(1e4))",
        "('x'):rep(1e5):gsub('%f[%w]', '%0%0')",
        "('x'):rep(1e5):gsub('', ('y'):rep(1e4))",
        "('x'):rep(1e3):gsub('.', function() error({}) end)",
        "('x'):rep(1e3):gsub('.', function(c) return ('x'):gsub('.', error) end)",
        "string.gsub('x', 'x', setmetatable({}, {__index = function() error('i') end}))",
        "table.sort({3, 1, 2}, function() error('c') end)",
        "local t = {} for i = 1, 1e4 do t[i] = i % 7 end table.sort(t, function() return true end)",
        "local t = {} for i = 1, 1e3 do t[i] = i end table.sort(t, function(a, b) t[1] = nil return"
            + " a < b end)",
        "local t = {} for i = 1, 1e3 do t[i] = i end table.sort(t, function(a, b) table.remove(t)"
            + " return b end)",
        "table.concat({{}})",
        "table.concat({}, 'x', 1, 1e15)",
        "table.concat({'a', 'b'}, ('x'):rep(1e6), -1e9, 2)",
        "table.insert({}, 1e300, 1)",
        "unpack({}, 1, 1e9)",
        "unpack({}, -1e9, 1e9)",
        "local s = 'x' while true do s = s .. s end",
        "string.rep('x', 1e300)",
        "string.rep('', 1e300)",
        "string.rep(('x'):rep(1e6), 1e6)",
        "string.format(('%s'):rep(1e5))",
        "string.format('%99.99f', 1e308)",
        "('x'):rep(1e6):byte(1, -1)",
        "string.char(unpack({('x'):rep(1e4):byte(1, -1)}))",
        "local function f() return f() + 1 end f()",
        "local function f() return f() end f()",
        "local function f(...) return f(1, ...) end f()",
        "local function f() pcall(f) f() end f()",
        "local function f() return xpcall(f, f) end f()",
        "local function f() error(setmetatable({}, {__tostring = f})) end f()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
        "local t = setmetatable({}, {}) getmetatable(t).__newindex = t t.x = 1",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]",
        "local t = setmetatable({}, {}) getmetatable(t).__call = t t()",
        "local t = {} t = setmetatable(t, {__concat = function(a, b) return a .. b end}) return t"
            + " .. 'x'",
        "local t = {} t = setmetatable(t, {__eq = function(a, b) return a == b end})"
            + " return t == setmetatable({}, getmetatable(t))",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() return coroutine.resume(coroutine.create(f)) end f()",
        "local t = {} for i = 1, 1e6 do t[i] = coroutine.create(f or print or type) end",
        "local co co = coroutine.wrap(function() return co() end) co()",
        "local s = 'return 1' for i = 1, 1e4 do s = 'return function() ' .. s .. ' end' end"
            + " loadstring(s)",
        "local f = 'x' while true do f = loadstring('return ' .. ('('):rep(1e3)) end",
        "load(function() return ('a'):rep(1e5) end)",
        "local t = {} t[1] = t cjson.encode(t)",
        "local t = {} for i = 1, 1e5 do t = {t} end cjson.encode(t)",
        "cjson.decode(('['):rep(1e6))",
        "cjson.decode('{\"a\":' .. ('[1,'):rep(1e5))",
        "cjson.encode({[1e9] = 1})",
        "cjson.encode(('\\0'):rep(1e6))",
        "local t = {} t[1] = t return cmsgpack.pack(t)",
        "local t = {} for i = 1, 1e5 do t = {x = t} end return cmsgpack.pack(t)",
        "cmsgpack.unpack(('\\145'):rep(1e5))",
        "cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "struct.pack('c999999999', 'x')",
        "struct.pack(('i'):rep(1e5))",
        "struct.unpack('c999999999', 'x')",
        "struct.unpack(('c0'):rep(1e4), 'x')",
        "struct.size('!1024i99')",
        "for k in pairs(setmetatable({}, {__index = error})) do end for i = 1, 1e300 do end",
        "collectgarbage('collect') while true do collectgarbage() end",
      })
  void whatIsWithoutEndEnds(String work) {
    String form = "local function w() %s end pcall(w) coroutine.resume(coroutine.create(w)) w()";
    String statement = work.startsWith("(") ? "local _ = " + work : work;
    Lua lua = lua(new LuaLimits(2 << 20, 1 << 20));
    run(lua, form.formatted(statement).getBytes(StandardCharsets.ISO_8859_1));
    assertThat(lua.measure()).isLessThan(1 << 20);
  }

  /// JSON, MessagePack and structs, changed.
  @Test
  void changedDataIsDecodedOrRefused() {
    Random random = new Random(SEED);
    byte[][] verbs = new byte[VERBS.length][];
    for (int i = 0; i < verbs.length; i++) {
      verbs[i] = VERBS[i].getBytes(StandardCharsets.ISO_8859_1);
    }
    List<byte[]> data = new ArrayList<>();
    for (String text : DATA) data.add(text.getBytes(StandardCharsets.ISO_8859_1));
    int ended = 0;
    for (long end = System.nanoTime() + NANOS; System.nanoTime() < end; ) {
      byte[] bytes = data.get(random.nextInt(data.size())).clone();
      for (int n = random.nextInt(4); n > 0 && bytes.length > 0; n--) {
        int at = random.nextInt(bytes.length);
        if (random.nextBoolean()) bytes[at] = (byte) random.nextInt(256);
        else bytes = java.util.Arrays.copyOf(bytes, at);
      }
      byte[] format = FORMATS[random.nextInt(FORMATS.length)].getBytes(StandardCharsets.ISO_8859_1);
      if (format.length > 0 && random.nextInt(3) == 0) {
        format[random.nextInt(format.length)] = (byte) random.nextInt(256);
      }
      byte[] verb = verbs[random.nextInt(verbs.length)];
      if (run(lua(), verb, LuaString.of(bytes), LuaString.of(format))) ended++;
    }
    assertThat(ended).isPositive();
  }

  private static final String[] VERBS = {
    "local d = ... return cjson.encode(cjson.decode(d))",
    "local d = ... return cmsgpack.pack(cmsgpack.unpack(d))",
    "local d = ... return cmsgpack.unpack_one(d, 1)",
    "local d = ... return cmsgpack.unpack_limit(d, 3, 1)",
    "local d, f = ... return struct.unpack(f, d)",
    "local d, f = ... return struct.unpack(f, d, 3)",
    "local d, f = ... return struct.pack(f, 1, 2, d, 3, d, 4.5)",
    "local d, f = ... return struct.size(f)",
    "local d, f = ... return string.format(f, d, 1, 2.5, d)",
    "local d, f = ... return string.find(d, f), string.gsub(d, f, '%0%1')",
    "local d = ... return tonumber(d), tonumber(d, 16), tostring(d)",
  };

  private static final String[] FORMATS = {
    "<i4",
    ">I8s",
    "!8bBhHlL",
    "c0",
    "c4c10",
    "dfTx",
    "i32",
    "!3i",
    "<>=!",
    "s",
    "Bc0s",
    "%s%d",
    "%5.3f%q",
    "%-99s",
    "%c%x%i",
    "(.-)%s",
    "[^a-z]*",
    "%b()",
    "%f[a]",
    "(()",
    "^(.*)$",
    "",
  };

  private static final String[] DATA = {
    "{\"a\":[1,2.5,-3e5,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\"],\"b\":{\"c\":{}}}",
    "[[[[[[1]]]]]]",
    "\"\\uD800\"",
    "123456789012345678901234567890",
    "\u0083\u00a1a\u0001\u00a1b\u0093\u0001\u00ca\u0040\u0048\u00f5\u00c3\u00c3\u00a1c\u00c0",
    "\u00dd\u00ff\u00ff\u00ff\u00ff\u0001",
    "\u00db\u00ff\u00ff\u00ff\u00f0abc",
    "\u00df\u0000\u0000\u0000\u0002\u0001\u0002\u0003\u00cf\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff",
    "\u00d3\u0080\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u00cb\u007f\u00f0\u0000\u0000\u0000\u0000\u0000\u0000",
    "\u0005\u0000\u0000\u0000hello\u0000world",
    "",
  };
}
