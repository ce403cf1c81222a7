package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// Gates, what becomes of a call between them and its locks, and calls that wait, whatever they
/// wait for.
class WaitingTest {
  /// A gate whose mind a test makes up, and what calls wait for at it.
  private static final class TestGate implements Gate, Condition {
    private final Rank place;
    final List<Waiting> waiting = new ArrayList<>();
    final List<String> asked = new ArrayList<>();
    Consumer<Call> atEach = call -> {};
    CommandError refusal;
    boolean isAskedFor;

    TestGate(Rank place) {
      this.place = place;
    }

    void install(Fixture fixture) {
      fixture.server.engine.gates.are(this);
      fixture.server.engine.gates.closed(this, true);
    }

    @Override
    public Rank rank() {
      return place;
    }

    @Override
    public boolean concerns(Command command) {
      return command.is(Command.WRITE);
    }

    @Override
    public CommandError refuse(Call call) {
      asked.add(call.command().name);
      atEach.accept(call);
      return refusal;
    }

    @Override
    public void begin(Waiting call) {
      waiting.add(call);
    }

    @Override
    public void end(Waiting call) {
      assertThat(waiting.remove(call)).isTrue();
    }

    void open() {
      List<Waiting> all = new ArrayList<>(waiting);
      waiting.clear();
      all.forEach(Waiting::again);
    }

    @Override
    public void timedOut(Reply reply) {
      reply.simple("LATE");
    }

    @Override
    public boolean isAskedFor() {
      return isAskedFor;
    }
  }

  private static void unblockAll(LocalSession by) {
    Fixture.inStoppedWorld(by, () -> by.dispatcher().unblockAll());
  }

  @Test
  void aCallThatAGateHoldsUpBeginsAgainAtItsGates() {
    try (Fixture fixture = new Fixture()) {
      TestGate gate = new TestGate(Gate.Rank.PAUSE);
      gate.install(fixture);
      LocalSession held = fixture.session();
      LocalSession other = fixture.session();
      gate.atEach = call -> call.await(gate, Call.FOR_EVER);
      assertThat(say(held, "SET", "k", "1")).isEmpty();
      assertThat(say(held, "GET", "k")).as("what follows waits, too").isEmpty();
      assertThat(say(other, "GET", "k")).isEqualTo("$-1");
      assertThat(say(other, "CLIENT", "UNBLOCK", "" + held.session().id)).isEqualTo(":0");
      unblockAll(other);
      gate.open();
      assertThat(text(held.run())).as("it waits again").isEmpty();
      gate.atEach = call -> assertThat(call.waitedFor()).isSameAs(gate);
      gate.open();
      assertThat(text(held.run())).isEqualTo("+OK $1 1");
      assertThat(gate.asked).containsExactly("set", "set", "set");
      gate.atEach = call -> {};
      assertThat(say(other, "INFO", "commandstats")).contains("cmdstat_set:calls=1,");
      assertThat(say(other, "INFO", "clients")).contains("blocked_clients:0");
    }
  }

  @Test
  void aRefusalAfterAWaitIsTheReply() {
    try (Fixture fixture = new Fixture()) {
      TestGate gate = new TestGate(Gate.Rank.PAUSE);
      gate.install(fixture);
      LocalSession held = fixture.session();
      gate.atEach = call -> call.await(gate, Call.FOR_EVER);
      assertThat(say(held, "SET", "k", "1")).isEmpty();
      gate.atEach = call -> {};
      gate.refusal = new CommandError("MISCONF for a test");
      gate.open();
      assertThat(text(held.run())).isEqualTo("-MISCONF for a test");
      gate.refusal = null;
      assertThat(say(held, "SET", "k", "2")).isEqualTo("+OK");
    }
  }

  @Test
  void aWaitThatItsClientAskedForEndsInTime() {
    try (Fixture fixture = new Fixture()) {
      TestGate gate = new TestGate(Gate.Rank.PAUSE);
      gate.install(fixture);
      gate.isAskedFor = true;
      LocalSession held = fixture.session();
      LocalSession other = fixture.session();
      gate.atEach = call -> call.await(gate, 100);
      assertThat(say(held, "SET", "k", "1")).isEmpty();
      assertThat(say(other, "INFO", "clients")).contains("blocked_clients:1");
      fixture.clock.forward(60);
      gate.open();
      assertThat(text(held.run())).as("its time goes on").isEmpty();
      fixture.clock.forward(39);
      assertThat(text(held.run())).isEmpty();
      fixture.clock.forward(1);
      assertThat(text(held.run())).isEqualTo("+LATE");
      assertThat(gate.waiting).isEmpty();
      assertThat(say(other, "INFO", "clients")).contains("blocked_clients:0");

      assertThat(say(held, "SET", "k", "1")).isEmpty();
      assertThat(say(other, "CLIENT", "UNBLOCK", "" + held.session().id)).isEqualTo(":1");
      assertThat(say(other, "CLIENT", "UNBLOCK", "" + held.session().id)).isEqualTo(":0");
      assertThat(text(held.run())).isEqualTo("+LATE");
      assertThat(say(held, "SET", "k", "1")).isEmpty();
      long heapBytes = fixture.server.engine.heap.heldBytes();
      assertThat(heapBytes).isPositive();
      held.close();
      assertThat(gate.waiting).isEmpty();
      assertThat(fixture.server.engine.heap.heldBytes()).isLessThan(heapBytes);
    }
  }

