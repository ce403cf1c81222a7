package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Clock;
import dev.spinel.engine.Dispatcher;
import dev.spinel.keyspace.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/// Calls that a snapshot under way puts off: moves of large values that it hasn't seen, and writes
/// beyond the budget of what it keeps.
class PutOffTest {
  /// A snapshot that stands still before its first slot until it is told to go on.
  private static final class Held implements Snapshot.Sink {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final Thread thread;
    private final Dispatcher dispatcher;
    int entries;
    private int open;

    Held(Fixture fixture) throws InterruptedException {
      LocalSession own = fixture.session();
      dispatcher = own.dispatcher();
      thread = new Thread(() -> take(fixture));
      thread.start();
      assertThat(begun.await(10, TimeUnit.SECONDS)).isTrue();
    }

    private void take(Fixture fixture) {
      try {
        dispatcher.turnBegins();
        Snapshot.take(fixture.server.engine.keyspace, dispatcher.seat(), () -> {}, this);
        dispatcher.turnEnds();
      } catch (Throwable t) {
        failure.set(t);
      }
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void database(int number) {
      if (begun.getCount() > 0) {
        dispatcher.turnEnds(); // as nobody should but in drain: this is before the first slot
        begun.countDown();
        await(goOn);
        dispatcher.turnBegins();
      }
    }

    @Override
    public void entry(long entry, long expiry) {
      entries++;
    }

    @Override
    public void open(long entry, long expiry, long count) {
      entries++;
      open = (int) count;
    }

    @Override
    public void field(long field) {
      open--;
    }

    @Override
    public void close() {
      assertThat(open).as("fields missing").isZero();
    }

    /// Lets it go on, to its end.
    void finish() throws InterruptedException {
      goOn.countDown();
      thread.join(20_000);
      assertThat(thread.isAlive()).isFalse();
      assertThat(failure.get()).isNull();
    }
  }

  private static void makeLarge(LocalSession session, String key) {
    List<String> words = new ArrayList<>(List.of("HSET", key));
    for (int i = 0; i < 2_000; i++) {
      words.add("f" + i);
      words.add("v" + i);
    }
    assertThat(say(session, words.toArray(String[]::new))).isEqualTo(":2000");
  }

  @Test
  void aLargeValueIsMovedWhenTheWalkHasSeenIt() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      LocalSession mover = fixture.session();
      LocalSession other = fixture.session();
      makeLarge(session, "large");
      makeLarge(session, "larger");
      say(session, "SET", "small", "1");
      Held snapshot = new Held(fixture);
      try {
        assertThat(say(session, "RENAME", "small", "tiny")).isEqualTo("+OK");
        assertThat(say(session, "RENAME", "large", "moved")).isEmpty();
        assertThat(session.session().isParked()).isTrue();
        assertThat(session.run("GET", "tiny")).as("what follows waits, too").isEmpty();
        assertThat(say(mover, "MOVE", "larger", "1")).isEmpty();
        assertThat(say(other, "HGET", "large", "f7")).isEqualTo("$2 v7");
        assertThat(say(other, "CLIENT", "UNBLOCK", "" + session.session().id)).isEqualTo(":0");
        say(other, "MULTI");
        say(other, "RENAME", "larger", "copied");
        assertThat(say(other, "EXEC")).as("a transaction doesn't wait").isEqualTo("*1 +OK");
        assertThat(say(other, "RENAME", "copied", "larger")).isEqualTo("+OK");
      } finally {
        snapshot.finish();
      }
      assertThat(snapshot.entries).isEqualTo(3);
      assertThat(Fixture.text(session.await(5_000))).startsWith("+OK");
      assertThat(say(other, "HLEN", "moved")).isEqualTo(":2000");
      assertThat(say(other, "EXISTS", "large")).isEqualTo(":0");
      assertThat(Fixture.text(mover.await(5_000))).isEqualTo(":1");
      assertThat(say(other, "INFO", "stats")).contains("snapshot_delayed_calls:2");
    }
  }

  @Test
  void writersBeyondTheBudgetWait() throws Exception {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession session = fixture.session();
      LocalSession transactor = fixture.session();
      LocalSession leaver = fixture.session();
      String value = "x".repeat(3_000);
      for (int i = 0; i < 4_000; i++) {
        say(session, "SET", "k" + i, value);
      }
      int written = 0;
      Held snapshot = new Held(fixture);
      try {
        say(transactor, "MULTI");
        say(transactor, "SET", "k1", "in a transaction");
        while (!session.session().isParked()) {
          say(session, "SET", "k" + written++, "y");
        }
        assertThat(written).isBetween(1_000, 3_000);
        assertThat(say(transactor, "EXEC")).isEmpty();
        assertThat(say(leaver, "SET", "left", "1")).isEmpty();
        leaver.close();
        LocalSession reader = fixture.session();
        assertThat(say(reader, "GET", "k0")).as("readers don't wait").isEqualTo("$1 y");
      } finally {
        snapshot.finish();
      }
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
      assertThat(Fixture.text(transactor.await(5_000))).isEqualTo("*1 +OK");
      assertThat(say(session, "GET", "k1")).isEqualTo("$16 in a transaction");
      assertThat(say(session, "EXISTS", "left")).isEqualTo(":0");
    }
  }
}
