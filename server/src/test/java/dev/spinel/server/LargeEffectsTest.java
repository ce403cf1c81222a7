package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.spinel.journal.Journal;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// Effects that carry large arguments: recorded whole, without a copy on the Java heap, whatever
/// the command does with the value.
class LargeEffectsTest {
  private static final int MB = 1 << 20;

  @Test
  void aLargeEffectIsReadPieceByPiece() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      fixture.server.engine.journal.detach(Journal.AOF);
      long[] got = new long[2]; // bytes, and a sum of them
      fixture.server.engine.journal.attach(
          Journal.AOF,
          (bytes, from, length) -> {
            got[0] += length;
            for (int i = from; i < from + length; i++) {
              got[1] += bytes[i] & 0xff;
            }
          });
      byte[] piece = new byte[MB];
      Arrays.fill(piece, (byte) 7);
      var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      byte[] head = Server.ascii("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" + 100 * MB + "\r\n");
      long before = threads.getThreadAllocatedBytes(Thread.currentThread().threadId());
      session.run(head);
      for (int i = 0; i < 100; i++) {
        session.run(piece);
      }
      assertThat(Fixture.text(session.run(Server.ascii("\r\n")))).isEqualTo("+OK");
      long allocated = threads.getThreadAllocatedBytes(Thread.currentThread().threadId()) - before;
      assertThat(allocated).as("bytes of the Java heap").isLessThan(4 * MB);
      assertThat(got[0]).isGreaterThan(100 * MB);
      assertThat(got[1]).isGreaterThan(700L * MB);
      assertThat(say(session, "STRLEN", "k")).isEqualTo(":" + 100 * MB);
      say(session, "DEL", "k");
      fixture.server.engine.journal.detach(Journal.AOF);
    }
  }

  @Test
  void aValueThatIsGoneWhenTheCallEndsIsRecorded() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      String large = "y".repeat(40_000);
      String other = "z".repeat(50_000);
      say(session, "MSET", "a", large, "b", "1", "a", other);
      say(session, "MULTI");
      say(session, "SET", "c", large, "EX", "100");
      say(session, "RPUSH", "l", large, other, "small");
      say(session, "LPOP", "l");
      say(session, "DEL", "c");
      say(session, "HSET", "h", "f", large, "g", other);
      say(session, "HDEL", "h", "f");
      say(session, "SETRANGE", "d", "3", large);
      say(session, "APPEND", "d", other);
      assertThat(say(session, "EXEC"))
          .isEqualTo("*8 +OK :3 $40000 " + large + " :1 :2 :1 :40003 :90003");
      assertThat(fixture.effects()).contains(other).contains("PXAT");
      assertThat(say(session, "GETSET", "a", large)).isEqualTo("$50000 " + other);
    }
  }

  @Test
  void aCallOfManyWordsIsRecordedWithoutACopy() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      String[] words = new String[60_001];
      words[0] = "MSET";
      for (int i = 1; i < words.length; i += 2) {
        words[i] = "key" + i;
        words[i + 1] = "value" + i;
      }
      assertThat(say(session, words)).isEqualTo("+OK");
      say(session, "MULTI");
      say(session, words);
      say(session, "SET", "key1", "other");
      assertThat(say(session, "EXEC")).isEqualTo("*2 +OK +OK");
      assertThat(say(session, "DBSIZE")).isEqualTo(":30000");
      assertThat(say(session, "GET", "key3")).isEqualTo("$6 value3");
    }
  }
}