  /// Both were on their way: the first one is the end.
  @Test
  void aCallThatIsUnblockedDoesNotRunAgain() {
    try (Fixture fixture = new Fixture()) {
      TestGate gate = new TestGate(Gate.Rank.PAUSE);
      gate.install(fixture);
      gate.isAskedFor = true;
      LocalSession held = fixture.session();
      LocalSession other = fixture.session();
      gate.atEach = call -> call.await(gate, Call.FOR_EVER);
      assertThat(say(held, "SET", "k", "1")).isEmpty();
      Waiting call = gate.waiting.getFirst();
      unblockAll(other);
      call.again();
      gate.atEach = nothing -> {};
      assertThat(text(held.run()))
          .isEqualTo(
              "-UNBLOCKED force unblock from blocking operation, instance state changed (master ->"
                  + " replica?)");
      assertThat(say(other, "EXISTS", "k")).isEqualTo(":0");
    }
  }

  @Test
  void callsThatWaitedAreCountedAndShownAsSlow() {
    try (Fixture fixture = new Fixture("slowlog-log-slower-than", "0")) {
      LocalSession waiter = fixture.session();
      LocalSession other = fixture.session();
      String id = "" + waiter.session().id;
      assertThat(say(waiter, "BLPOP", "a", "0.1")).isEmpty();
      fixture.clock.forward(101);
      assertThat(text(waiter.run())).isEqualTo("*-1");
      assertThat(say(waiter, "BLPOP", "b", "0")).isEmpty();
      assertThat(say(other, "CLIENT", "UNBLOCK", id, "TIMEOUT")).isEqualTo(":1");
      assertThat(text(waiter.run())).isEqualTo("*-1");
      assertThat(say(waiter, "BLPOP", "c", "0")).isEmpty();
      assertThat(say(other, "CLIENT", "UNBLOCK", id, "ERROR")).isEqualTo(":1");
      assertThat(text(waiter.run())).isEqualTo("-UNBLOCKED client unblocked via CLIENT UNBLOCK");
      assertThat(say(waiter, "BLPOP", "d", "0")).isEmpty();
      assertThat(say(other, "RPUSH", "d", "1")).isEqualTo(":1");
      assertThat(text(waiter.run())).isEqualTo("*2 $1 d $1 1");
      assertThat(say(waiter, "BLMOVE", "e", "f", "LEFT", "LEFT", "0")).isEmpty();
      unblockAll(other);
      assertThat(text(waiter.run())).startsWith("-UNBLOCKED force unblock");
      assertThat(say(waiter, "BLPOP", "gone", "0")).isEmpty();
      waiter.close();
      assertThat(say(other, "INFO", "commandstats"))
          .containsPattern("cmdstat_blpop:calls=4,[^ ]*rejected_calls=0,failed_calls=1 ")
          .containsPattern("cmdstat_blmove:calls=1,[^ ]*failed_calls=1 ");
      assertThat(say(other, "INFO", "errorstats")).contains("errorstat_UNBLOCKED:count=2");
      assertThat(say(other, "INFO", "stats")).contains("total_commands_processed:10 ");
      assertThat(say(other, "SLOWLOG", "GET", "-1"))
          .contains("BLPOP $1 a", "BLPOP $1 b", "BLPOP $1 c", "BLPOP $1 d", "BLMOVE $1 e")
          .doesNotContain("gone");
    }
  }

