package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.persist.SystemDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Libraries of functions, and what scripts write, wherever data goes: into files and back, to
/// replicas of either kind as they sync and afterwards.
class FunctionsTest extends ReplicationFixture {
  private static String library(String name, String reply) {
    return "#!lua name=%s\nredis.register_function{function_name='%s_f', callback=function() return '%s' end, flags={'no-writes'}}"
        .formatted(name, name, reply);
  }

  private static void load(Node node, String name, String reply) throws IOException {
    assertThat(node.call("FUNCTION", "LOAD", "REPLACE", library(name, reply))).isEqualTo(name);
  }

  private static String libraries(Node node) throws IOException {
    List<?> all = (List<?>) node.call("FUNCTION", "LIST", "WITHCODE");
    return all.stream().map(String::valueOf).sorted().toList().toString();
  }

  // ── files ──

  /// With what is in the file of a rewrite, and with what comes behind it.
  @ParameterizedTest
  @CsvSource({"no, yes", "yes, yes", "yes, no"})
  void theyAreThereAfterARestart(String appendOnly, String preamble) throws Exception {
    Path dir = Files.createDirectory(folder.resolve("data"));
    String[] settings = {
      "appendonly", appendOnly, "aof-use-rdb-preamble", preamble, "appendfsync", "always"
    };
    String before;
    try (Ours server = new Ours(dir, new SystemDisk(), settings)) {
      load(server, "one", "first");
      load(server, "two", "second");
      load(server, "gone", "third");
      if (appendOnly.equals("yes")) {
        server.call("BGREWRITEAOF");
        eventually(
            () -> assertThat(server.info("persistence", "aof_rewrite_in_progress")).isEqualTo("0"));
      }
      load(server, "one", "another");
      server.call("FUNCTION", "DELETE", "gone");
      load(server, "last", "fourth");
      before = libraries(server);
      if (appendOnly.equals("no")) {
        server.call("SAVE");
      }
    }
    Ours again = oursIn(dir, settings);
    assertThat(libraries(again)).isEqualTo(before).contains("another").doesNotContain("gone");
    assertThat(again.call("FCALL_RO", "one_f", "0")).isEqualTo("another");
    assertThat(again.call("FCALL", "last_f", "0")).isEqualTo("fourth");
    again.call("FUNCTION", "FLUSH");
    again.call("DEBUG", appendOnly.equals("yes") ? "LOADAOF" : "RELOAD");
    assertThat(libraries(again)).isEqualTo("[]");
  }

  // ── replicas ──

  private Node node(String kind) throws Exception {
    if (kind.equals("ours")) return ours();
    assumeTrue(RealRedis.binary() != null, "no redis-server");
    return real();
  }

  @ParameterizedTest
  @CsvSource({"ours, ours", "ours, real", "real, ours"})
  void theyFollow(String primaryKind, String replicaKind) throws Exception {
    Node primary = node(primaryKind);
    Node replica = node(replicaKind);
    load(replica, "stale", "of the replica");
    load(primary, "one", "first");
    load(primary, "two", "second");
    follow(replica, primary);
    assertThat(libraries(replica)).isEqualTo(libraries(primary)).contains("first");

    load(primary, "one", "another");
    primary.call("FUNCTION", "DELETE", "two");
    load(primary, "three", "third");
    agree(primary, replica);
    assertThat(libraries(replica)).isEqualTo(libraries(primary)).contains("another");
    assertThat(replica.call("FCALL_RO", "three_f", "0")).isEqualTo("third");

    primary.call("FUNCTION", "FLUSH");
    agree(primary, replica);
    assertThat(libraries(replica)).isEqualTo("[]");
  }

  /// A payload of the one is the other's.
  @Test
  void theyAreRestoredFromWhatTheOtherDumps() throws Exception {
    Node ours = node("ours");
    Node real = node("real");
    load(ours, "one", "first");
    load(ours, "two", "second");
    String payload = String.valueOf(ours.call("FUNCTION", "DUMP"));
    assertThat(real.call("FUNCTION", "RESTORE", payload)).isEqualTo("OK");
    assertThat(libraries(real)).isEqualTo(libraries(ours));
    ours.call("FUNCTION", "FLUSH");
    String back = String.valueOf(real.call("FUNCTION", "DUMP"));
    assertThat(ours.call("FUNCTION", "RESTORE", back, "FLUSH")).isEqualTo("OK");
    assertThat(libraries(ours)).isEqualTo(libraries(real));
  }

  // ── what scripts write ──

  /// Replicas get the effects: none of these scripts would do the same a second time.
  @ParameterizedTest
  @CsvSource({"ours, ours", "ours, real", "real, ours"})
  void whatScriptsWriteArrivesAsItWas(String primaryKind, String replicaKind) throws Exception {
    Node primary = node(primaryKind);
    Node replica = node(replicaKind);
    primary.call("SADD", "set", "a", "b", "c", "d", "e", "f");
    follow(replica, primary);
    for (int i = 0; i < 20; i++) {
      String key = "{s}" + i;
      eval(primary, "redis.call('SET', KEYS[1], redis.call('TIME')[2])", key);
      eval(primary, "redis.call('APPEND', KEYS[1], redis.call('GET', KEYS[1]))", key);
      eval(
          primary, "redis.call('SET', KEYS[1], 'x', 'PX', math.random(100000, 200000))", "{p}" + i);
      eval(primary, "redis.call('RPUSH', KEYS[1], redis.call('SRANDMEMBER', 'set'))", "list");
      eval(primary, "redis.call('INCRBYFLOAT', KEYS[1], '1.1') redis.call('INCR', 'n')", "float");
      eval(primary, "redis.call('INCR', KEYS[1]) error('in the middle')", "half done");
      eval(primary, "redis.pcall('INCR', 'set') redis.call('INCR', KEYS[1])", "after an error");
      eval(primary, "for i = 1, 50 do redis.call('XADD', KEYS[1], '*', 'i', i) end", "stream");
    }
    eval(primary, "redis.call('SPOP', KEYS[1], 2)", "set");
    primary.call("MULTI");
    eval(primary, "redis.call('SET', KEYS[1], math.random())", "in a transaction");
    primary.call("EXEC");
    agree(primary, replica);
    assertThat(replica.call("GET", "half done")).isEqualTo("20");
    assertThat(replica.call("XLEN", "stream")).isEqualTo("1000");
  }

  /// What a script says isn't for replicas doesn't get there.
  @Test
  void whatAScriptKeepsForItselfStaysThere() throws Exception {
    Ours primary = ours();
    Ours replica = ours();
    follow(replica, primary);
    eval(
        primary,
        "redis.set_repl(redis.REPL_NONE) redis.call('SET', KEYS[1], 1)"
            + " redis.set_repl(redis.REPL_ALL) redis.call('SET', KEYS[2], 2)",
        "{k}kept",
        "{k}sent");
    eventually(() -> assertThat(replica.call("GET", "{k}sent")).isEqualTo("2"));
    assertThat(replica.call("EXISTS", "{k}kept")).isEqualTo("0");
    assertThat(primary.call("GET", "{k}kept")).isEqualTo("1");
  }

  private static void eval(Node node, String script, String... keys) throws IOException {
    String[] command = new String[3 + keys.length];
    command[0] = "EVAL";
    command[1] = script;
    command[2] = Integer.toString(keys.length);
    System.arraycopy(keys, 0, command, 3, keys.length);
    node.call(command);
  }
}
