package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import dev.spinel.Spinel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Lua as EVAL runs it, beside the `redis-server` that is there: the snippets whose answers are
/// recorded in the module `lua`, and programs that a seed makes.
///
/// `-Dspinel.lua.programs=N` runs more of them, `-Dspinel.seed=S` from another seed on.
class LuaComparisonTest {
  private static final Path SNIPPETS = Path.of("../lua/src/test/resources/dev/spinel/lua");
  private static final int PROGRAMS = Integer.getInteger("spinel.lua.programs", 400);
  private static final long SEED = Long.getLong("spinel.seed", 1);
  private static final int AT_ONCE = 50;

  private static RealRedis redis;
  private static Spinel spinel;
  private static RawPeer real;
  private static RawPeer ours;
  private static String runner;
  private static boolean isSeven2;

  /// What Debian's 7.0.15 hasn't, or what it says otherwise.
  private static final Pattern OTHERS =
      Pattern.compile("getfenv|setfenv|newproxy|set_repl|\\[\\[a\\[\\[");

  @BeforeAll
  static void start() throws Exception {
    redis = RealRedis.ready(Files.createTempDirectory("lua"));
    spinel = Spinel.start("save", "");
    real = new RawPeer(redis.port(), 2);
    ours = new RawPeer(spinel.port(), 2);
    isSeven2 = redis.isSeven2();
    String text = text("recording.lua");
    if (!isSeven2) {
      text = text.replaceAll("(?m)^setfenv.*$", "");
    }
    runner = real.ask("SCRIPT", "LOAD", text).split("\r\n")[1];
    assertThat(ours.ask("SCRIPT", "LOAD", text)).contains(runner);
  }

  @AfterAll
  static void stop() throws Exception {
    if (redis != null) {
      real.close();
      ours.close();
      spinel.close();
      redis.close();
    }
  }

  private static String text(String file) throws IOException {
    return Files.readString(SNIPPETS.resolve(file), StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"recordings.txt", "libraries.txt"})
  void recordedSnippets(String file) throws IOException {
    List<String> snippets = new ArrayList<>();
    StringBuilder snippet = new StringBuilder();
    for (String line : text(file).split("\n")) {
      if (line.startsWith("--> ")) {
        if (isSeven2 || !OTHERS.matcher(snippet).find()) {
          snippets.add(snippet.toString().strip());
        }
        snippet.setLength(0);
      } else if (!line.startsWith("==> ")) {
        snippet.append(line).append('\n');
      }
    }
    assertThat(snippets).hasSizeGreaterThan(3000);
    compare(snippets);
  }

  @Test
  void programsOfASeed() throws IOException {
    List<String> programs = new ArrayList<>();
    for (long seed = SEED; seed < SEED + PROGRAMS; seed++) {
      programs.add("-- seed " + seed + "\n" + LuaPrograms.of(seed));
    }
    int ran = compare(programs);
    assertThat(ran).as("programs that are in order").isGreaterThan(PROGRAMS / 2);
  }

  private static final String[] FUNCTIONS = {
    "assert",
    "error",
    "ipairs",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
    "loadstring",
    "load",
    "string.byte",
    "string.char",
    "string.find",
    "string.format",
    "string.gmatch",
    "string.gsub",
    "string.len",
    "string.lower",
    "string.match",
    "string.rep",
    "string.reverse",
    "string.sub",
    "string.upper",
    "table.concat",
    "table.foreach",
    "table.foreachi",
    "table.getn",
    "table.insert",
    "table.maxn",
    "table.remove",
    "table.sort",
    "math.abs",
    "math.atan2",
    "math.fmod",
    "math.frexp",
    "math.ldexp",
    "math.max",
    "math.min",
    "math.modf",
    "math.pow",
    "math.random",
    "math.randomseed",
    "coroutine.create",
    "coroutine.resume",
    "coroutine.status",
    "coroutine.wrap",
    "coroutine.yield",
    "cjson.encode",
    "cjson.decode",
    "cjson.encode_sparse_array",
    "cjson.encode_max_depth",
    "cjson.decode_max_depth",
    "cjson.encode_keep_buffer",
    "cjson.encode_number_precision",
    "cjson.encode_invalid_numbers",
    "cjson.decode_invalid_numbers",
    "cjson.new",
    "cmsgpack.pack",
    "cmsgpack.unpack",
    "cmsgpack.unpack_one",
    "cmsgpack.unpack_limit",
    "struct.pack",
    "struct.unpack",
    "struct.size",
    "bit.tobit",
    "bit.bnot",
    "bit.band",
    "bit.bor",
    "bit.bxor",
    "bit.lshift",
    "bit.rshift",
    "bit.rol",
    "bit.bswap",
    "bit.tohex",
    "redis.call",
    "redis.pcall",
    "redis.error_reply",
    "redis.status_reply",
    "redis.sha1hex",
    "redis.log",
    "redis.setresp",
    "redis.set_repl",
    "redis.acl_check_cmd",
  };

  private static final String[] VALUES = {
    "nil",
    "true",
    "1",
    "-1",
    "2.5",
    "'x'",
    "'3'",
    "''",
    "'>i4'",
    "'%d'",
    "{}",
    "{1, 2}",
    "function(...) return ... end",
    "coroutine.create(function() end)",
    "string.len",
    "1e100",
    "'\\1\\2\\3\\4'",
  };

  /// Every function of every library, with too few, too many and other arguments than it wants.
  @Test
  void argumentsThatAreWrong() throws IOException {
    Random random = new Random(SEED);
    List<String> snippets = new ArrayList<>();
    for (String function : FUNCTIONS) {
      for (int i = 0; i < 25; i++) {
        StringBuilder call = new StringBuilder("return " + function + "(");
        for (int n = random.nextInt(5), at = 0; at < n; at++) {
          call.append(at == 0 ? "" : ", ").append(VALUES[random.nextInt(VALUES.length)]);
        }
        snippets.add(call + ")");
      }
      snippets.add("local f = " + function + "\n\nreturn f(\n{}\n)");
    }
    String libraries = "string table math coroutine os cjson cmsgpack struct bit redis";
    for (String library : (isSeven2 ? "_G " + libraries : libraries).split(" ")) {
      snippets.add(
          "local all = {} for name in pairs("
              + library
              + ") do all[#all + 1] = name end table.sort(all) return all");
    }
    snippets.removeIf(snippet -> !isSeven2 && OTHERS.matcher(snippet).find());
    compare(snippets);
  }

  /// Returns how many came to their end.
  private static int compare(List<String> snippets) throws IOException {
    List<String> differences = new ArrayList<>();
    int ran = 0;
    for (int i = 0; i < snippets.size(); i += AT_ONCE) {
      List<String> some = snippets.subList(i, Math.min(snippets.size(), i + AT_ONCE));
      List<String> expected = answers(real, some);
      List<String> got = answers(ours, some);
      for (int j = 0; j < some.size(); j++) {
        ran += expected.get(j).contains("\nok ") ? 1 : 0;
        if (!expected.get(j).equals(got.get(j))) {
          differences.add(some.get(j) + "\n  real " + expected.get(j) + "\n  ours " + got.get(j));
        }
      }
    }
    assertThat(differences.stream().limit(10)).as(differences.size() + " differ").isEmpty();
    return ran;
  }

  private static List<String> answers(RawPeer peer, List<String> snippets) throws IOException {
    for (String snippet : snippets) {
      peer.send("EVALSHA", runner, "0", snippet);
    }
    List<String> answers = new ArrayList<>();
    for (int i = 0; i < snippets.size(); i++) {
      answers.add(peer.read(""));
    }
    return answers;
  }
}