  @Test
  void theCommandsOfATransactionAreCounted() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "MULTI");
      say(session, "SET", "k", "1");
      say(session, "INCR", "k");
      say(session, "EXEC");
      assertThat(say(session, "INFO", "stats")).contains("total_commands_processed:4 ");
    }
  }

  /// EXEC is asked for what it runs: the gate closed after the commands were queued.
  @Test
  void execCarriesTheFlagsOfAllThatItRuns() {
    try (Fixture fixture = new Fixture()) {
      TestGate gate = new TestGate(Gate.Rank.READONLY);
      gate.install(fixture);
      LocalSession session = fixture.session();
      say(session, "MULTI");
      say(session, "GET", "k");
      say(session, "PING");
      gate.atEach =
          call -> {
            assertThat(call.does(Command.READONLY)).isTrue();
            assertThat(call.does(Command.WRITE)).isFalse();
            assertThat(call.lacks(Command.LOADING)).as("GET does").isTrue();
            assertThat(call.lacks(Command.NOSCRIPT)).isTrue();
          };
      assertThat(say(session, "EXEC")).isEqualTo("*2 $-1 +PONG");
      say(session, "MULTI");
      gate.atEach = call -> {};
      say(session, "SET", "k", "1");
      gate.atEach =
          call ->
              gate.refusal =
                  call.does(Command.WRITE) ? new CommandError("READONLY for a test") : null;
      assertThat(say(session, "EXEC"))
          .isEqualTo("-EXECABORT Transaction discarded because of: READONLY for a test");
      assertThat(say(session, "EXEC")).isEqualTo("-ERR EXEC without MULTI");
      assertThat(gate.asked).containsExactly("exec", "set", "exec", "exec");
    }
  }

  /// What was right when the gates were asked is wrong under the locks: a thread that waits for the
  /// world to itself is not in its seat, and somebody else has it first.
  @Test
  void aCallDoesNotRunByWhatItsGatesSaidInAnotherEra() throws Exception {
    for (boolean inTransaction : new boolean[] {false, true}) {
      CountDownLatch stops = new CountDownLatch(2); // asks for the token; has it, waits for a seat
      Schedule schedule =
          new Schedule() {
            @Override
            public boolean point() {
              return true;
            }

            @Override
            public boolean until(BooleanSupplier free) {
              if (Thread.currentThread().getName().equals("stopper")) {
                stops.countDown();
              }
              return true;
            }
          };
      try (Fixture fixture = new Fixture(null, schedule)) {
        TestGate gate = new TestGate(Gate.Rank.READONLY);
        gate.install(fixture);
        LocalSession session = fixture.session();
        LocalSession other = fixture.session();
        say(session, "SET", "k", "1");
        if (inTransaction) {
          say(session, "MULTI");
          say(session, "FLUSHALL");
        }
        Thread stopper =
            new Thread(
                () ->
                    Fixture.inStoppedWorld(
                        other,
                        () -> {
                          gate.atEach = call -> {};
                          gate.refusal = new CommandError("READONLY for a test");
                          fixture.server.engine.newEra();
                        }),
                "stopper");
        gate.asked.clear();
        gate.atEach =
            call -> {
              stopper.start();
              await(stops);
            };
        assertThat(say(session, inTransaction ? "EXEC" : "FLUSHALL"))
            .endsWith("READONLY for a test");
        stopper.join();
        assertThat(gate.asked).hasSize(2);
        gate.refusal = null;
        assertThat(say(session, "GET", "k")).isEqualTo("$1 1");
      }
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// As Redis 7.2 does: memory comes before what a subscriber may say.
  @Test
  void gatesAreAskedInRedisOrder() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "SET", "some", "data");
      say(session, "CONFIG", "SET", "maxmemory", "1");
      say(session, "SUBSCRIBE", "c");
      assertThat(say(session, "SET", "k", "1"))
          .isEqualTo("-OOM command not allowed when used memory > 'maxmemory'.");
      assertThat(say(session, "GET", "k")).startsWith("-ERR Can't execute 'get'");
      assertThat(say(session, "UNSUBSCRIBE", "c")).startsWith("*3 $11 unsubscribe");
    }
  }

  @Test
  void aKeyWhoseTimeIsOverWakesNobodyAndStaysForWhoeverAsksForIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession waiter = fixture.session();
      LocalSession other = fixture.session();
      say(other, "DEBUG", "SET-ACTIVE-EXPIRE", "0");
      say(other, "SELECT", "1");
      say(other, "RPUSH", "k", "hello");
      say(other, "PEXPIRE", "k", "100");
      assertThat(say(waiter, "BLPOP", "k", "0")).isEmpty();
      fixture.clock.forward(101);
      say(other, "SWAPDB", "0", "1");
      assertThat(say(other, "SELECT", "0")).isEqualTo("+OK");
      assertThat(text(waiter.run())).isEmpty();
      assertThat(say(other, "DBSIZE")).isEqualTo(":1");
      assertThat(say(other, "EXISTS", "k")).isEqualTo(":0");
      assertThat(say(other, "DBSIZE")).isEqualTo(":0");
      say(other, "RPUSH", "k", "again");
      assertThat(text(waiter.run())).endsWith("again");
    }
  }
}
