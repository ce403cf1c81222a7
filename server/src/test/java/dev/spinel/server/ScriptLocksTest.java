package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.engine.Clock;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Scripts on several threads: side by side where their keys have nothing to do with each other,
/// and one after the other where they have, beside plain commands and transactions.
@Timeout(120)
class ScriptLocksTest {
  /// Runs until somebody listens to the channel, though not for ever, and says whether somebody
  /// does. Meanwhile its key is 1, at last 2.
  private static final String WAITS =
      """
      redis.call('SET', key, 1)
      local answer = 'alone'
      for i = 1, 10000000 do
        if redis.call('PUBSUB', 'NUMSUB', channel)[2] > 0 then answer = 'heard' break end
      end
      redis.call('SET', key, 2)
      return answer
      """;

  private static final String SCRIPT = "local key, channel = KEYS[1], ARGV[1]\n" + WAITS;

  private static final String LIBRARY =
      """
      #!lua name=mixed
      redis.register_function('waits', function(keys, args)
        local key, channel = keys[1], args[1]
        %s end)
      redis.register_function('flushes', function() return redis.call('FLUSHALL') end)
      """
          .formatted(WAITS.replace("return answer", "do return answer end"));

  private static final String GET = "return redis.call('GET', KEYS[1])";

  private static String[] call(String kind, String key, String channel) {
    return kind.equals("EVAL")
        ? new String[] {"EVAL", SCRIPT, "1", key, channel}
        : new String[] {"FCALL", "waits", "1", key, channel};
  }

  private static String reply(LocalSession session, String... words) {
    byte[] reply = session.run(words);
    return Fixture.text(reply.length > 0 ? reply : session.await(30_000));
  }

  /// Of a library two functions never run at once, so there the other one is a script, too.
  @ParameterizedTest
  @ValueSource(strings = {"EVAL", "FCALL"})
  void whatHasNothingToDoWithItGoesOnBesideAScript(String kind) throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession runs = fixture.session();
      LocalSession goesOn = fixture.session();
      LocalSession listener = fixture.session();
      say(runs, "CONFIG", "SET", "busy-reply-threshold", "0"); // it may take long
      say(runs, "FUNCTION", "LOAD", LIBRARY);
      say(listener, "SUBSCRIBE", "first");
      assertThat(say(runs, call(kind, "{a}", "first"))).isEqualTo("$5 heard");
      assertThat(say(runs, call("EVAL", "{a}", "first"))).isEqualTo("$5 heard");
      List<String> heard = new ArrayList<>();
      Crowd crowd = new Crowd().start(() -> heard.add(say(runs, call(kind, "{a}", "second"))));
      awaitRunning(fixture);

