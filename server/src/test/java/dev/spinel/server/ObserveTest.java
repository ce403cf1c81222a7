package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.engine.Command;
import dev.spinel.engine.Json;
import dev.spinel.engine.Later;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a server tells about itself and its clients: connections, configuration, INFO, DEBUG,
/// MEMORY, SLOWLOG.
class ObserveTest {
  private Fixture fixture;
  private LocalSession one;
  private LocalSession two;

  @BeforeEach
  void start() {
    fixture = new Fixture();
    one = fixture.session();
    two = fixture.session();
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  /// In our own words, but in Redis's form, and no subcommand is forgotten.
  @Test
  void helpNamesEverySubcommand() {
    for (String call :
        """
        ACL HELP
        CLIENT HELP
        COMMAND HELP
        CONFIG HELP
        FUNCTION HELP
        LATENCY HELP
        MEMORY HELP
        MODULE HELP
        OBJECT HELP
        PUBSUB HELP
        SCRIPT HELP
        SLOWLOG HELP
        XGROUP HELP
        XINFO HELP
        """
            .lines()
            .toList()) {
      String container = call.split(" ")[0];
      String reply = new String(one.run(call.split(" ")), UTF_8);
      List<String> lines = reply.lines().skip(1).toList();
      assertThat(lines.getFirst())
          .isEqualTo("+" + container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
      assertThat(lines).allMatch(line -> line.startsWith("+"), call);
      String all = String.join("\n", lines);
      Command of = fixture.server.engine.table.byName(container.toLowerCase(Locale.ROOT));
      for (Command row : of.subcommands()) {
        String name = row.name.substring(row.name.indexOf('|') + 1).toUpperCase(Locale.ROOT);
        assertThat(all).as(call).contains("+" + name);
      }
    }
  }

  @Test
  void memoryStatsAreThoseOfInfo() {
    String stats = text(one.run("MEMORY", "STATS"));
    for (String name : List.of("peak.allocated", "clients.normal", "cluster.links", "db.0")) {
      assertThat(stats.contains(name)).as(name).isEqualTo(!name.equals("db.0"));
    }
    say(one, "SET", "k", "v");
    assertThat(text(one.run("MEMORY", "STATS"))).contains("db.0", "overhead.hashtable.main");
  }

  // ── connections ──

  @Test
  void pingEchoesItsArgumentAndUnderResp2SubscribersGetAnArray() {
    assertThat(say(one, "PING")).isEqualTo("+PONG");
    assertThat(say(one, "PING", "hi")).isEqualTo("$2 hi");
    say(one, "SUBSCRIBE", "news");
    assertThat(say(one, "PING")).isEqualTo("*2 $4 pong $0");
  }

  @Test
  void whoTouchesNothingTouchesWithTouchOnly() {
    say(two, "SET", "k", "v");
    say(one, "CLIENT", "NO-TOUCH", "ON");
    fixture.clock.forward(1_000_000);
    say(one, "GET", "k");
    say(one, "APPEND", "k", "w");
    assertThat(say(two, "OBJECT", "IDLETIME", "k")).isEqualTo(":1000");
    say(one, "MULTI");
    say(one, "EXISTS", "k");
    say(one, "EXEC");
    say(one, "EVAL", "redis.call('TOUCH', KEYS[1]) redis.call('GET', KEYS[1])", "1", "k");
    assertThat(say(two, "OBJECT", "IDLETIME", "k")).isEqualTo(":1000");
    assertThat(say(one, "TOUCH", "k", "none")).isEqualTo(":1");
    assertThat(say(two, "OBJECT", "IDLETIME", "k")).isEqualTo(":0");
  }

  @Test
  void everyCommandOfRedisIsDeclared() throws IOException {
    Set<String> names = new TreeSet<>();
    for (Command command : fixture.server.engine.table) {
      if (!Later.isLater(command)) {
        names.add(command.name);
      }
    }
    try (InputStream in = Json.class.getResourceAsStream("/redis-7.2-commands.json")) {
      var redis = (Map<?, ?>) Json.parse(new String(in.readAllBytes(), UTF_8));
      assertThat(names).isEqualTo(redis.keySet());
    }
  }

  @Test
  void selectRefusesDatabasesThatAreNotThere() {
    assertThat(say(one, "SELECT", "15")).isEqualTo("+OK");
    assertThat(say(one, "SELECT", "16")).isEqualTo("-ERR DB index is out of range");
    assertThat(say(one, "SELECT", "99999999999"))
        .isEqualTo("-ERR value is out of range, value must between -2147483648 and 2147483647");
    assertThat(say(one, "SELECT", "x")).isEqualTo("-ERR value is not an integer or out of range");
  }

  @Test
  void aPasswordIsAskedOfThoseWhoComeLater() {
    assertThat(say(one, "AUTH", "x")).startsWith("-ERR AUTH <password> called without any");
    say(one, "CONFIG", "SET", "requirepass", "secret");
    LocalSession late = fixture.session();
    assertThat(say(late, "GET", "k")).isEqualTo("-NOAUTH Authentication required.");
    assertThat(say(late, "HELLO", "3")).startsWith("-NOAUTH HELLO must be called");
    assertThat(say(late, "AUTH", "wrong"))
        .isEqualTo("-WRONGPASS invalid username-password pair or user is disabled.");
    assertThat(say(late, "AUTH", "nobody", "secret")).startsWith("-WRONGPASS");
    assertThat(say(late, "AUTH", "default", "secret")).isEqualTo("+OK");
    assertThat(say(late, "GET", "k")).isEqualTo("$-1");
    assertThat(say(one, "GET", "k")).as("who was in stays in").isEqualTo("$-1");
    assertThat(say(late, "RESET")).isEqualTo("+RESET");
    assertThat(say(late, "GET", "k")).startsWith("-NOAUTH");
    say(one, "CONFIG", "SET", "requirepass", "");
  }

  @Test
  void helloSwitchesTheProtocolOfItsOwnReply() {
    assertThat(say(one, "HELLO", "3", "SETNAME", "me")).startsWith("%7 $6 server $5 redis");
    assertThat(say(one, "CLIENT", "GETNAME")).isEqualTo("$2 me");
    assertThat(say(one, "GET", "k")).isEqualTo("_");
    assertThat(say(one, "HELLO", "4")).isEqualTo("-NOPROTO unsupported protocol version");
    assertThat(say(one, "RESET")).isEqualTo("+RESET");
    assertThat(say(one, "GET", "k")).isEqualTo("$-1");
    assertThat(say(one, "CLIENT", "GETNAME")).isEqualTo("$-1");
  }

  @Test
  void repliesCanBeSwitchedOffAndOn() {
    assertThat(say(one, "CLIENT", "REPLY", "SKIP")).isEmpty();
    assertThat(say(one, "PING")).isEmpty();
    assertThat(say(one, "PING")).isEqualTo("+PONG");
    assertThat(say(one, "CLIENT", "REPLY", "OFF")).isEmpty();
    assertThat(say(one, "PING")).isEmpty();
    assertThat(say(one, "CLIENT", "REPLY", "ON")).isEqualTo("+OK");
    assertThat(say(one, "PING")).isEqualTo("+PONG");
  }

  @Test
  void clientListDescribesEverybodyInTheOrderOfComing() {
    say(one, "CLIENT", "SETNAME", "first");
    say(one, "CLIENT", "SETINFO", "LIB-NAME", "tests");
    say(two, "MULTI");
    say(two, "SET", "k", "v");
    String list = say(one, "CLIENT", "LIST");
    assertThat(list).contains(" name=first ", " cmd=client|list ", " lib-name=tests ");
    assertThat(list).contains("id=" + two.session().id + " ", " flags=x ", " multi=1 ");
    assertThat(list.indexOf("id=" + one.session().id + " "))
        .isLessThan(list.indexOf("id=" + two.session().id + " "));
    assertThat(say(one, "CLIENT", "LIST", "TYPE", "pubsub")).isEqualTo("$0");
    say(two, "DISCARD");
  }

  @Test
  void clientKillEndsOthersAndOneselfAfterTheReply() {
    assertThat(say(one, "CLIENT", "KILL", "ID", Long.toString(two.session().id))).isEqualTo(":1");
    assertThat(two.session().closing).isTrue();
    assertThat(say(one, "CLIENT", "KILL", "1.2.3.4:5")).isEqualTo("-ERR No such client");
    assertThat(say(one, "CLIENT", "KILL", "ID", Long.toString(one.session().id), "SKIPME", "no"))
        .isEqualTo(":1");
    assertThat(one.ended()).isTrue();
  }

  @Test
  void unblockEndsAWaitAndCountsItsError() {
    two.run("BLPOP", "list", "0");
    String id = Long.toString(two.session().id);
    assertThat(say(one, "CLIENT", "UNBLOCK", id, "ERROR")).isEqualTo(":1");
    assertThat(text(two.await(1000))).isEqualTo("-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assertThat(say(one, "INFO", "errorstats")).contains("errorstat_UNBLOCKED:count=1");
    assertThat(say(one, "CLIENT", "UNBLOCK", id)).isEqualTo(":0");
  }

  @Test
  void aMonitorSeesCommandsButNoSecretsUntilItIsReset() {
    assertThat(say(two, "MONITOR")).isEqualTo("+OK");
    assertThat(say(one, "CLIENT", "LIST")).contains(" flags=O ");
    say(one, "SET", "k", "a\"\n\u0001");
    say(one, "CONFIG", "GET", "hz");
    say(one, "HELLO", "2", "AUTH", "default", "secret");
    assertThat(text(two.await(1000)))
        .matches(
            "\\+\\d+\\.\\d{6} \\[0 127\\.0\\.0\\.1:0\\] \"SET\" \"k\" \"a\\\\\"\\\\n\\\\x01\""
                + " \\S+ \\S+ \\S+ \"HELLO\" \"2\" \"AUTH\" \"\\(redacted\\)\" \"\\(redacted\\)\"");
    assertThat(say(two, "RESET")).endsWith("+RESET");
    say(one, "GET", "k");
    assertThat(say(two, "PING")).isEqualTo("+PONG");
  }

  @Test
  void aMonitorSeesWhatRanAndNothingBefore() {
    assertThat(say(two, "MONITOR")).isEqualTo("+OK");
    say(one, "SELECT", "3");
    say(one, "MULTI");
    say(one, "PING");
    assertThat(text(two.run())).contains("[3 ", "\"MULTI\"").doesNotContain("PING");
    say(one, "EXEC");
    assertThat(text(two.run())).containsSubsequence("\"PING\"", "\"EXEC\"");
    assertThat(say(two, "GET", "k")).isEqualTo("-ERR Replica can't interact with the keyspace");
    assertThat(say(two, "MONITOR")).as("said again").isEmpty();
    assertThat(say(two, "PING")).startsWith("+PONG +").endsWith("\"PING\"");
    assertThat(say(two, "RESET")).isEqualTo("+RESET");
    assertThat(say(two, "GET", "k")).isEqualTo("$-1");
  }

  // ── configuration ──

  @Test
  void configSetsAllOrNothing() {
    assertThat(say(one, "CONFIG", "SET", "hz", "20", "maxmemory", "x"))
        .startsWith("-ERR CONFIG SET failed (possibly related to argument 'maxmemory')");
    assertThat(say(one, "CONFIG", "GET", "hz")).isEqualTo("*2 $2 hz $2 10");
    assertThat(say(one, "CONFIG", "SET", "hz", "20", "maxmemory", "1mb")).isEqualTo("+OK");
    assertThat(say(one, "CONFIG", "GET", "hz", "maxmemory"))
        .contains("$2 hz $2 20", "$9 maxmemory $7 1048576");
    assertThat(say(one, "CONFIG", "SET", "hz")).startsWith("-ERR wrong number of arguments");
    assertThat(say(one, "CONFIG", "REWRITE"))
        .isEqualTo("-ERR The server is running without a config file");
  }

  /// Programs that set all that CONFIG GET tells know which of Redis's settings can't be set.
  @Test
  void ourOwnFixedSettingsCanBeSetToWhatTheyAre() {
    for (String name : List.of("event-loops", "io-transport")) {
      String value = say(one, "CONFIG", "GET", name);
      value = value.substring(value.lastIndexOf(' ') + 1);
      assertThat(say(one, "CONFIG", "SET", name, value)).isEqualTo("+OK");
    }
    assertThat(say(one, "CONFIG", "SET", "event-loops", "77"))
        .endsWith("'event-loops') - can't set immutable config");
    assertThat(say(one, "CONFIG", "SET", "databases", "16"))
        .endsWith("'databases') - can't set immutable config");
  }

  // ── INFO ──

  @Test
  void infoHasTheSectionsThatAreAskedFor() {
    say(one, "SET", "a", "1");
    say(one, "SET", "b", "1", "EX", "100");
    assertThat(say(one, "INFO", "keyspace"))
        .contains("# Keyspace db0:keys=2,expires=1,avg_ttl=0")
        .doesNotContain("# Server");
    assertThat(say(one, "INFO"))
        .contains("# Server redis_version:7.2.6", "# CPU", "# Keyspace")
        .doesNotContain("# Commandstats");
    assertThat(say(one, "INFO", "all"))
        .contains("# Commandstats", "cmdstat_set:calls=2,")
        .doesNotContain("# Debug");
    assertThat(say(one, "INFO", "debug")).contains("# Debug eventloop_duration_aof_sum:0 ");
    assertThat(say(one, "INFO", "nothing")).isEqualTo("$0");
  }

  @Test
  void infoHasAllFieldsOfRedisInItsOrder(@TempDir Path directory) throws Exception {
    List<String> redis;
    try (RealRedis real = RealRedis.ready(directory)) {
      Assumptions.assumeTrue(real.isSeven2());
      redis = names((String) real.call("INFO"));
    }
    List<String> ours = names(new String(one.run("INFO"), UTF_8));
    assertThat(redis).contains("# Server", "pubsub_channels", "# Cluster");
    ours.retainAll(redis);
    assertThat(ours).isEqualTo(redis);
  }

  /// The headings and the names of fields. A listener's number depends on the listeners.
  private static List<String> names(String info) {
    List<String> names = new ArrayList<>();
    for (String line : info.split("\r?\n")) {
      int colon = line.indexOf(':');
      if (!line.startsWith("listener") && (colon > 0 || line.startsWith("#"))) {
        names.add(colon > 0 ? line.substring(0, colon) : line);
      }
    }
    return names;
  }

  @Test
  void infoCountsHitsAndErrorsUntilTheyAreReset() {
    say(one, "GET", "none");
    say(one, "SET", "a", "1");
    say(one, "GET", "a");
    say(one, "LPUSH", "a", "x");
    say(one, "NOSUCH");
    assertThat(say(one, "INFO", "stats"))
        .contains("keyspace_hits:1", "keyspace_misses:1", "total_error_replies:2");
    assertThat(say(one, "INFO", "errorstats"))
        .contains("errorstat_ERR:count=1", "errorstat_WRONGTYPE:count=1");
    assertThat(say(one, "CONFIG", "RESETSTAT")).isEqualTo("+OK");
    assertThat(say(one, "INFO", "stats"))
        .contains("keyspace_hits:0", "keyspace_misses:0", "total_error_replies:0");
    say(one, "OBJECT", "ENCODING", "a");
    say(one, "OBJECT", "IDLETIME", "a");
    say(one, "OBJECT", "ENCODING", "none");
    assertThat(say(one, "INFO", "stats")).contains("keyspace_hits:2", "keyspace_misses:1");
  }

  @Test
  void whatIsFreedInTheBackgroundIsCounted() {
    say(one, "SET", "small", "1");
    say(one, "DEL", "small");
    say(one, "EVAL", "for i = 1, 1000 do redis.call('SADD', KEYS[1], i .. 'x') end", "1", "s");
    say(one, "UNLINK", "s");
    await()
        .untilAsserted(
            () -> assertThat(say(one, "INFO", "memory")).contains("lazyfreed_objects:1 "));
    say(one, "MSET", "a", "1", "b", "2", "c", "3");
    say(one, "FLUSHALL", "ASYNC");
    await()
        .untilAsserted(
            () -> assertThat(say(one, "INFO", "memory")).contains("lazyfreed_objects:4 "));
    say(one, "CONFIG", "RESETSTAT");
    assertThat(say(one, "INFO", "memory")).contains("lazyfreed_objects:0 ");
  }

  @Test
  void wrongPasswordsAreCounted() {
    say(one, "CONFIG", "SET", "requirepass", "secret");
    say(two, "AUTH", "wrong");
    say(two, "HELLO", "3", "AUTH", "nobody", "secret");
    say(two, "AUTH", "secret");
    assertThat(say(one, "INFO", "stats")).contains("acl_access_denied_auth:2");
    say(one, "CONFIG", "RESETSTAT");
    assertThat(say(one, "INFO", "stats")).contains("acl_access_denied_auth:2"); // as in Redis
  }

  @Test
  void whatLibrariesAskFirstIsAnsweredAsByAServerThatStandsAlone() {
    assertThat(say(one, "ROLE")).isEqualTo("*3 $6 master :0 *0");
    assertThat(say(one, "ACL", "WHOAMI")).isEqualTo("$7 default");
    assertThat(say(one, "MODULE", "LIST")).isEqualTo("*0");
    assertThat(say(one, "LATENCY", "LATEST")).isEqualTo("*0");
    for (String[] asked :
        new String[][] {
          {"CLUSTER", "INFO"}, {"CLUSTER", "NODES"}, {"READONLY"}, {"READWRITE"}, {"ASKING"}
        }) {
      assertThat(say(one, asked)).isEqualTo("-ERR This instance has cluster support disabled");
    }
  }

  @Test
  void clientUnblockTakesNoFurtherArguments() {
    assertThat(say(one, "CLIENT", "UNBLOCK", "1", "TIMEOUT", "x"))
        .isEqualTo(
            "-ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.");
  }

  @Test
  void usedMemoryIsTheHeapsAccount() {
    String before = say(one, "INFO", "memory");
    say(one, "SET", "a", "x".repeat(10_000));
    String after = say(one, "INFO", "memory");
    assertThat(field(after, "used_memory") - field(before, "used_memory"))
        .isBetween(10_000L, 20_000L);
    long usage = Long.parseLong(say(one, "MEMORY", "USAGE", "a").substring(1));
    assertThat(usage).isBetween(10_000L, 16_000L);
    assertThat(say(one, "MEMORY", "USAGE", "none")).isEqualTo("$-1");
    assertThat(say(one, "MEMORY", "USAGE", "a", "SAMPLES", "-1")).isEqualTo("-ERR syntax error");
  }

  private static long field(String info, String name) {
    int at = info.indexOf(" " + name + ":") + name.length() + 2;
    return Long.parseLong(info.substring(at, info.indexOf(' ', at)));
  }

  // ── DEBUG ──

  /// The digests are a real server's.
  @Test
  void digestsAreThoseOfARealServer() {
    assertThat(say(one, "DEBUG", "DIGEST")).isEqualTo("+0000000000000000000000000000000000000000");
    say(one, "SET", "string", "hello");
    assertThat(say(one, "DEBUG", "DIGEST")).isEqualTo("+5810154f60f9822e400113c9a757dbc3b9098989");
    say(one, "SET", "number", "12345");
    say(one, "RPUSH", "list", "a", "1", "bc");
    assertThat(say(one, "DEBUG", "DIGEST")).isEqualTo("+14a79f70b86503ef1a70eb90bc6763cbc1cf51d2");
    say(one, "HSET", "hash", "f1", "v1", "f2", "2");
    assertThat(say(one, "DEBUG", "DIGEST")).isEqualTo("+8e76ed6142a99792a29e9c98b06c02a2bc1f8be6");
    say(one, "SET", "later", "x", "EX", "1000");
    say(one, "SELECT", "3");
    say(one, "SET", "other", "y");
    assertThat(say(one, "DEBUG", "DIGEST")).isEqualTo("+579f89b25d900d452faa46458949179eb0813563");
    say(one, "SELECT", "0");
    assertThat(say(one, "DEBUG", "DIGEST-VALUE", "list", "hash", "none"))
        .isEqualTo(
            "*3 +c47db8c0fc73b1d62407428a5456d00abc93092f"
                + " +fc076e867f7dbf566ea58172a151d82d78b8f845"
                + " +0000000000000000000000000000000000000000");
  }

  @Test
  void debugIsRefusedUnlessAllowed() {
    try (Fixture other = new Fixture("enable-debug-command", "no")) {
      assertThat(say(other.session(), "DEBUG", "DIGEST"))
          .startsWith("-ERR DEBUG command not allowed. If the enable-debug-command option is set");
    }
  }

  @Test
  void debugObjectTellsHowAValueIsKept() {
    say(one, "RPUSH", "l", "a", "b");
    say(one, "CONFIG", "SET", "list-max-listpack-size", "1");
    say(one, "RPUSH", "q", "a", "b");
    assertThat(say(one, "DEBUG", "OBJECT", "l"))
        .contains(" refcount:1 encoding:listpack serializedlength:", " lru_seconds_idle:0")
        .doesNotContain("ql_nodes");
    assertThat(say(one, "DEBUG", "OBJECT", "q"))
        .contains(" encoding:quicklist ", " ql_nodes:2 ql_avg_node:1.00 ql_listpack_max:1 ");
    assertThat(say(one, "DEBUG", "OBJECT", "none")).isEqualTo("-ERR no such key");
  }

  @Test
  void debugProtocolShowsEachTypeInBothProtocols() {
    assertThat(say(one, "DEBUG", "PROTOCOL", "double")).isEqualTo("$5 3.141");
    assertThat(say(one, "DEBUG", "PROTOCOL", "push"))
        .isEqualTo("-ERR RESP2 is not supported by this command");
    say(one, "HELLO", "3");
    assertThat(say(one, "DEBUG", "PROTOCOL", "double")).isEqualTo(",3.141");
    assertThat(say(one, "DEBUG", "PROTOCOL", "map")).isEqualTo("%3 :0 #f :1 #t :2 #f");
    assertThat(say(one, "DEBUG", "PROTOCOL", "push"))
        .startsWith(">2 $16 server-cpu-usage :42 $40 Some real reply");
  }

  // ── SLOWLOG ──

  @Test
  void theSlowLogKeepsCommandsAboveTheThresholdButNoSecrets() {
    say(one, "CONFIG", "SET", "slowlog-log-slower-than", "0");
    say(one, "SLOWLOG", "RESET");
    say(one, "CONFIG", "SET", "requirepass", "secret");
    say(one, "AUTH", "secret");
    say(one, "SET", "k", "x".repeat(200));
    say(one, "CONFIG", "SET", "slowlog-log-slower-than", "-1");
    say(one, "CONFIG", "SET", "requirepass", "");
    String log = say(one, "SLOWLOG", "GET", "-1");
    assertThat(log).doesNotContain("secret");
    assertThat(log).contains("$11 requirepass $10 (redacted)", "$4 AUTH $10 (redacted)");
    assertThat(log).contains("x".repeat(128) + "... (72 more bytes)");
    assertThat(say(one, "SLOWLOG", "LEN")).isEqualTo(":4");
    say(one, "SLOWLOG", "RESET");
    assertThat(say(one, "SLOWLOG", "LEN")).isEqualTo(":0");
    assertThat(say(one, "SLOWLOG", "GET", "-2"))
        .isEqualTo("-ERR count should be greater than or equal to -1");
  }

  @Test
  void theSlowLogForgetsTheOldest() {
    say(one, "CONFIG", "SET", "slowlog-max-len", "3", "slowlog-log-slower-than", "0");
    for (int i = 0; i < 10; i++) {
      say(one, "PING");
    }
    assertThat(say(one, "SLOWLOG", "LEN")).isEqualTo(":3");
  }

  // ── the end ──

  @Test
  void shutdownRefusesWhatMakesNoSense() {
    assertThat(say(one, "SHUTDOWN", "NOSAVE", "SAVE")).isEqualTo("-ERR syntax error");
    assertThat(say(one, "SHUTDOWN", "ABORT")).isEqualTo("-ERR No shutdown in progress.");
  }

  @Test
  void shutdownEndsTheWaitForItWithoutAReply() throws InterruptedException {
    assertThat(say(one, "SHUTDOWN", "NOSAVE")).isEmpty();
    assertThat(one.ended()).isTrue();
    fixture.server.awaitStop();
  }
}
