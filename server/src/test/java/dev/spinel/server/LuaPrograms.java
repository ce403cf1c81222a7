package dev.spinel.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Programs in Lua that a seed makes: they do whatever comes to mind with a few variables, end
/// soon, and say what they have seen. Much of it fails, and is caught, or isn't: texts and lines of
/// errors count, too.
final class LuaPrograms {
  private static final String PRELUDE =
      """
      local steps, out = 0, {}
      local function step() steps = steps + 1 if steps > 150 then error('enough', 0) end return true end
      local function shown(v)
        if type(v) == 'table' then return 'T' .. #v end
        if type(v) == 'function' or type(v) == 'thread' then return type(v) end
        return (string.gsub(string.sub(tostring(v), 1, 40), '%-?nan', 'nan'))
      end
      local function emit(...)
        step()
        for i = 1, select('#', ...) do
          if #out < 100 then out[#out + 1] = shown((select(i, ...))) end
        end
        return ...
      end
      local function short(s) return type(s) == 'string' and string.sub(s, 1, 300) or s end
      local object = {v = 1}
      function object:get(x) step() return self.v, x end
      function object.with(x) step() return x end
      local meta = setmetatable({1, 2, x = 'y'}, {
        __index = function(t, k) return k end,
        __newindex = function(t, k, v) rawset(t, k, shown(v)) end,
        __call = function(self, ...) return select('#', ...), ... end,
        __concat = function(p, q) return shown(p) .. shown(q) end,
        __add = function(p, q) return shown(p) .. '+' .. shown(q) end,
        __unm = function(p) return 'minus' end,
        __eq = function(p, q) return true end,
        __lt = function(p, q) return shown(p) < shown(q) end,
        __le = function(p, q) return shown(p) <= shown(q) end,
        __tostring = function() return 'meta' end})
      """;

  private static final String[] NAMES = {"a", "b", "c", "d"};

  private static final String[] NUMBERS = {
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "0.5",
    "-2.25",
    "1e3",
    "255",
    "0x1F",
    "2^31",
    "2^53",
    "1e15",
    "1e16",
    "1e100",
    "-1e-7",
    "123456.789",
    "1/3",
    "1/0",
    "-1/0",
    "100",
  };

  private static final String[] STRINGS = {
    "''",
    "'a'",
    "'b'",
    "'10'",
    "' 7 '",
    "'0x10'",
    "'1e2'",
    "'abc'",
    "'hello world'",
    "'x\\0y'",
    "'\\255'",
    "'k=v, k2=v2'",
    "[[two\nlines]]",
    "'THE (quick) fox'",
    "'%d'",
    "'aaa'",
    "'{\"a\":[1,2]}'",
  };

  private static final String[] PATTERNS = {
    "'a'",
    "'.'",
    "'%a+'",
    "'(%w+)=(%w+)'",
    "'^%s*(.-)%s*$'",
    "'[a-c]*'",
    "'[^%s]+'",
    "'()'",
    "'(a)(b)'",
    "'%b()'",
    "'%f[%w]%w+'",
    "'a-b'",
    "'x?'",
    "'(.)%1'",
    "'%'",
    "'['",
    "'(a'",
    "'a)'",
    "'%f'",
    "'[a'",
    "'[%z]'",
    "'%d'",
    "'$'",
    "'^'",
    "''",
    "'[]]'",
    "'[^]]'",
    "'[a-]'",
    "'(()a)'",
    "'%2'",
  };

  private static final String[] FORMATS = {
    "'%d'", "'%5d|%-5d|'", "'%05d'", "'%+d % d'", "'%x %X %o'", "'%#x'", "'%g'", "'%.3g'",
        "'%10.2f'", "'%e'",
    "'%.0f'", "'%.14g'", "'%.17g'", "'%#.3g'", "'%s'", "'%10s|%-10s|'", "'%.2s'", "'%q'", "'%c'",
        "'%i'",
    "'%u'", "'%%'", "'%'", "'%y'", "'%5'", "'%123d'", "'%s %s'",
  };

  private static final String[] BINARY = {
    "+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and", "or"
  };

  private static final String[] PACKED = {
    "'b'", "'<h'", "'>i'", "'!4bi'", "'d'", "'f'", "'s'", "'c3'", "'Bc0'", "'>I3'", "'x'",
    "'l<H>H'", "'q'", "'i17'"
  };

  private final Random random;
  private final List<String> locals = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private int loops; // around the present place

  private LuaPrograms(long seed) {
    random = new Random(seed);
  }

  /// The program of a seed.
  static String of(long seed) {
    return new LuaPrograms(seed).program();
  }

  private String program() {
    text.append(PRELUDE);
    for (String name : NAMES) {
      text.append("local ").append(name).append(" = select(2, pcall(function() return ");
      text.append(value(2)).append(" end))\n");
      locals.add(name);
    }
    text.append("local function body(...)\n");
    block(3, 8);
    text.append("return ").append(value(2)).append(", ...\nend\n");
    text.append("emit(pcall(body, ").append(value(1)).append("))\n");
    if (random.nextInt(4) == 0) {
      block(1, 2); // whose errors nobody catches
    }
    text.append("emit(a, b, c, d)\nreturn table.concat(out, '|'), steps");
    return text.toString();
  }

