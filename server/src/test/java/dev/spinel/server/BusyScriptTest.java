package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Spinel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Scripts that take long: what others are told meanwhile, and who can end them. On one loop, which
/// the script holds up itself, and on two.
@Timeout(120)
class BusyScriptTest {
  private static final String BUSY =
      "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
  private static final String BUSY_FUNCTION =
      "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN"
          + " NOSAVE.\r\n";
  private static final String KILLED = "-ERR Script killed by user with SCRIPT KILL... script: ";
  private static final String UNKILLABLE =
      "-UNKILLABLE Sorry the script already executed write commands against the dataset. You can"
          + " either wait the script termination or kill the server in a hard way using the"
          + " SHUTDOWN NOSAVE command.\r\n";
  private static final String FOR_EVER = "while true do end";

  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private Spinel spinel;

  private void start(int loops) {
    spinel = Spinel.start(log, "event-loops", "" + loops, "busy-reply-threshold", "1");
  }

  @AfterEach
  void stop() {
    spinel.close();
    assertThat(log()).doesNotContain("A bug");
  }

  private String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  private RawPeer peer() throws IOException {
    return new RawPeer(spinel.port(), 2);
  }

  /// Waits until this client is told that a script takes long.
  private static void awaitBusy(RawPeer peer) {
    await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(5))
        .until(() -> peer.ask("PING").startsWith("-BUSY"));
  }

  /// One client runs a script, another kills it once it takes long.
  private static void runAndKill(RawPeer slow, RawPeer other, String script) throws IOException {
    slow.send("EVAL", script, "0");
    awaitBusy(other);
    assertThat(other.ask("SCRIPT", "KILL")).isEqualTo("+OK\r\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void whoTakesLongIsToldAndCanBeKilled(int loops) throws IOException {
    start(loops);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      assertThat(other.ask("SCRIPT", "KILL"))
          .isEqualTo("-NOTBUSY No scripts in execution right now.\r\n");
      slow.send("EVAL", FOR_EVER, "0");
      awaitBusy(other);
      assertThat(other.ask("GET", "key")).isEqualTo(BUSY);
      assertThat(other.ask("EVAL", "return 1", "0")).isEqualTo(BUSY);
      assertThat(other.ask("FUNCTION", "KILL")).isEqualTo(BUSY);
      assertThat(other.ask("FUNCTION", "STATS")).isEqualTo(BUSY);
      try (RawPeer late = peer()) {
        assertThat(late.ask("DBSIZE")).isEqualTo(BUSY);
      }
      assertThat(other.ask("SCRIPT", "KILL")).isEqualTo("+OK\r\n");
      assertThat(slow.read("")).startsWith(KILLED).endsWith(", on @user_script:1.\r\n");
      assertThat(slow.ask("PING")).isEqualTo("+PONG\r\n");
      assertThat(other.ask("PING")).isEqualTo("+PONG\r\n");
      assertThat(log())
          .contains("# Slow script detected: still in execution after ")
          .contains(
              " milliseconds. You can try killing the script using the SCRIPT KILL command. Script"
                  + " name is: ")
          .contains("* Lua script killed by user with SCRIPT KILL.");
    }
  }

  /// Whatever a script does, SCRIPT KILL ends it.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) end while true do f() end",
        "while true do redis.pcall('get', 'x') end",
        "while true do redis.sha1hex(('x'):rep(1000000)) end",
        "coroutine.wrap(function() while true do end end)()",
        "return setmetatable({}, {__index = function(t) while true do end end}).x",
        "('x'):rep(100000):gsub('.', function() while true do end end)",
        "local s = ('a'):rep(1000000) while true do s:find(('a'):rep(1000) .. 'b', 1, true) end",
        "local t = {} for i = 1, 60 do t = {t, t} end while true do pcall(cjson.encode, t) end",
        "for i = 1, 1e300 do loadstring('return ' .. i)() end",
        "error(setmetatable({}, {__index = function() while true do end end}))",
        "return setmetatable({err = 'x'}, {__index = function() while true do end end})",
      })
  void nothingEscapesTheKill(String script) throws IOException {
    start(1);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      runAndKill(slow, other, script);
      assertThat(slow.read("")).as(script).startsWith(KILLED);
      assertThat(slow.ask("PING")).isEqualTo("+PONG\r\n");
    }
  }

  /// Nor does a function escape FUNCTION KILL: of a library, by its name, within EXEC.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(error, setmetatable({}, {__tostring = function() error('x') end}))"
            + " end",
        "local function f() return pcall(f) end while true do f() end",
        "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "while true do redis.pcall('get', keys[1]) end",
        "while true do redis.pcall('nosuchcommand') end",
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true"
            + " do co() end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "table.sort({3, 2, 1, 5, 4}, function(a, b) while true do end end)",
        "('x'):rep(100):gsub('.', function() pcall(function() while true do end end) end)",
        "local s = ('a'):rep(40) while true do s:find(('a*'):rep(20) .. 'b') end",
        "while true do cmsgpack.pack({1, {2}}) cjson.encode({1, {2}}) end",
        "for i = 1, 1e300 do loadstring('return ' .. i)() end",
      })
  void nothingEscapesTheKillOfAFunction(String body) throws IOException {
    start(2);
    String library =
        "#!lua name=slow\nredis.register_function('f', function(keys, args) " + body + " end)";
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      assertThat(slow.ask("FUNCTION", "LOAD", library)).contains("slow");
      slow.ask("MULTI");
      slow.ask("FCALL", "f", "1", "key");
      slow.ask("PING");
      slow.send("EXEC");
      awaitBusy(other);
      assertThat(other.ask("FUNCTION", "KILL")).isEqualTo("+OK\r\n");
      assertThat(slow.read("")).startsWith("*2\r\n" + KILLED).endsWith("\r\n+PONG\r\n");
      slow.send("FCALL", "f", "1", "key");
      awaitBusy(other);
      assertThat(other.ask("FUNCTION", "DELETE", "slow")).isEqualTo(BUSY_FUNCTION);
      assertThat(other.ask("FUNCTION", "KILL")).isEqualTo("+OK\r\n");
      assertThat(slow.read("")).startsWith(KILLED + "f");
      assertThat(other.ask("FUNCTION", "DELETE", "slow")).isEqualTo("+OK\r\n");
    }
  }

  /// A reply of 2⁶⁰ values: of a part that has been written nothing is sent, so the connection
  /// ends.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "local t = {} for i = 1, 60 do t = {t, t} end return t",
        "local t = {} for i = 1, 60 do t = {map = {a = t, b = t}} end return t",
        "local t = 1 for i = 1, 60 do t = {set = {[{t}] = 1, [{t, 1}] = 1}} end return t",
      })
  void whoRepliesForEverCanBeKilled(String script) throws IOException {
    start(1);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      runAndKill(slow, other, script);
      assertThat(slow.read("")).isEqualTo("<closed>");
      assertThat(other.ask("PING")).isEqualTo("+PONG\r\n");
      assertThat(other.ask("EVAL", "return {1, {2}}", "0")).isEqualTo("*2\r\n:1\r\n*1\r\n:2\r\n");
    }
  }

  /// What is nested deeper than C's stack ends with an error where that does; lengths of 7.2.6.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "t.map = {a = t}|29368",
        "t.set = {[t] = 1}|10690",
        "t.map = {[t] = 1}|16048",
        "t[1] = {map = {a = t}}|30038",
      })
  void nestingOfRepliesIsBounded(String nest, int length) throws IOException {
    start(1);
    try (Socket socket = new Socket("127.0.0.1", spinel.port())) {
      String script = "local t = {} " + nest + " return t";
      String call = "*3\r\n$4\r\nEVAL\r\n$" + script.length() + "\r\n" + script + "\r\n$1\r\n0\r\n";
      socket.getOutputStream().write((call + "PING\r\n").getBytes(StandardCharsets.UTF_8));
      socket.setSoTimeout(30_000);
      byte[] reply = socket.getInputStream().readNBytes(length + "+PONG\r\n".length());
      assertThat(new String(reply, StandardCharsets.UTF_8))
          .contains("-ERR reached lua stack limit\r\n")
          .endsWith("\r\n+PONG\r\n");
    }
  }

  @Test
  void aTransactionGoesOnBehindAKilledScript() throws IOException {
    start(2);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      slow.ask("MULTI");
      slow.ask("SET", "before", "1");
      slow.ask("EVAL", FOR_EVER, "0");
      slow.ask("SET", "behind", "1");
      slow.send("EXEC");
      awaitBusy(other);
      assertThat(other.ask("SCRIPT", "KILL")).isEqualTo("+OK\r\n");
      assertThat(slow.read("")).startsWith("*3\r\n+OK\r\n" + KILLED).endsWith("\r\n+OK\r\n");
      assertThat(other.ask("EXISTS", "before", "behind")).isEqualTo(":2\r\n");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void whoHasWrittenIsEndedByTheEndOfTheServerOnly(int loops) throws IOException {
    start(loops);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      slow.send("EVAL", "redis.call('SET', KEYS[1], 1) " + FOR_EVER, "1", "key");
      awaitBusy(other);
      assertThat(other.ask("SCRIPT", "KILL")).isEqualTo(UNKILLABLE);
      assertThat(other.ask("FUNCTION", "KILL")).isEqualTo(UNKILLABLE);
      other.send("SHUTDOWN", "NOSAVE");
      assertThat(slow.read("")).isEqualTo("<closed>");
      assertThat(other.read("")).isEqualTo("<closed>");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void functionsAreToldOfAndKilled(int loops) throws IOException {
    start(loops);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      slow.ask(
          "FUNCTION",
          "LOAD",
          "#!lua name=mine\nredis.register_function('forever', function() while true do end end)");
      assertThat(other.ask("FUNCTION", "STATS")).startsWith("*4\r\n$14\r\nrunning_script\r\n$-1");
      slow.send("FCALL", "forever", "0", "arg");
      awaitBusy(other);
      assertThat(other.ask("GET", "key")).isEqualTo(BUSY_FUNCTION);
      assertThat(other.ask("SCRIPT", "KILL")).isEqualTo(BUSY_FUNCTION);
      assertThat(other.ask("FUNCTION", "STATS"))
          .startsWith(
              "*4\r\n"
                  + "$14\r\n"
                  + "running_script\r\n"
                  + "*6\r\n"
                  + "$4\r\n"
                  + "name\r\n"
                  + "$7\r\n"
                  + "forever\r\n"
                  + "$7\r\n"
                  + "command\r\n"
                  + "*4\r\n"
                  + "$5\r\n"
                  + "FCALL\r\n"
                  + "$7\r\n"
                  + "forever\r\n"
                  + "$1\r\n"
                  + "0\r\n"
                  + "$3\r\n"
                  + "arg\r\n"
                  + "$11\r\n"
                  + "duration_ms\r\n"
                  + ":");
      assertThat(other.ask("FUNCTION", "KILL")).isEqualTo("+OK\r\n");
      assertThat(slow.read("")).isEqualTo(KILLED + "forever, on @user_function:2.\r\n");
      assertThat(slow.ask("PING")).isEqualTo("+PONG\r\n");
      assertThat(log()).contains("using the FUNCTION KILL command. Script name is: forever.");
    }
  }

  @Test
  void theThresholdCanBeChangedByBothNames() throws IOException {
    start(2);
    try (RawPeer slow = peer();
        RawPeer other = peer()) {
      assertThat(other.ask("CONFIG", "SET", "lua-time-limit", "0")).isEqualTo("+OK\r\n");
      assertThat(other.ask("CONFIG", "GET", "busy-reply-threshold")).endsWith("$1\r\n0\r\n");
      String some = "for i = 1, 3e6 do end return redis.call('PING')";
      assertThat(slow.ask("EVAL", some, "0")).isEqualTo("+PONG\r\n");
      assertThat(log()).doesNotContain("Slow script");
      assertThat(other.ask("CONFIG", "SET", "busy-reply-threshold", "1")).isEqualTo("+OK\r\n");
      runAndKill(slow, other, FOR_EVER);
      assertThat(slow.read("")).startsWith(KILLED);
    }
  }
}
