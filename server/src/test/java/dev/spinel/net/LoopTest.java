package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Chunks;
import dev.spinel.wire.Client;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The turn of a loop: its order, its mail, its timers, and that nothing ends it.
class LoopTest extends NetFixture {
  // ── mail ──

  @Test
  void eachPostersMessagesRunInOrderOnTheLoopsThread() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    int posters = 8;
    int each = 50_000;
    var next = new int[posters];
    var wrong = new AtomicInteger();
    var done = new CountDownLatch(posters);
    for (int p = 0; p < posters; p++) {
      int poster = p;
      Thread.ofPlatform()
          .start(
              () -> {
                for (int i = 0; i < each; i++) {
                  int number = i;
                  loop.post(
                      () -> {
                        if (next[poster]++ != number || !loop.isCurrent()) {
                          wrong.incrementAndGet();
                        }
                        if (number == each - 1) {
                          done.countDown();
                        }
                      });
                }
              });
    }
    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(wrong).hasValue(0);
  }

  @Test
  void aPostNeverMissesALoopThatFallsAsleep() throws Exception {
    start(2);
    var ping = net.loops().get(0);
    var pong = net.loops().get(1);
    var left =
        new AtomicInteger(50_000); // each step finds the other loop asleep, or just about to be
    var done = new CountDownLatch(1);
    var step =
        new Runnable() {
          @Override
          public void run() {
            if (left.decrementAndGet() == 0) {
              done.countDown();
            } else {
              (ping.isCurrent() ? pong : ping).post(this);
            }
          }
        };
    ping.post(step);
    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    for (int i = 0; i < 500; i++) {
      var answer = new CompletableFuture<Boolean>();
      LockSupport.parkNanos(i * 200L);
      ping.post(() -> answer.complete(true));
      assertThat(answer.get(5, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void whatALoopPostsToItselfComesInALaterReading() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    var seen = Collections.synchronizedList(new ArrayList<String>());
    var done = new CountDownLatch(1);
    loop.post(
        () -> {
          loop.post(
              () -> {
                seen.add("posted");
                done.countDown();
              });
          seen.add("posting");
        });
    assertThat(done.await(5, TimeUnit.SECONDS)).isTrue();
    assertThat(seen).containsExactly("posting", "posted");
  }

  @Test
  void aMessageThatPostsItselfForeverStarvesNobody() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    var stop = new AtomicBoolean();
    var forever =
        new Runnable() {
          @Override
          public void run() {
            if (!stop.get()) {
              loop.post(this);
            }
          }
        };
    loop.post(forever);
    try (var client = client()) {
      for (int i = 0; i < 100; i++) {
        assertThat(client.command("PING")).isEqualTo(PONG);
      }
    }
    stop.set(true);
  }

  @Test
  void postsAfterTheEndAreDropped() throws Exception {
    start(1);
    net.close();
    var ran = new AtomicBoolean();
    net.loops().getFirst().post(() -> ran.set(true));
    assertThat(ran).isFalse();
  }

  // ── timers and the clock ──

  @Test
  void timersRunAtTheirTimeAndInTheirOrder() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    var ran = new LinkedBlockingQueue<String>();
    var late = new LinkedBlockingQueue<Long>();
    loop.post(
        () -> {
          long now = loop.now();
          for (int delay : new int[] {40, 0, 20, -5}) {
            loop.schedule(
                now + delay,
                () -> {
                  ran.add(Integer.toString(delay));
                  late.add(loop.now() - (now + Math.max(0, delay)));
                });
          }
          loop.schedule(now + 30, () -> ran.add("cancelled")).cancel();
          loop.schedule(Long.MAX_VALUE, () -> ran.add("never"));
        });
    assertThat(List.of(take(ran), take(ran), take(ran), take(ran)))
        .containsExactly("0", "-5", "20", "40");
    assertThat(ran.poll(50, TimeUnit.MILLISECONDS)).isNull();
    assertThat(late).allSatisfy(millis -> assertThat(millis).isBetween(-1L, 5_000L));
  }

  @Test
  void aTimerMayScheduleAndCancelOthers() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    var ran = new LinkedBlockingQueue<String>();
    loop.post(
        () -> {
          var victim = loop.schedule(loop.now() + 15, () -> ran.add("victim"));
          loop.schedule(
              loop.now() + 5,
              () -> {
                ran.add("first");
                victim.cancel();
                loop.schedule(loop.now() + 20, () -> ran.add("second"));
              });
        });
    assertThat(take(ran)).isEqualTo("first");
    assertThat(take(ran)).isEqualTo("second");
    assertThat(ran).isEmpty();
  }

  @Test
  void theClockStandsStillWithinATurn() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    var clock = new CompletableFuture<long[]>();
    loop.post(
        () -> {
          long millis = loop.now();
          long nanos = loop.nanos();
          LockSupport.parkNanos(20_000_000);
          clock.complete(new long[] {loop.now() - millis, loop.nanos() - nanos});
        });
    assertThat(clock.get(5, TimeUnit.SECONDS)).containsExactly(0, 0);
  }

  // ── turns ──

  @Test
  void everythingHappensInsideATurn() throws Exception {
    var seat = new Seat();
    start(1, loop -> seat);
    var loop = net.loops().getFirst();
    try (var client = client()) {
      for (int i = 0; i < 50; i++) {
        assertThat(client.command("PING")).isEqualTo(PONG);
        var inside = new CompletableFuture<Boolean>();
        loop.post(() -> loop.schedule(loop.now(), () -> inside.complete(seat.taken)));
        assertThat(inside.get(5, TimeUnit.SECONDS)).isTrue();
      }
      eventually(() -> assertThat(seat.taken).isFalse()); // asleep
    }
    net.close();
    assertThat(seat.taken).isFalse();
    assertThat(seat.wrong).isZero();
    assertThat(seat.turns).isGreaterThan(50);
  }

  private static final class Seat implements LoopHooks {
    volatile boolean taken;
    volatile int wrong;
    volatile int turns;

    @Override
    public void turnBegins() {
      if (taken) {
        wrong++;
      }
      taken = true;
      turns++;
    }

    @Override
    public void turnEnds() {
      if (!taken) {
        wrong++;
      }
      taken = false;
    }
  }

  @Test
  void aServedMessageLeavesWithTheTurnThatPostedIt() throws Exception {
    start(1);
    try (var blocked = client();
        var pusher = client()) {
      long id = integer(blocked.command("ID"));
      for (int i = 0; i < 100; i++) {
        pusher.command("TELL", Long.toString(id), "x" + i);
        assertThat(blocked.receive()).hasToString("\"x" + i + '"');
      }
    }
  }

  /// Whoever comes while a heavy connection runs is served before the next heavy one, and has its
  /// reply by then.
  @Test
  void betweenHeavyConnectionsOthersAreServed() throws Exception {
    start(1);
    List<Client> heavy = new ArrayList<>();
    try (var light = client()) {
      assertThat(light.command("PING")).isEqualTo(PONG);
      for (int i = 0; i < 3; i++) {
        heavy.add(client());
        assertThat(heavy.get(i).command("HEAVY", "1")).isEqualTo(OK);
      }
      for (Client each : heavy) {
        each.send("WORK");
        each.flush();
      }
      for (int working = 1; working <= 3; working++) {
        int now = working;
        eventually(() -> assertThat(toy.workers).hasSize(now));
        light.send("PING");
        light.flush();
        toy.work.release();
        assertThat(light.receive()).isEqualTo(PONG);
      }
      for (Client each : heavy) {
        assertThat(each.receive()).isEqualTo(OK);
      }
      assertThat(toy.workers).doesNotHaveDuplicates();
    } finally {
      toy.work.release(3);
      for (Client each : heavy) {
        each.close();
      }
    }
  }

  @Test
  void anIdleLoopSleeps() throws Exception {
    var seat = new Seat();
    start(1, loop -> seat);
    try (var client = client()) {
      client.command("PING");
      client.command("PAUSE");
      Thread.sleep(50);
      int before = seat.turns;
      Thread.sleep(300);
      assertThat(seat.turns - before).isLessThanOrEqualTo(2);
    }
  }

  @Test
  void turnsReadsAndWritesAreCountedWithTheTimeThatTheyTake() throws Exception {
    start(1);
    var counts = net.loops().getFirst().counts();
    try (var client = client()) {
      client.command("PING");
      client.command("PING"); // io_uring tells of a write when the loop next looks
      eventually(() -> assertThat(counts.writes()).isPositive());
      assertThat(counts.reads()).isPositive();
      assertThat(counts.turns()).isPositive();
      assertThat(counts.runNanos()).isPositive().isLessThan(counts.turnNanos());
    }
  }

  @Test
  void aFullSocketDoesNotKeepTheLoopBusy() throws Exception {
    var seat = new Seat();
    start(1, loop -> seat);
    try (var client = client()) {
      client.send("ZEROS", "50000000");
      client.flush();
      eventually(() -> assertThat(net.loops().getFirst().counts().bytesOut()).isPositive());
      Thread.sleep(200);
      int before = seat.turns;
      Thread.sleep(300);
      assertThat(seat.turns - before).isLessThanOrEqualTo(5);
    }
  }

  // ── what doesn't end it ──

  @Test
  void itSurvivesWhateverMessagesAndTimersThrow() throws Exception {
    start(1);
    var loop = net.loops().getFirst();
    loop.post(
        () -> {
          throw new IllegalStateException("message");
        });
    loop.post(
        () ->
            loop.schedule(
                loop.now(),
                () -> {
                  throw new OutOfMemoryError("timer");
                }));
    eventually(() -> assertThat(uncaught).hasSize(2));
    assertThat(uncaught).extracting(Throwable::getMessage).containsExactly("message", "timer");
    uncaught.clear();
    try (var client = client()) {
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
  }

  @Test
  void itSurvivesHooksThatThrow() throws Exception {
    var throwing = new AtomicInteger();
    start(
        1,
        loop ->
            new LoopHooks() {
              @Override
              public void turnBegins() {
                if ((throwing.get() & 1) != 0) {
                  throw new IllegalStateException("begins");
                }
              }

              @Override
              public void turnEnds() {
                if ((throwing.get() & 2) != 0) {
                  throw new IllegalStateException("ends");
                }
              }
            });
    try (var client = client()) {
      for (int which = 1; which <= 3; which++) {
        throwing.set(which);
        client.send("PING");
        client.flush();
        eventually(() -> assertThat(uncaught).isNotEmpty());
        throwing.set(0);
        assertThat(client.receive()).isEqualTo(PONG);
        net.loops().getFirst().post(uncaught::clear);
        assertThat(client.command("PING")).isEqualTo(PONG);
      }
    }
    uncaught.clear();
  }

  // ── what ends it ──

  /// A loop without a single good turn for seconds: its clients are told by a close, the owner is
  /// told once, the other loops and their clients don't notice.
  @ParameterizedTest
  @ValueSource(strings = {"begins", "sends", "ends"})
  void aLoopThatFailsInEachTurnEndsAlone(String where) throws Exception {
    var failing = new AtomicBoolean();
    start(
        3,
        loop ->
            new LoopHooks() {
              private void failAt(String here) {
                if (loop.index() == 1 && failing.get() && here.equals(where)) {
                  throw new IllegalStateException(here);
                }
              }

              @Override
              public void turnBegins() {
                failAt("begins");
              }

              @Override
              public void aboutToSend() {
                failAt("sends");
              }

              @Override
              public void turnEnds() {
                failAt("ends");
              }
            });
    var clients = new ArrayList<Client>();
    try {
      for (int i = 0; i < 9; i++) {
        clients.add(client());
        assertThat(clients.get(i).command("PING")).isEqualTo(PONG);
      }
      var failed = net.loops().get(1);
      assertThat(failed.connections()).isEqualTo(3);
      failing.set(true);
      failed.post(
          new Runnable() {
            @Override
            public void run() {
              failed.post(this); // a turn, and another
            }
          });
      eventually(
          () ->
              assertThat(uncaught).extracting(Throwable::getMessage).contains("loop 1 has ended"));
      assertThat(uncaught)
          .extracting(Throwable::getMessage)
          .containsOnly(where, "loop 1 has ended")
          .hasSizeLessThan(15);
      assertThat(uncaught).extracting(Throwable::getMessage).containsOnlyOnce("loop 1 has ended");
      uncaught.clear();
      assertThat(failed.connections()).isZero();
      int closed = 0;
      for (var client : clients) {
        try {
          assertThat(client.command("PING")).isEqualTo(PONG);
        } catch (IOException ended) {
          closed++;
        }
      }
      assertThat(closed).isEqualTo(3);
      for (int i = 0; i < 9; i++) { // the next go to those that live
        clients.add(client());
        assertThat(clients.getLast().command("PING")).isEqualTo(PONG);
      }
      if (where.equals("begins")) { // its owner couldn't be told
        toy.sessions.values().removeIf(session -> session.connection.loop() == failed);
      }
      assertThat(toy.sessions).hasSize(15);
    } finally {
      for (var client : clients) {
        client.close();
      }
    }
  }

  @Test
  void itSurvivesAReportThatThrows() throws Exception {
    var rude =
        new Incidents() {
          @Override
          public void uncaught(Throwable cause, Connection connection) {
            throw new IllegalStateException("report", cause);
          }

          @Override
          public void loopEnded(Loop loop) {}

          @Override
          public void acceptFailed(Listener listener, IOException cause) {}

          @Override
          public void addressSkipped(String message) {}
        };
    net = Net.start(1, "net-test-", loop -> LoopHooks.NONE, rude, transport);
    port = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst().port();
    try (var client = client();
        var other = client()) {
      client.send("THROW");
      client.flush();
      assertThat(client.rawUntilClosed()).isEmpty();
      assertThat(other.command("PING")).isEqualTo(PONG);
    }
  }

  /// What is reported when memory is short: there is one such error for all.
  @Test
  void itSurvivesAReportThatThrowsWhatItIsTold() throws Exception {
    var rude =
        new Incidents() {
          @Override
          public void uncaught(Throwable cause, Connection connection) {
            throw (Error) cause;
          }

          @Override
          public void loopEnded(Loop loop) {}

          @Override
          public void acceptFailed(Listener listener, IOException cause) {}

          @Override
          public void addressSkipped(String message) {}
        };
    var shared = new OutOfMemoryError("shared");
    var throwing = new AtomicBoolean();
    var hooks =
        new LoopHooks() {
          @Override
          public void turnBegins() {
            if (throwing.getAndSet(false)) {
              throw shared;
            }
          }

          @Override
          public void turnEnds() {}
        };
    net = Net.start(1, "net-test-", loop -> hooks, rude, transport);
    port = net.listen(List.of("127.0.0.1"), 0, 511, toy).getFirst().port();
    try (var client = client()) {
      net.loops()
          .getFirst()
          .post(
              () -> {
                throw shared;
              });
      assertThat(client.command("PING")).isEqualTo(PONG);
      throwing.set(true);
      assertThat(client.command("PING")).isEqualTo(PONG);
    }
  }

  /// Memory that fails once, at each of the places where a turn gives some back or takes some.
  @Test
  void whatFailsForOneConnectionEndsThatOneOnly() throws Exception {
    var chunks = new FailingChunks();
    start(1, loop -> hooksWith(chunks));
    try (var other = client()) {
      long id = integer(other.command("ID"));
      for (boolean taking : new boolean[] {true, false, true, false}) {
        try (var client = client()) {
          assertThat(client.command("PING")).isEqualTo(PONG);
          (taking ? chunks.failTaking : chunks.failGiving).set(true);
          client.send("TELL", Long.toString(id), "before");
          client.send("ZEROS", "200000");
          client.flush();
          client.rawUntilClosed();
        }
        assertThat(other.receive()).hasToString("\"before\"");
        for (int i = 0; i < 3; i++) {
          assertThat(other.command("PING")).isEqualTo(PONG);
        }
        assertThat(uncaught).hasSize(1);
        uncaught.clear();
      }
    }
    net.close();
  }

  /// The owner's memory belongs to him who sits in the seat that a turn takes.
  @Test
  void outputMemoryIsTouchedInsideATurnOnly() throws Exception {
    var outside = new AtomicInteger();
    var inside = new AtomicBoolean();
    var chunks =
        new Chunks() {
          @Override
          public ByteBuffer take(int bytes) {
            outside.addAndGet(inside.get() ? 0 : 1);
            return ByteBuffer.allocateDirect(bytes);
          }

          @Override
          public void give(ByteBuffer chunk) {
            outside.addAndGet(inside.get() ? 0 : 1);
          }
        };
    start(
        1,
        loop ->
            new LoopHooks() {
              @Override
              public void turnBegins() {
                inside.set(true);
              }

              @Override
              public void turnEnds() {
                inside.set(false);
              }

              @Override
              public Chunks chunks() {
                return chunks;
              }
            });
    try (var client = client()) {
      for (int i = 0; i < 20; i++) {
        client.command("ZEROS", Integer.toString(300_000 * i));
      }
    }
    net.close();
    assertThat(outside).hasValue(0);
  }

  @Test
  void aMessageToManyNeedsTheMemoryOfAFew() throws Exception {
    start(1);
    int n = 500;
    var loop = net.loops().getFirst();
    var clients = new ArrayList<Client>();
    for (int i = 0; i < n; i++) {
      clients.add(client());
      clients.get(i).command("PING");
    }
    var held = new CompletableFuture<Long>();
    loop.post(
        () -> {
          for (var session : toy.sessions.values()) {
            loop.post(() -> session.hear("news"));
          }
          loop.post(() -> held.complete(held()));
        });
    for (var client : clients) {
      assertThat(client.receive()).hasToString("\"news\"");
    }
    assertThat(held.get(5, TimeUnit.SECONDS)).isLessThan(60 * 32 * 1024);
    for (var client : clients) {
      client.close();
    }
  }

  @Test
  void manyOutputsThatWaitHoldWhatTheyWaitFor() throws Exception {
    start(1);
    int n = 400;
    var clients = new ArrayList<Client>();
    for (int i = 0; i < n; i++) {
      clients.add(client());
      clients.get(i).command("RELEASE", "0");
    }
    for (int round = 1; round <= 3; round++) {
      for (var client : clients) {
        client.send("BOUND", Integer.toString(round));
        client.flush();
      }
      long runs = 1 + round;
      eventually(() -> assertThat(toy.sessions.values()).allMatch(session -> session.runs >= runs));
    }
    var held = new CompletableFuture<Long>();
    net.loops().getFirst().post(() -> held.complete(held()));
    assertThat(held.get(5, TimeUnit.SECONDS)).isLessThan(140 * 32 * 1024 + n * 4096L);
    clients.getFirst().send("RELEASE", "3");
    clients.getFirst().flush();
    for (var client : clients) {
      for (long round = 1; round <= 3; round++) {
        assertThat(integer(client.receive())).isEqualTo(round);
      }
    }
    assertThat(clients.getFirst().receive()).isEqualTo(OK);
    for (var client : clients) {
      client.close();
    }
  }

  private long held() {
    long held = 0;
    for (var session : toy.sessions.values()) {
      held += session.connection.output().heldBytes();
    }
    return held;
  }

  private static LoopHooks hooksWith(Chunks chunks) {
    return new LoopHooks() {
      @Override
      public void turnBegins() {}

      @Override
      public void turnEnds() {}

      @Override
      public Chunks chunks() {
        return chunks;
      }
    };
  }

  private static final class FailingChunks implements Chunks {
    final AtomicBoolean failTaking = new AtomicBoolean();
    final AtomicBoolean failGiving = new AtomicBoolean();

    @Override
    public ByteBuffer take(int bytes) {
      if (failTaking.getAndSet(false)) {
        throw new OutOfMemoryError("once");
      }
      return ByteBuffer.allocateDirect(bytes);
    }

    @Override
    public void give(ByteBuffer chunk) {
      if (failGiving.getAndSet(false)) {
        throw new OutOfMemoryError("once");
      }
    }
  }

  @Test
  void itSurvivesInterruption() throws Exception {
    start(1);
    try (var client = client()) {
      for (int i = 0; i < 200; i++) {
        for (var thread : Thread.getAllStackTraces().keySet()) {
          if (thread.getName().startsWith("net-test-")) {
            thread.interrupt();
          }
        }
        assertThat(client.command("PING")).isEqualTo(PONG);
      }
    }
  }

  private static <T> T take(LinkedBlockingQueue<T> queue) throws InterruptedException {
    var taken = queue.poll(5, TimeUnit.SECONDS);
    assertThat(taken).isNotNull();
    return taken;
  }
}