  private String one(String... of) {
    return of[random.nextInt(of.length)];
  }

  private String name() {
    return locals.isEmpty() ? "object" : locals.get(random.nextInt(locals.size()));
  }

  // ── statements ──

  private void block(int depth, int most) {
    int visible = locals.size();
    for (int n = 1 + random.nextInt(most); n > 0; n--) {
      statement(depth);
      text.append(random.nextInt(4) == 0 ? " " : "\n");
    }
    locals.subList(visible, locals.size()).clear();
  }

  private void statement(int depth) {
    switch (random.nextInt(depth > 0 ? 18 : 9)) {
      case 0, 1 -> text.append(name()).append(" = short(").append(value(3)).append(')');
      case 2 -> text.append(name()).append(", ").append(name()).append(" = ").append(values(2));
      case 3 -> {
        String made = "v" + locals.size();
        text.append("local ").append(made).append(" = short(").append(value(3)).append(')');
        locals.add(made);
      }
      case 4, 5 -> text.append("emit(").append(values(2)).append(')');
      case 6 -> text.append("emit(pcall(function(...) return ").append(values(3)).append(" end))");
      case 7 ->
          text.append("if type(")
              .append(name())
              .append(") == 'table' then local t = ")
              .append(name())
              .append(" pcall(function() t[")
              .append(value(1))
              .append("] = ")
              .append(value(2))
              .append(" end) end");
      case 8 ->
          text.append(
              random.nextInt(4) == 0
                  ? "if steps > 20 then error(" + value(1) + ", " + random.nextInt(3) + ") end"
                  : "emit(" + call(2) + ")");
      case 9, 10 -> {
        text.append("if ").append(value(2)).append(" then\n");
        block(depth - 1, 3);
        if (random.nextBoolean()) {
          text.append("else\n");
          block(depth - 1, 3);
        }
        text.append("end");
      }
      case 11 -> loop("while step() and " + value(2) + " do\n", depth, "end");
      case 12 -> loop("repeat step()\n", depth, "until " + value(2));
      case 13 -> {
        String from = one("1", "3", "0.5", value(0));
        loop(
            "for i = "
                + from
                + ", "
                + one("3", "5", "-1")
                + one("", ", 2", ", -1")
                + " do step() emit(i)\n",
            depth,
            "end");
      }
      case 14 ->
          loop(
              "for k, v in "
                  + one("pairs", "ipairs", "next,")
                  + "("
                  + value(1)
                  + ") do step() emit(k, v)\n",
              depth,
              "end");
      case 15 ->
          loop(
              "for w in string.gmatch(" + value(1) + ", " + one(PATTERNS) + ") do step() emit(w)\n",
              depth,
              "end");
      case 16 -> {
        text.append("do local co = coroutine.wrap(function(x, ...)\n");
        block(depth - 1, 2);
        text.append("emit(coroutine.yield(x, ").append(value(1)).append("))\n");
        block(depth - 1, 2);
        text.append("end)\nemit(pcall(co, ")
            .append(values(1))
            .append("))\nemit(pcall(co, 'again'))\nemit(pcall(co)) end");
      }
      default -> {
        String made = "f" + locals.size();
        text.append("local function ")
            .append(made)
            .append(one("(p, q)", "(p)", "(...)"))
            .append(" step()\n");
        locals.add(made);
        block(depth - 1, 3);
        text.append("return ").append(values(2)).append("\nend");
      }
    }
  }

  private void loop(String head, int depth, String end) {
    if (loops == 2) {
      text.append("step()");
      return;
    }
    loops++;
    text.append(head);
    block(depth - 1, 3);
    if (random.nextInt(5) == 0) text.append("if ").append(value(1)).append(" then break end\n");
    text.append(end);
    loops--;
  }

  // ── expressions ──

  private String values(int depth) {
    StringBuilder all = new StringBuilder(value(depth));
    for (int n = random.nextInt(3); n > 0; n--) all.append(", ").append(value(depth));
    return all.toString();
  }

  private String value(int depth) {
    if (depth <= 0) {
      return switch (random.nextInt(8)) {
        case 0, 1 -> one(NUMBERS);
        case 2, 3 -> one(STRINGS);
        case 4 -> one("nil", "true", "false", "meta", "object");
        default -> name();
      };
    }
    int less = depth - 1;
    return switch (random.nextInt(16)) {
      case 0, 1, 2 -> "(" + value(less) + " " + one(BINARY) + one(" ", "\n") + value(less) + ")";
      case 3 -> one("-", "not ", "#") + "(" + value(less) + ")";
      case 4 -> "{" + values(less) + one("", ", x = " + value(0), "; [" + value(0) + "] = 1") + "}";
      case 5 -> "(" + value(less) + ")[" + value(0) + "]";
      case 6 -> "(" + value(less) + ").x";
      case 7 -> "(function(p, ...) return " + values(less) + " end)(" + values(0) + ")";
      case 8 -> one("object:get(", "object.with(", "meta(", name() + "(") + value(less) + ")";
      case 9, 10, 11, 12 -> call(less);
      default -> value(0);
    };
  }