      assertThat(say(goesOn, "SET", "{b}", "x")).isEqualTo("+OK");
      assertThat(say(goesOn, "MGET", "{b}", "{c}")).isEqualTo("*2 $1 x $-1");
      assertThat(say(goesOn, call("EVAL", "{b}", "first"))).isEqualTo("$5 heard");
      say(goesOn, "MULTI");
      say(goesOn, "INCR", "{b}");
      assertThat(say(goesOn, "EXEC")).isEqualTo("*1 :3");
      assertThat(heard).isEmpty();
      say(listener, "SUBSCRIBE", "second");
      crowd.join();
      assertThat(heard).containsExactly("$5 heard");
    }
  }

  /// Until a script holds the lock of `{a}`: it can't be seen in the data before it ends.
  private static void awaitRunning(Fixture fixture) {
    int slot = KeySlot.of(Slice.of("{a}"));
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(2))
        .until(() -> fixture.server.engine.keyspace.slots().owner(slot) != 0);
  }

  /// Each of them sees what a script leaves, never what it has written on its way.
  @ParameterizedTest
  @ValueSource(strings = {"EVAL", "FCALL"})
  void whoSharesItsKeysComesBehindIt(String kind) throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession runs = fixture.session();
      LocalSession listener = fixture.session();
      say(runs, "CONFIG", "SET", "busy-reply-threshold", "0"); // it may take long
      say(runs, "FUNCTION", "LOAD", LIBRARY);
      say(listener, "SUBSCRIBE", "first");
      assertThat(say(runs, call(kind, "{a}", "first"))).isEqualTo("$5 heard");
      say(runs, "EVAL", GET, "1", "{b}");
      Crowd crowd =
          new Crowd()
              .start(() -> assertThat(say(runs, call(kind, "{a}", "second"))).contains("heard"));
      awaitRunning(fixture);
      List<List<String>> others =
          List.of(
              List.of("GET", "{a}"),
              List.of("MGET", "{b}", "{a}", "{c}"),
              List.of("EVAL", GET, "1", "{a}"),
              List.of("EVAL_RO", GET, "2", "{a}", "{c}"),
              List.of("KEYS", "*"),
              List.of("DBSIZE"));
      for (List<String> other : others) {
        LocalSession session = fixture.session();
        crowd.start(
            () ->
                assertThat(reply(session, other.toArray(String[]::new)))
                    .doesNotContain("$1 1")
                    .doesNotStartWith("-"));
      }
      LocalSession transaction = fixture.session();
      crowd.start(
          () -> {
            say(transaction, "MULTI");
            say(transaction, "GET", "{a}");
            say(transaction, "SET", "{d}", "x");
            assertThat(reply(transaction, "EXEC")).isEqualTo("*2 $1 2 +OK");
          });
      say(listener, "SUBSCRIBE", "second");
      crowd.join();
      assertThat(say(runs, "GET", "{a}")).isEqualTo("$1 2");
    }
  }

  private static final int ACCOUNTS = 9;
  private static final int THREADS = 4;
  private static final int ROUNDS = 400;

  private static final String TRANSFER =
      """
      redis.call('DECRBY', from, amount)
      redis.call('INCRBY', to, amount)
      """;

  private static final String SUM =
      """
      local sum = 0
      for i = 0, %d do sum = sum + redis.call('GET', '%%s' .. i) end
      return sum
      """
          .formatted(ACCOUNTS - 1);

  private static final String BANK =
      """
      #!lua name=bank
      local function sum(keys)
        local sum = 0
        for i = 1, #keys do sum = sum + redis.call('GET', keys[i]) end
        return sum
      end
      redis.register_function('transfer', function(keys, args)
        local from, to, amount = keys[1], keys[2], args[1]
        %s end)
      redis.register_function('stray', function(keys, args)
        local from, to, amount = keys[1], args[2], args[1]
        %s end)
      redis.register_function{function_name = 'sum', callback = sum, flags = {'no-writes'}}
      """
          .formatted(TRANSFER, TRANSFER);

  /// Money goes from account to account by scripts, functions, transactions and plain commands that
  /// name all their keys, or don't; whoever looks at all accounts sees all of it.
  @Test
  void nobodySeesHalfAScript() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession teller = fixture.session();
      assertThat(say(teller, "FUNCTION", "LOAD", BANK)).isEqualTo("$4 bank");
      List<String> sum = new ArrayList<>(List.of("FCALL_RO", "sum", "" + ACCOUNTS));
      for (int i = 0; i < ACCOUNTS; i++) {
        say(teller, "SET", "account:" + i, "1000");
        sum.add("account:" + i);
      }
      String total = ":" + ACCOUNTS * 1000;
      Crowd crowd = new Crowd();
      for (int i = 0; i < THREADS; i++) {
        LocalSession session = fixture.session();
        Random random = new Random(7 + i);
        crowd.start(
            () -> {
              for (int round = 0; round < ROUNDS; round++) {
                transfer(session, random);
                if (random.nextInt(8) == 0) {
                  assertThat(reply(session, sum.toArray(String[]::new))).isEqualTo(total);
                }
              }
            });
      }
      crowd.join();
      assertThat(say(teller, sum.toArray(String[]::new))).isEqualTo(total);
    }
  }

  private static void transfer(LocalSession session, Random random) {
    String from = "account:" + random.nextInt(ACCOUNTS);
    String to = "account:" + random.nextInt(ACCOUNTS);
    String amount = Integer.toString(random.nextInt(50));
    String declared = "local from, to, amount = KEYS[1], KEYS[2], ARGV[1]\n" + TRANSFER;
    String reply =
        switch (random.nextInt(8)) {
          case 0, 1 -> reply(session, "EVAL", declared, "2", from, to, amount);
          case 2 -> reply(session, "FCALL", "transfer", "2", from, to, amount);
          case 3 -> reply(session, "FCALL", "stray", "1", from, amount, to);
          case 4 ->
              reply(
                  session,
                  "EVAL",
                  "local from, to, amount = ARGV[1], ARGV[2], ARGV[3]\n" + TRANSFER,
                  "0",
                  from,
                  to,
                  amount);
          case 5 -> {
            say(session, "MULTI");
            say(session, "EVAL", declared, "2", from, to, amount);
            say(session, "PING");
            yield reply(session, "EXEC").equals("*2 $-1 +PONG") ? "$-1" : "transaction";
          }
          case 6 -> {
            say(session, "MULTI");
            say(session, "DECRBY", from, amount);
            say(session, "INCRBY", to, amount);
            yield reply(session, "EXEC").startsWith("*2 :") ? "$-1" : "transaction";
          }
          default -> {
            String seen =
                reply(
                    session,
                    "EVAL",
                    SUM.formatted("account:"),
                    "0"); // of keys that it doesn't name
            yield seen.equals(":" + ACCOUNTS * 1000) ? "$-1" : seen;
          }
        };
    assertThat(reply).isEqualTo("$-1");
  }
}
