package dev.spinel.lua;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a script may give `host.call` and `host.pcall` first, with `IN` as the input.
class LuaWordsTest {
  private static final LuaWatch WATCH = new LuaWatch("host", Set.of("call", "pcall"), Set.of("IN"));

  private static String shown(LuaWords words) {
    Set<String> all = new TreeSet<>();
    for (LuaString word : words.words()) all.add(word.toString());
    if (words.takesInput()) all.add("IN");
    return words.isOpen() ? "any" : String.join(" ", all);
  }

  private static String words(String script) {
    return shown(LuaChunk.compile(LuaString.of(script), "@user_script", WATCH).words());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "return 1 | ~~",
        "host.call('get', 'set') host.pcall([[del]], x) host.call\"incr\" | del get incr",
        "other('get') string.rep('x', 3) host.log('y') | ~~",
        "(host.call)('get') host['pcall']('set') | get set",
        "local f = function() if x then for i = 1, 2 do return {host.call('get')} end end end |"
            + " get",
        "host.call(host.pcall('get')) | any",
        "repeat until host.call('get') == -#host.call('set') .. host.call('del') | del get set",
        "t[host.call('get')] = host.call('set') | get set",
        "for k in pairs(host.call('get')) do host.call('set') end | get set",
        // aliases
        "local call = host.call call('get') | get",
        "local a, b = host.call, host.pcall function f() a('get') return b('set') end | get set",
        "local a, b = f(), host.pcall b('get') | get",
        "local a = host.call local b = a b('get') | get",
        "local a = host.call pcall(a, 'get') | any",
        "pcall(host.call, 'get') | any",
        "local h = host h.call('get') | any",
        "f = host.call f('get') | any",
        "host[name]('get') | any",
        "host:call('get') | any",
        "local host = f() host.call(x) | ~~",
        "getfenv().host.call('get') | any",
        "loadstring('host' .. '.call()')() | any",
        "return _G['ho' .. 'st'] | any",
        // names that aren't written where they are needed
        "host.call(IN[1], IN[2]) | IN",
        "local name = IN[2] local c = host.call c(name, 'x') | IN",
        "local name = 'get' if x then name = 'set' end host.call(name) | get set",
        "host.call(x and 'get' or IN[1] or 'del') | IN del get",
        "local a, b = 'get' host.call(a) host.call(b) | get",
        "local a, b = 'get', f() host.call(a) | get",
        "local a, b = 'get', f() host.call(b) | any",
        "local a, b = f() host.call(b) | any",
        "local a = 'x' a = a .. 'y' host.call(a) | any",
        "local a = 'x' local b = a a = b host.call(b) | x",
        "local function run(name) host.call(name) end run('get') | any",
        "for i, name in ipairs(IN) do host.call(name) end | any",
        "for i = 1, 2 do host.call(i) end | any",
        "host.call('ge' .. 't') | any",
        "host.call(unpack(IN)) | any",
        "host.call(...) | any",
        "IN[1] = 'ge' .. 't' host.call(IN[1]) | any",
        "host.call() host.call(nil) host.call(1) | ~~",
      })
  void ofAScript(String script, String expected) {
    assertThat(words(script)).isEqualTo(expected);
  }

  @Test
  void oneOfAnyDepthAndLength() {
    assertThat(words("return " + "host.call('a') + ".repeat(20_000) + "host.call('b')"))
        .isEqualTo("a b");
    assertThat(words("return host.call(" + "x or ".repeat(20_000) + "'a')")).isEqualTo("any");
    StringBuilder names = new StringBuilder("local v0 = 'a' ");
    for (int i = 1; i < 150; i++) names.append("local v").append(i).append(" = v" + (i - 1) + " ");
    assertThat(words(names + "host.call(v20)")).isEqualTo("a");
    assertThat(words(names + "host.call(v149)")).isEqualTo("any");
  }

  @Test
  void nobodyWatches() {
    assertThat(shown(LuaChunk.compile(LuaString.of("return 1"), "@x").words())).isEqualTo("any");
  }

  /// Of the functions that a text leaves behind, each by itself.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "f = function() host.call('get') end other = function() host.call('keys') end | get",
        "local function help() host.call('keys') end f = function() help() end | keys",
        "local function help() host.call('keys') end local t = {a = {help}} f = function(n) t[n]()"
            + " end | keys",
        "local function help() host.call('keys') end local t = setmetatable({}, {__index = help})"
            + " f = function(n) return t.x end | keys",
        "local g f = function() g() end g = function() host.call('late') end | late",
        "f = function() return function() host.call('inner') end end | inner",
        "local function name() return 'x' end f = function() host.call(name()) end | any",
        "local co = coroutine.create(function() host.call('get') end) f = function()"
            + " coroutine.resume(co) end | any",
        "local s = string.rep f = function() s('x', 3) end | ~~",
        "f = string.rep | ~~",
        "f = loadstring('host.call(x)') | any",
      })
  void ofAFunctionAndOfWhatItReaches(String script, String expected) {
    Lua lua = new Lua(LuaLimits.DEFAULT);
    lua.call(lua.load(LuaChunk.compile(LuaString.of(script), "@user_script", WATCH)));
    LuaFunction function = (LuaFunction) lua.globals().get("f");
    assertThat(shown(lua.words(function))).isEqualTo(expected);
  }
}
