package dev.spinel.lua;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every long operation takes steps, so that the host can end any script, and all that a state
/// holds is counted.
@Timeout(60)
class LuaLimitsTest {
  private static final int STEPS = 1000;

  private static final class Enough extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static Lua lua(LuaLimits limits, LuaMemory shared) {
    Lua lua = new Lua(limits, shared);
    JsonLibrary.open(lua);
    StructLibrary.open(lua);
    MessagePackLibrary.open(lua);
    BitLibrary.open(lua);
    return lua;
  }

  private static Object run(Lua lua, String script) {
    Object[] results = lua.call(lua.load(LuaChunk.compile(LuaString.of(script), "@user_script")));
    return results.length == 0 ? null : results[0];
  }

  /// What is called ten times here takes much more than a thousand steps' time each.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "long:upper()",
        "long:lower()",
        "long:reverse()",
        "long:rep(2)",
        "long:sub(2)",
        "_ = long .. 'x'",
        "long:find(('a'):rep(200) .. 'b', 1, true)",
        "long:find(('a'):rep(200) .. 'b')",
        "long:find('%b()')",
        "('(' .. long):find('%b()')",
        "long:find('^(a+)%1b')",
        "long:find('^' .. set .. '*b')",
        "long:find('^[^' .. long .. ']')",
        "long:gsub('b', 'c')",
        "long:gsub('^a', long)",
        "('%.1s'):format(long)",
        "_ = long == other",
        "_ = long ~= other",
        "rawequal(long, other)",
        "_ = long < other",
        "_ = long <= other",
        "_ = named[other]",
        "named[other] = 1",
        "tonumber(digits)",
        "tonumber(digits, 7)",
        "_ = digits + 1",
        "_ = #digits / digits",
        "bit.bor(digits, 1)",
        "math.abs(digits)",
        "for i = digits, 1 do end",
        "loadstring('--' .. long)",
        "next(emptied)",
        "for k in pairs(emptied) do end",
        "table.maxn(list)",
        "table.concat(list)",
        "table.insert(list, 1, 1) table.remove(list, 1)",
        "cjson.encode(list)",
        "cjson.encode(emptied)",
        "cjson.encode(long)",
        "cjson.decode(blanks .. '1')",
        "cjson.decode('\"' .. long .. '\"')",
        "cjson.decode('\"\\\\n' .. long .. '\"')",
        "cjson.decode(digits)",
        "cjson.decode(json)",
        "cmsgpack.pack(list)",
        "cmsgpack.pack(emptied)",
        "cmsgpack.pack(long)",
        "cmsgpack.unpack(packed)",
        "struct.pack(blanks)",
        "struct.pack('c0', long)",
        "struct.pack(('x'):rep(100000))",
        "struct.unpack('s', long .. '\\0')",
        "struct.unpack(blanks, '')",
        "struct.size(blanks)",
        "collectgarbage()",
      })
  void longWorkTakesSteps(String work) {
    Lua lua = lua(LuaLimits.DEFAULT, null);
    run(
        lua,
        """
        long, other = ('a'):rep(500000), ('a'):rep(499999) .. 'a'
        digits, blanks, set = ('1'):rep(100000), (' '):rep(100000), '[' .. ('b'):rep(20000) .. 'a]'
        list, emptied, named = {}, {}, {[long] = 1}
        for i = 1, 50000 do list[i] = i emptied[i] = i end
        for i = 1, 50000 do emptied[i] = nil end
        json, packed = cjson.encode(list), cmsgpack.pack(list)
        """);
    int[] ticks = {0};
    lua.hook(
        STEPS,
        state -> {
          if (++ticks[0] > 100) throw new Enough();
        });
    try {
      run(lua, "for i = 1, 10 do " + work + " end");
    } catch (Enough enough) {
      // it might have taken long
    }
    assertThat(ticks[0]).as(work).isPositive();
  }

  /// A list that only a local variable holds, of the main function, of others, of a coroutine.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "local t = {} for i = 1, 1e7 do t = {t} end",
        "local t = {} for i = 1, 1e7 do t[i] = {} end",
        "local t = {} for i = 1, 1e7 do t[i] = 'a' .. i end",
        "local t for i = 1, 1e7 do local u = t t = function() return u end end",
        "local function f(t, n) if n == 0 then return f({t}, 9) end local r = f({t}, n - 1) return"
            + " r end f({}, 9)",
        "local function f(t) for i = 1, 1e7 do t = {t} end end f({})",
        "coroutine.wrap(function(t) for i = 1, 1e7 do t = {t} end end)({})",
        "local t = {} ; for i = 1, 1e7 do t = {t} ; ('x'):len() end",
        "pcall(function(...) local t = {...} for i = 1, 1e7 do t = {t} end end, 1) error('full')",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 1e3 do t[i] = s:gsub('x', 'y') end",
      })
  void whatIsHeldIsCounted(String script) {
    Lua lua = lua(new LuaLimits(16 << 20, 4 << 20), null);
    assertThatThrownBy(() -> run(lua, script)).isInstanceOf(LuaError.class);
    assertThat(lua.measure()).isLessThan(1 << 20);
    assertThat(run(lua, "return 1 + 1")).isEqualTo(2.0);
  }

  @Test
  void whatNoFunctionHoldsAnyMoreIsFree() {
    Lua lua = lua(new LuaLimits(16 << 20, 4 << 20), null);
    Object last =
        run(
            lua,
            """
            local function deep(n)
              local s = ('x'):rep(1000000)
              s:sub(1, 1, 1, 1, 1, 1, s)
              s = nil
              if n > 0 then return select(2, pcall(deep, n - 1)) end
              return 'bottom'
            end
            for i = 1, 10 do assert(deep(100) == 'bottom') end
            return 'end'
            """);
    assertThat(last).hasToString("end");
  }

  /// A state that is full is measured for each new value: it can be ended meanwhile.
  @Test
  void aFullStateHearsItsHook() {
    Lua lua = lua(new LuaLimits(32 << 20, 4 << 20), null);
    run(
        lua,
        "f = function() return {} end t = {} pcall(function() for i = 1, 1e7 do t[i] = {} end"
            + " end)");
    int[] ticks = {0};
    lua.hook(
        10_000,
        state -> {
          if (++ticks[0] > 50) throw new Enough();
        });
    assertThatThrownBy(() -> run(lua, "while true do pcall(f) end")).isInstanceOf(Enough.class);
  }

  @Test
  void longStringsAreBoundedWhileTheyAreMade() {
    Lua lua = lua(new LuaLimits(16 << 20, 16 << 20), null);
    run(lua, "s = ('x'):rep(6000000)");
    for (String work :
        new String[] {
          "s:gsub('x', 'yy')", "table.concat({s, s, s})", "cjson.encode({s, s})",
          "cmsgpack.pack(s, s)", "struct.pack('c0c0', s, s)", "('%s%s'):format(s, s)",
        }) {
      assertThatThrownBy(() -> run(lua, "return " + work))
          .as(work)
          .isInstanceOf(LuaError.class)
          .hasMessage("not enough memory");
    }
  }

  /// Memory that there is once for all.
  private static final class Pot implements LuaMemory {
    private long left;

    Pot(long bytes) {
      left = bytes;
    }

    @Override
    public boolean take(long bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    }

    @Override
    public void give(long bytes) {
      left += bytes;
    }
  }

  @Test
  void statesShareTheirMemory() {
    Pot pot = new Pot(8 << 20);
    LuaLimits limits = new LuaLimits(16 << 20, 4 << 20);
    Lua one = lua(limits, pot);
    Lua other = lua(limits, pot);
    run(one, "t = {} for i = 1, 40000 do t[i] = {} end");
    assertThat(pot.left).isLessThan(5 << 20);
    assertThatThrownBy(() -> run(other, "t = {} for i = 1, 1e5 do t[i] = {} end"))
        .hasMessage("not enough memory");
    assertThat(run(one, "return #t")).isEqualTo(40000.0);
    run(one, "t = nil");
    one.trim();
    run(other, "t = nil");
    other.trim();
    assertThat(pot.left).isEqualTo(8 << 20);
    assertThat(run(other, "t = {} for i = 1, 6e4 do t[i] = {} end return #t")).isEqualTo(60000.0);
  }
}
