package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;

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
      journal.bind(true);
      assertThat(say(a, "SET", "k", "1")).isEmpty();
      long first = journal.position();
      assertThat(say(a, "SET", "k", "2")).isEmpty();
      assertThat(say(b, "GET", "k")).as("a read of what isn't safe yet waits too").isEmpty();
      assertThat(say(b, "GET", "untouched")).as("replies keep their order").isEmpty();
      journal.release(first);
      assertThat(text(a.run())).isEqualTo("+OK");
      assertThat(text(b.run())).isEmpty();
      journal.release(journal.position());
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
}
