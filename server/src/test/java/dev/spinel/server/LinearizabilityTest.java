package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.Spinel;
import dev.spinel.wire.Client;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Four clients on three loops do a thousand things to three keys; one order must explain all that
/// they heard.
class LinearizabilityTest {
  private static final int CLIENTS = 4;
  private static final int OPERATIONS = 1_000;
  private static final List<List<String>> AWAIT = List.of(List.of("AWAIT"));
  private static final int SEEDS = Integer.getInteger("spinel.histories", 3);

  @Test
  void oneOrderExplainsWhatClientsHear() throws Exception {
    for (long seed = 0; seed < SEEDS; seed++) {
      History history = record(seed);
      assertThat(history.size()).isGreaterThanOrEqualTo(OPERATIONS);
      assertThat(history.contradiction()).as("seed %d", seed).isNull();
    }
  }

  private static History record(long seed) throws Exception {
    var history = new History();
    try (Spinel spinel = Spinel.start("event-loops", "3", "save", "")) {
      Crowd.of(
              CLIENTS,
              session -> {
                try (Client client = Client.connect("127.0.0.1", spinel.port())) {
                  var random = new Random(seed * CLIENTS + session);
                  var words = new Operations(random, "abc");
                  for (int i = 0; i < OPERATIONS / CLIENTS; i++) {
                    run(history, client, session, words.next());
                  }
                }
              })
          .join();
    }
    return history;
  }

  private static void run(History history, Client client, int session, List<List<String>> commands)
      throws Exception {
    boolean multi = commands.size() > 1;
    if (multi) {
      ask(client, List.of("MULTI"));
      for (List<String> command : commands) {
        assertThat(ask(client, command)).isEqualTo("+QUEUED");
      }
    }
    long from = System.nanoTime();
    String reply = ask(client, multi ? List.of("EXEC") : commands.get(0));
    long to = System.nanoTime();
    if (!multi && Operations.mayBlock(commands.get(0))) {
      history.add(new History.Operation(session, commands, from, to, Model.LATER));
      history.add(new History.Operation(session, AWAIT, from, to, reply));
    } else {
      history.add(new History.Operation(session, commands, from, to, reply));
    }
  }

  private static String ask(Client client, List<String> command) throws Exception {
    client.send(command.toArray(String[]::new));
    client.flush();
    return Fixture.text(client.raw());
  }

  private static History.Operation op(int session, long from, long to, String reply, String... w) {
    return new History.Operation(session, List.of(List.of(w)), from, to, reply);
  }

  @Test
  void aStaleReadIsNoticed() {
    var history = new History();
    history.add(op(0, 1, 2, "+OK", "SET", "a", "1"));
    history.add(op(0, 3, 6, "+OK", "SET", "a", "2"));
    history.add(op(1, 4, 5, "$1 2", "GET", "a"));
    assertThat(history.contradiction()).isNull();
    history.add(op(2, 7, 8, "$1 1", "GET", "a"));
    assertThat(history.contradiction()).contains("the best explains 3 of 4");
  }

  @Test
  void anElementThatIsPoppedTwiceIsNoticed() {
    var history = new History();
    history.add(op(0, 1, 2, "", "BLPOP", "a", "1"));
    history.add(op(1, 2, Long.MAX_VALUE, null, "BLPOP", "a", "1"));
    history.add(op(2, 3, 4, ":1", "RPUSH", "a", "x"));
    history.add(op(0, 5, 9, "*2 $1 a $1 x", "AWAIT"));
    assertThat(history.contradiction()).isNull();
    history.add(op(3, 5, 8, "$1 x", "LPOP", "a"));
    assertThat(history.contradiction()).isNotNull();
  }

  @Test
  void aWaiterThatIsForgottenIsNoticed() {
    var history = new History();
    history.add(op(0, 1, 2, "", "BLPOP", "a", "b", "1"));
    history.add(op(1, 3, 6, ":1", "RPUSH", "b", "x"));
    history.add(op(0, 4, 5, "", "AWAIT"));
    assertThat(history.contradiction()).isNull();
    history.add(op(0, 7, 8, "*-1", "AWAIT"));
    assertThat(history.contradiction()).isNotNull();
  }

  @Test
  void aWaiterThatIsServedOutOfTurnIsNoticed() {
    for (long secondCame : new long[] {1, 4}) {
      var history = new History();
      history.add(op(0, 2, 3, "", "BLPOP", "a", "1"));
      history.add(op(1, secondCame, 5, "", "BLPOP", "a", "1"));
      history.add(op(2, 6, 7, ":1", "RPUSH", "a", "x"));
      history.add(op(1, 8, 9, "*2 $1 a $1 x", "AWAIT"));
      assertThat(history.contradiction() == null).isEqualTo(secondCame == 1);
    }
  }

  @Test
  void anUnblockingThatSaysTheWrongThingIsNoticed() {
    var history = new History();
    history.add(op(0, 1, 2, "", "BLPOP", "a", "1"));
    history.add(op(1, 3, 4, ":1", "CLIENT", "UNBLOCK", "0", "TIMEOUT"));
    history.add(op(2, 5, 6, ":1", "RPUSH", "a", "x"));
    history.add(op(0, 7, 8, "*-1", "AWAIT"));
    assertThat(history.contradiction()).isNull();
    history.add(op(1, 9, 10, ":1", "CLIENT", "UNBLOCK", "0", "TIMEOUT"));
    assertThat(history.contradiction()).isNotNull();
  }

  @Test
  void aTransactionThatIsSeenHalfDoneIsNoticed() {
    var history = new History();
    history.add(
        new History.Operation(
            0, List.of(List.of("SET", "a", "1"), List.of("SET", "b", "1")), 1, 9, "*2 +OK +OK"));
    history.add(op(1, 2, 3, "$1 1", "GET", "b"));
    assertThat(history.contradiction()).isNull();
    history.add(op(1, 4, 5, "$-1", "GET", "a"));
    assertThat(history.contradiction()).isNotNull();
  }
}