  private String call(int depth) {
    String v = value(depth);
    String w = value(0);
    return switch (random.nextInt(34)) {
      case 0 -> "string.format(" + one(FORMATS) + ", " + values(depth) + ")";
      case 1 -> "string.format(" + one(FORMATS) + ", " + one(NUMBERS) + ", " + one(NUMBERS) + ")";
      case 2 ->
          "string."
              + one("find", "match")
              + "("
              + v
              + ", "
              + one(PATTERNS)
              + one("", ", " + w)
              + ")";
      case 3 ->
          "string.gsub("
              + v
              + ", "
              + one(PATTERNS)
              + ", "
              + one(
                  "'<%0>'",
                  "'%1%2'",
                  "'%'",
                  "{a = 1, b = false}",
                  "function(...) return ... end",
                  "function(x) return {x} end",
                  w)
              + one("", ", 2")
              + ")";
      case 4 -> "string.find(" + v + ", " + one(STRINGS) + ", " + one(NUMBERS) + ", true)";
      case 5 -> "string.sub(" + v + ", " + one(NUMBERS) + one("", ", " + one(NUMBERS)) + ")";
      case 6 -> "string." + one("upper", "lower", "reverse", "len", "byte") + "(" + v + ")";
      case 7 -> "string.rep(short(" + v + "), " + one("0", "1", "3", "-1", "'2'") + ")";
      case 8 -> "string.char(" + one("65", "'66'", "0, 255", "256", "-1", w) + ")";
      case 9 -> "string.byte(" + v + ", 1, 4)";
      case 10 -> "tostring(" + v + ")";
      case 11 -> "tonumber(" + v + one("", ", 10", ", 16", ", 36", ", 2", ", 1", ", " + w) + ")";
      case 12 -> "select(" + one("'#'", "1", "2", "-1", "0", w) + ", " + values(depth) + ")";
      case 13 -> "unpack({" + values(depth) + "}" + one("", ", 1, 3", ", 2") + ")";
      case 14 ->
          "table.concat({"
              + values(0)
              + "}, "
              + one("','", "''", w)
              + one("", ", 1, 2", ", 2")
              + ")";
      case 15 ->
          "(function(t) "
              + one(
                  "table.insert(t, 5)",
                  "table.insert(t, 1, 'n')",
                  "table.insert(t)",
                  "table.remove(t)",
                  "table.remove(t, 1)",
                  "table.sort(t)",
                  "table.sort(t, function(p, q) return tostring(p) > tostring(q) end)",
                  "table.sort(t, function(p, q) error('cmp') end)",
                  "t[#t + 1] = #t",
                  "t[4] = nil",
                  "t.n = 1")
              + " return t, #t, t[1], t[2] end)({"
              + values(0)
              + "})";
      case 16 ->
          "math."
              + one("floor", "ceil", "abs", "sqrt", "exp", "sin", "frexp", "modf", "deg")
              + "("
              + v
              + ")";
      case 17 ->
          "math." + one("max", "min", "fmod", "pow", "ldexp", "atan2") + "(" + v + ", " + w + ")";
      case 18 -> "math.random(" + one("", "10", "3, 5", "0", w) + ")";
      case 19 -> "type(" + v + ")";
      case 20 -> "rawequal(" + v + ", " + w + ")";
      case 21 -> "rawget(" + v + ", " + w + ")";
      case 22 -> "next(" + v + one("", ", " + w) + ")";
      case 23 ->
          "pcall("
              + one("error", "string.rep", "tostring", "meta", "object.get", name())
              + ", "
              + values(depth)
              + ")";
      case 24 ->
          "xpcall(function() return "
              + value(depth)
              + " end, function(m) return shown(m) .. '!' end)";
      case 25 -> "cjson.encode(" + v + ")";
      case 26 ->
          "cjson.decode("
              + one(
                  "'[1,{\"a\":null}]'",
                  "'{\"x\":1e3}'",
                  "'[1,'",
                  "'\"\\\\u00e9\\\\n\"'",
                  "'nul'",
                  "'[]'",
                  "' 1 '",
                  v)
              + ")";
      case 27 -> "cjson.encode(cjson.decode(cjson.encode({" + values(0) + "})))";
      case 28 -> "cmsgpack.unpack(cmsgpack.pack(" + values(0) + "))";
      case 29 -> "#cmsgpack.pack(" + v + ")";
      case 30 ->
          "struct.pack("
              + one(PACKED)
              + ", "
              + one(w, one(NUMBERS), one(STRINGS))
              + ", "
              + one(STRINGS)
              + ")";
      case 31 ->
          "struct.unpack(" + one(PACKED) + ", " + one("'\\1\\2\\3\\4\\5\\6\\7\\8\\0'", v) + ")";
      case 32 ->
          "bit."
              + one("band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "tohex")
              + "("
              + v
              + ", "
              + w
              + ")";
      default -> "loadstring('return ' .. shown(" + v + "), '@inner')";
    };
  }
}
