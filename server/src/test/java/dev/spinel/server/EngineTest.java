package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.wire.Args;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// What the engine promises, whatever the command: transactions, watches, expiry, effects, bound
/// replies.
class EngineTest {
  @Test
  void execRunsTheQueueAndRecordsItAsOne() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      assertThat(say(a, "MULTI")).isEqualTo("+OK");
      assertThat(say(a, "SET", "k", "1")).isEqualTo("+QUEUED");
      assertThat(say(a, "INCR", "k")).isEqualTo("+QUEUED");
      assertThat(say(a, "EXEC")).isEqualTo("*2 +OK :2");
      assertThat(fixture.effects())
          .isEqualTo(
              "*1 $5 MULTI *2 $6 SELECT $1 0 *3 $3 SET $1 k $1 1 *2 $4 INCR $1 k *1 $4 EXEC");
    }
  }

  @Test
  void replicasAreToldOfMessagesInTheDatabaseOfTheirPublisher() {
    try (Fixture fixture = new Fixture()) {
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      fixture.server.engine.journal.attach(Journal.REPLICAS, stream::write);
      LocalSession a = fixture.session();
      say(a, "SELECT", "9");
      say(a, "PUBLISH", "c", "m");
      say(a, "MULTI");
      say(a, "SET", "k", "v");
      say(a, "SPUBLISH", "s", "n");
      say(a, "EXEC");
      assertThat(text(stream.toByteArray()))
          .isEqualTo(
              "*2 $6 SELECT $1 9 *3 $7 PUBLISH $1 c $1 m *1 $5 MULTI *3 $3 SET $1 k $1 v"
                  + " *3 $8 SPUBLISH $1 s $1 n *1 $4 EXEC");
      assertThat(fixture.effects()).isEqualTo("*2 $6 SELECT $1 9 *3 $3 SET $1 k $1 v");
    }
  }

  @Test
  void anErrorWhileQueueingAbortsTheTransaction() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "MULTI");
      assertThat(say(a, "SET", "k")).isEqualTo("-ERR wrong number of arguments for 'set' command");
      assertThat(say(a, "EXEC"))
          .isEqualTo("-EXECABORT Transaction discarded because of previous errors.");
      assertThat(say(a, "EXEC")).isEqualTo("-ERR EXEC without MULTI");
      assertThat(say(a, "DISCARD")).isEqualTo("-ERR DISCARD without MULTI");
    }
  }

  @Test
  void aWatchedKeyThatChangesBreaksTheTransaction() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "WATCH", "k");
      say(b, "SET", "k", "1");
      say(a, "MULTI");
      say(a, "SET", "k", "2");
      assertThat(say(a, "EXEC")).isEqualTo("*-1");
      assertThat(say(a, "GET", "k")).isEqualTo("$1 1");
    }
  }

  @Test
  void aWatchedKeyThatExpiresBreaksTheTransaction() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1", "PX", "100");
      say(a, "WATCH", "k");
      fixture.clock.forward(101);
      say(a, "MULTI");
      say(a, "PERSIST", "other");
      assertThat(say(a, "EXEC")).isEqualTo("*-1");
    }
  }

  @Test
  void flushAndSwapBreakWatchesOfKeysThatWereThere() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(b, "SET", "k", "1");
      say(a, "WATCH", "k");
      say(b, "SWAPDB", "0", "1");
      say(a, "MULTI");
      assertThat(say(a, "EXEC")).isEqualTo("*-1");
      say(a, "WATCH", "absent");
      say(b, "FLUSHALL");
      say(a, "MULTI");
      assertThat(say(a, "EXEC")).isEqualTo("*0");
    }
  }

  @Test
  void aSwapBringsAKeyThatExpiresThisMillisecond() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      for (long late = 0; late < 2; late++) {
        say(b, "SELECT", "1");
        say(b, "SET", "k", "1", "PX", "100");
        say(a, "WATCH", "k");
        fixture.clock.forward(100 + late);
        say(b, "SWAPDB", "0", "1");
        say(a, "MULTI");
        assertThat(say(a, "EXEC")).isEqualTo(late == 0 ? "*-1" : "*0");
        say(b, "FLUSHALL");
      }
    }
  }

  @Test
  void anExpiredKeyIsGoneForReadersAndItsRemovalIsAnEffect() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1", "PX", "100");
      fixture.clock.forward(99);
      assertThat(say(a, "GET", "k")).isEqualTo("$1 1");
      fixture.clock.forward(2);
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
      assertThat(fixture.effects()).contains("*2 $3 DEL $1 k");
    }
  }

  @Test
  void relativeTimesAreRecordedAsAbsoluteOnes() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1", "EX", "100");
      assertThat(fixture.effects())
          .endsWith("*5 $3 SET $1 k $1 1 $4 PXAT $13 " + (fixture.clock.millis() + 100_000));
    }
  }

  @Test
  void boundRepliesWaitForTheirPositionAndLeaveInOrder() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      var journal = fixture.server.engine.journal;
      var binding = fixture.bind();
      assertThat(say(a, "SET", "k", "1")).isEmpty();
      long first = journal.position();
      assertThat(say(a, "SET", "k", "2")).isEmpty();
      assertThat(say(b, "GET", "k")).as("a read of what isn't safe yet waits too").isEmpty();
      assertThat(say(b, "GET", "untouched")).as("replies keep their order").isEmpty();
      binding.release(first);
      assertThat(text(a.run())).isEqualTo("+OK");
      assertThat(text(b.run())).isEmpty();
      binding.release(journal.position());
      assertThat(text(a.run())).isEqualTo("+OK");
      assertThat(text(b.run())).isEqualTo("$1 2 $-1");
    }
  }

  @Test
  void whatChangesNothingHasNoEffect() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1");
      String before = fixture.effects();
      say(a, "GET", "k");
      say(a, "DEL", "absent");
      assertThat(fixture.effects()).isEqualTo(before);
    }
  }

  @Test
  void unknownCommandsAreNamedWithTheirArguments() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      assertThat(say(a, "nonsense", "a", "b"))
          .isEqualTo("-ERR unknown command 'nonsense', with args beginning with: 'a' 'b'");
    }
  }

  @Test
  void newKeysAndMissesAreNotifiedIfWanted() {
    try (Fixture fixture = new Fixture("notify-keyspace-events", "Enm")) {
      LocalSession session = fixture.session();
      LocalSession listener = fixture.session();
      say(listener, "PSUBSCRIBE", "*");
      say(session, "SET", "a", "1");
      say(session, "SET", "a", "2");
      say(session, "RENAME", "a", "b");
      say(session, "LMOVE", "none", "to", "LEFT", "LEFT");
      say(session, "EXISTS", "a", "b");
      say(session, "GETSET", "c", "1");
      say(session, "COPY", "b", "c", "REPLACE");
      List<String> events = new ArrayList<>();
      Matcher matcher = Pattern.compile("__:(\\w+) \\$1 (\\w)").matcher(say(listener));
      while (matcher.find()) {
        events.add(matcher.group(1) + " " + matcher.group(2));
      }
      assertThat(events)
          .containsExactly("new a", "new b", "keymiss a", "keymiss c", "new c", "new c");
    }
  }

  @Test
  void aSweepInATransactionDoesNotSplitIt() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "DEBUG", "SET-ACTIVE-EXPIRE", "0"); // the sweep finds it, not the keeper
      say(a, "SET", "old", "1", "PX", "10");
      fixture.clock.forward(1_000);
      for (String sweep : List.of("KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE")) {
        String before = fixture.effects();
        say(a, "MULTI");
        say(a, "SET", "a", "1");
        say(a, sweep.split(" "));
        say(a, "SET", "b", "1");
        say(a, "EXEC");
        assertThat(fixture.effects().substring(before.length()).strip())
            .as(sweep)
            .startsWith("*1 $5 MULTI")
            .endsWith("*3 $3 SET $1 b $1 1 *1 $4 EXEC")
            .containsOnlyOnce("EXEC");
      }
    }
  }

  @Test
  void aKeyThatIsTooLongIsRefusedBeforeAnythingChanges() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      String tooLong = "k".repeat(2 << 20);
      assertThat(say(a, "MSET", "a", "1", tooLong, "2")).startsWith("-ERR keys of more than");
      assertThat(say(a, "EXISTS", "a")).isEqualTo(":0");
      say(a, "SET", "a", "1");
      assertThat(say(a, "RENAME", "a", tooLong)).startsWith("-ERR keys of more than");
      assertThat(say(a, "DEL", "a", tooLong)).isEqualTo(":1");
      assertThat(say(a, "EXISTS", tooLong)).isEqualTo(":0");
      assertThat(say(a, "LPOP", tooLong)).isEqualTo("$-1");
    }
  }

  @Test
  void repliesThatAreSwitchedOffStayOff() {
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "CLIENT", "REPLY", "SKIP");
      say(a, "BLPOP", "l", "0");
      say(b, "RPUSH", "l", "x");
      assertThat(text(a.run())).isEmpty();
      assertThat(say(a, "PING")).isEqualTo("+PONG");
      say(a, "CLIENT", "REPLY", "SKIP");
      say(a, "BLPOP", "l", "0.01");
      assertThat(text(a.await(300))).isEmpty();
      assertThat(say(a, "PING")).isEqualTo("+PONG");
      say(a, "CLIENT", "REPLY", "SKIP");
      assertThat(say(a, "RESET")).isEmpty();
      assertThat(say(a, "PING")).isEqualTo("+PONG");
      say(a, "MULTI");
      say(a, "CLIENT", "REPLY", "OFF");
      say(a, "PING");
      assertThat(say(a, "EXEC")).isEqualTo("*2");
      assertThat(say(a, "PING")).isEmpty();
      assertThat(say(a, "CLIENT", "REPLY", "ON")).isEqualTo("+OK");
    }
  }

  @Test
  void httpIsNotSpokenHere() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      byte[] page = Server.ascii("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET pwned 1\r\n");
      assertThat(text(a.run(page))).isEmpty();
      assertThat(a.ended()).isTrue();
      LocalSession b = fixture.session();
      assertThat(text(b.run(Server.ascii("hOST: x\r\nSET pwned 1\r\n")))).isEmpty();
      assertThat(b.ended()).isTrue();
      assertThat(say(fixture.session(), "DBSIZE")).isEqualTo(":0");
    }
  }

  @Test
  void whatSessionsKeepOfTheHeapIsBounded() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      var heap = fixture.server.engine.heap;
      heap.limit(200_000);
      say(a, "MULTI");
      String reply = "";
      for (int i = 0; i < 5_000 && !reply.startsWith("-"); i++) {
        reply = say(a, "SET", "k" + i, "a value");
      }
      assertThat(reply).startsWith("-OOM the server's Java heap");
      assertThat(say(a, "EXEC")).startsWith("-EXECABORT");
      assertThat(heap.heldBytes()).isZero();
      reply = "";
      for (int i = 0; i < 5_000 && !reply.startsWith("-"); i++) {
        reply = say(a, "SUBSCRIBE", "channel" + i);
      }
      assertThat(reply).startsWith("-OOM the server's Java heap");
      assertThat(heap.heldBytes()).isPositive();
      say(a, "UNSUBSCRIBE");
      assertThat(heap.heldBytes()).isZero();
      say(a, "SUBSCRIBE", "x", "y");
      say(a, "RESET");
      assertThat(heap.heldBytes()).isZero();
      assertThat(say(a, "ECHO", "z".repeat(150_000))).startsWith("-OOM the server's Java heap");
      reply = "";
      for (int i = 0; i < 100 && !reply.startsWith("-"); i++) {
        reply = say(a, "WATCH", i + "w".repeat(10_000));
      }
      assertThat(reply).startsWith("-OOM the server's Java heap");
      say(a, "UNWATCH");
      assertThat(heap.heldBytes()).isZero();
      assertThat(say(a, "BLPOP", "z".repeat(30_000), "0")).isEmpty();
      assertThat(heap.heldBytes()).isPositive();
      a.close();
      assertThat(heap.heldBytes()).isZero();
    }
  }

  @Test
  void whatATransactionPublishesToItselfComesBehindItsReply() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "HELLO", "3");
      say(session, "SUBSCRIBE", "a");
      say(session, "MULTI");
      say(session, "PUBLISH", "a", "x");
      var requests = new ByteArrayOutputStream();
      requests.writeBytes(LocalSession.request("EXEC"));
      requests.writeBytes(LocalSession.request("PING"));
      assertThat(text(session.run(requests.toByteArray())))
          .isEqualTo("*1 :1 >3 $7 message $1 a $1 x +PONG");
    }
  }

  @Test
  void messagesComeBeforeTheEndOfTheirSubscription() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "HELLO", "3");
      say(session, "SUBSCRIBE", "a", "b");
      say(session, "PSUBSCRIBE", "a*");
      var requests = new ByteArrayOutputStream();
      requests.writeBytes(LocalSession.request("PUBLISH", "a", "1"));
      requests.writeBytes(LocalSession.request("PUBLISH", "b", "2"));
      requests.writeBytes(LocalSession.request("UNSUBSCRIBE", "a"));
      assertThat(text(session.run(requests.toByteArray())))
          .isEqualTo(
              ":2 >3 $7 message $1 a $1 1 >4 $8 pmessage $2 a* $1 a $1 1"
                  + " :1 >3 $7 message $1 b $1 2 >3 $11 unsubscribe $1 a :2");
    }
  }

  @Test
  void whatWasSaidBeforeComesBeforeTheConfirmation() {
    try (Fixture fixture = new Fixture("notify-keyspace-events", "KEA")) {
      LocalSession one = fixture.session();
      LocalSession other = fixture.session();
      say(one, "SUBSCRIBE", "__keyevent@0__:set");
      say(other, "SET", "k", "1");
      // in one go, without a look at the mailbox between
      one.dispatcher().turnBegins();
      one.dispatcher().execute(one.session(), Args.of("UNSUBSCRIBE"));
      one.dispatcher().turnEnds();
      assertThat(text(one.run()))
          .startsWith("*3 $7 message $18 __keyevent@0__:set $1 k")
          .endsWith("*3 $11 unsubscribe $18 __keyevent@0__:set :0");
      say(one, "SUBSCRIBE", "news");
      say(other, "PUBLISH", "news", "x");
      assertThat(say(one, "RESET")).isEqualTo("*3 $7 message $4 news $1 x +RESET");
    }
  }

  @Test
  void aKeyLivesThroughItsLastMillisecond() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      say(a, "SET", "k", "1", "PX", "100");
      fixture.clock.forward(100);
      assertThat(say(a, "PTTL", "k")).isEqualTo(":0");
      assertThat(say(a, "GET", "k")).isEqualTo("$1 1");
      fixture.clock.forward(1);
      assertThat(say(a, "GET", "k")).isEqualTo("$-1");
    }
  }

  @Test
  void theLastCommandIsShownThoughItWasOnlyQueuedOrRefused() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      say(a, "MULTI");
      say(a, "SET", "k", "1");
      assertThat(say(b, "CLIENT", "LIST")).contains("cmd=set");
      say(a, "GET");
      assertThat(say(b, "CLIENT", "LIST")).contains("cmd=get");
      say(a, "nonsense");
      assertThat(say(b, "CLIENT", "LIST")).contains("cmd=NULL");
    }
  }

  @Test
  void aStringStaysBelowTwoGigabytesWhateverTheLimit() {
    try (Fixture fixture = new Fixture("proto-max-bulk-len", "8gb")) {
      LocalSession session = fixture.session();
      say(session, "SET", "k", "abc");
      for (String offset :
          List.of("2147483600", "3000000000", "8589934500", "9223372036854775807")) {
        assertThat(say(session, "SETRANGE", "k", offset, "X"))
            .isEqualTo("-ERR string exceeds maximum allowed size (proto-max-bulk-len)");
      }
      assertThat(say(session, "GET", "k")).isEqualTo("$3 abc");
    }
  }

  @Test
  void waitsForManyKeysAreServedAndHoldNobodyUp() {
    try (Fixture fixture = new Fixture()) {
      List<LocalSession> waiting = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        LocalSession session = fixture.session();
        String[] words = new String[1_502];
        words[0] = "BLPOP";
        for (int k = 1; k < words.length - 1; k++) {
          words[k] = "own" + i + ":" + k;
        }
        words[1_500] = "shared";
        words[1_501] = "0";
        assertThat(say(session, words)).isEmpty();
        waiting.add(session);
      }
      LocalSession writer = fixture.session();
      for (int i = 0; i < 2_000; i++) {
        assertThat(say(writer, "SET", "k" + i, "v")).isEqualTo("+OK");
      }
      assertThat(say(writer, "RPUSH", "own7:9", "x")).isEqualTo(":1");
      assertThat(text(waiting.get(7).run())).isEqualTo("*2 $6 own7:9 $1 x");
      assertThat(say(writer, "RPUSH", "shared", "y", "z")).isEqualTo(":2");
      assertThat(text(waiting.get(0).run())).isEqualTo("*2 $6 shared $1 y");
      assertThat(text(waiting.get(1).run())).isEqualTo("*2 $6 shared $1 z");
      say(writer, "MULTI");
      say(writer, "RPUSH", "own3:3", "w");
      say(writer, "SET", "k1", "v");
      assertThat(say(writer, "EXEC")).isEqualTo("*2 :1 +OK");
      assertThat(text(waiting.get(3).run())).isEqualTo("*2 $6 own3:3 $1 w");
    }
  }

  @Test
  void whatExpiresWhileItIsServedIsJournalledAtOnce() {
    try (Fixture fixture = new Fixture()) {
      LocalSession a = fixture.session();
      LocalSession b = fixture.session();
      LocalSession waiting = fixture.session();
      say(a, "SELECT", "1");
      say(a, "RPUSH", "k", "x");
      say(a, "PEXPIRE", "k", "10");
      say(a, "SELECT", "0");
      assertThat(say(waiting, "BLPOP", "k", "0")).isEmpty();
      fixture.clock.forward(100);
      assertThat(say(a, "SWAPDB", "0", "1")).isEqualTo("+OK");
      say(b, "CLIENT", "UNBLOCK", "" + waiting.session().id);
      assertThat(say(b, "RPUSH", "k", "kept")).isEqualTo(":1");
      say(a, "SET", "z", "1");
      assertThat(fixture.effects()).containsSubsequence("SWAPDB", "DEL", "RPUSH", "kept", "SET");
    }
  }

  @Test
  void aLargeReplyToAWaitingClientIsNotBuiltOnTheJavaHeap() {
    try (Fixture fixture = new Fixture()) {
      LocalSession waiting = fixture.session();
      LocalSession gone = fixture.session();
      LocalSession other = fixture.session();
      String large = "0123456789abcdef".repeat(1 << 20);
      say(other, "RPUSH", "source", large, large, large);
      var threads =
          (com.sun.management.ThreadMXBean)
              java.lang.management.ManagementFactory.getThreadMXBean();
      assertThat(say(waiting, "BLMPOP", "0", "1", "list", "LEFT")).isEmpty();
      byte[] move = LocalSession.request("LMOVE", "source", "list", "LEFT", "RIGHT");
      say(other, "CLIENT", "REPLY", "OFF"); // its own reply is an element, too
      for (int i = 0; i < 2; i++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        other.run(move);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated).as("bytes of heap allocated").isLessThan(large.length() / 4);
        if (i == 0) {
          assertThat(say(waiting)).isEqualTo("*2 $4 list *1 $" + large.length() + " " + large);
          say(gone, "BLPOP", "list", "0");
        }
      }
      gone.close(); // its reply is on its way: it goes with it
      say(other, "CLIENT", "REPLY", "ON");
      assertThat(say(other, "LLEN", "source")).isEqualTo(":1");
      assertThat(say(other, "EXISTS", "list")).isEqualTo(":0");
    }
  }

  @Test
  void keysThatAScanFindsExpiredAreNoTransaction() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "DEBUG", "SET-ACTIVE-EXPIRE", "0");
      say(session, "SET", "{x}a", "1", "PX", "10");
      say(session, "SET", "{x}b", "1", "PX", "10");
      fixture.clock.forward(100);
      String before = fixture.effects();
      say(session, "SCAN", "0", "COUNT", "1000");
      String after = fixture.effects().substring(before.length());
      assertThat(after).contains("{x}a", "{x}b").doesNotContain("MULTI");
      say(session, "MULTI");
      say(session, "SET", "c", "1");
      say(session, "SET", "d", "1");
      say(session, "EXEC");
      assertThat(fixture.effects()).as("behind it").contains("MULTI");
    }
  }
}
