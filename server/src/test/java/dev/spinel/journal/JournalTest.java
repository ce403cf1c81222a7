package dev.spinel.journal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class JournalTest {
  private final Journal journal = new Journal();

  /// Keeps what it reads, and what it was told.
  private static final class Kept implements Journal.Reader {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    long position;
    long offset;

    @Override
    public void append(byte[] from, int at, int length) {
      bytes.write(from, at, length);
    }

    @Override
    public void passed(long passed, long at) {
      position = passed;
      offset = at;
    }

    String text() {
      return bytes.toString(StandardCharsets.ISO_8859_1);
    }
  }

  private static String encoded(String... words) {
    StringBuilder text = new StringBuilder("*" + words.length + "\r\n");
    for (String word : words) {
      text.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return text.toString();
  }

  @Test
  void recordsOfSeveralThreadsComeInTheOrderOfTheirPositions() {
    Kept kept = new Kept();
    journal.attach(Journal.AOF, kept);
    Lane a = journal.lane();
    Lane b = journal.lane();
    Effects effects = new Effects(LargeSink.NONE);
    StringBuilder expected = new StringBuilder(encoded("SELECT", "0"));
    Random random = new Random(1);
    for (int i = 0; i < 5_000; i++) {
      String word = "v".repeat(random.nextInt(200)) + i;
      effects.database(0).add("SET", "k", word);
      expected.append(encoded("SET", "k", word));
      assertThat((random.nextBoolean() ? a : b).append(effects, Journal.ALL)).isEqualTo(i + 1);
      effects.clear();
      if (random.nextInt(50) == 0) {
        journal.merge();
      }
    }
    journal.merge();
    assertThat(kept.text()).isEqualTo(expected.toString());
    assertThat(kept.position).isEqualTo(5_000);
    assertThat(kept.offset).isEqualTo(journal.offset(Journal.AOF)).isEqualTo(expected.length());
  }

  @Test
  void eachAudienceGetsWhatIsForItWithItsOwnFraming() {
    Kept file = new Kept();
    Kept replicas = new Kept();
    journal.attach(Journal.AOF, file);
    journal.attach(Journal.REPLICAS, replicas);
    Lane lane = journal.lane();
    Effects effects = new Effects(LargeSink.NONE);
    effects.database(0).add("SET", "a", "1");
    effects.audiences(Journal.REPLICAS).database(Effects.NO_DATABASE).add("PUBLISH", "c", "m");
    effects.audiences(Journal.ALL).database(3).add("DEL", "b");
    lane.append(effects, Journal.ALL);
    effects.clear();
    effects.audiences(Journal.REPLICAS).command(1).add("PING");
    lane.append(effects, Journal.ALL);
    effects.clear();
    effects.database(0).add("SET", "a", "2");
    effects.audiences(Journal.REPLICAS).add("PUBLISH", "c", "n");
    lane.append(effects, Journal.ALL);
    effects.clear();
    effects.database(0).apart().add("DEL", "x").add("DEL", "y");
    lane.append(effects, Journal.AOF);
    journal.merge();
    assertThat(file.text())
        .isEqualTo(
            encoded("MULTI")
                + encoded("SELECT", "0")
                + encoded("SET", "a", "1")
                + encoded("SELECT", "3")
                + encoded("DEL", "b")
                + encoded("EXEC")
                + encoded("SELECT", "0")
                + encoded("SET", "a", "2")
                + encoded("DEL", "x")
                + encoded("DEL", "y"));
    assertThat(replicas.text())
        .isEqualTo(
            encoded("MULTI")
                + encoded("SELECT", "0")
                + encoded("SET", "a", "1")
                + encoded("PUBLISH", "c", "m")
                + encoded("SELECT", "3")
                + encoded("DEL", "b")
                + encoded("EXEC")
                + encoded("PING")
                + encoded("MULTI")
                + encoded("SELECT", "0")
                + encoded("SET", "a", "2")
                + encoded("PUBLISH", "c", "n")
                + encoded("EXEC"));
  }

  @Test
  void afterACutEachAudienceIsToldItsDatabaseAgain() {
    Kept kept = new Kept();
    journal.attach(Journal.AOF, kept);
    Lane lane = journal.lane();
    Effects effects = new Effects(LargeSink.NONE);
    effects.database(7).add("DEL", "a");
    lane.append(effects, Journal.ALL);
    long[] cut = journal.cut();
    assertThat(cut).containsExactly(kept.text().length(), 0, 0);
    lane.append(effects, Journal.ALL);
    journal.detach(Journal.AOF);
    String each = encoded("SELECT", "7") + encoded("DEL", "a");
    assertThat(kept.text()).isEqualTo(each + each);
    assertThat(journal.recording()).isFalse();
  }

  @Test
  void repliesWaitForAllWhoBindThem() {
    assertThat(journal.released()).isEqualTo(Long.MAX_VALUE);
    AtomicLong told = new AtomicLong();
    journal.onRelease(told::incrementAndGet);
    Journal.Binding file = journal.bind();
    Journal.Binding quorum = journal.bind();
    assertThat(journal.bound()).isTrue();
    file.release(10);
    quorum.release(4);
    assertThat(journal.released()).isEqualTo(4);
    quorum.release(2);
    assertThat(journal.released()).as("never goes back").isEqualTo(4);
    assertThat(told.get()).isEqualTo(2);
    quorum.end();
    assertThat(journal.released()).isEqualTo(10);
    file.end();
    assertThat(journal.bound()).isFalse();
    assertThat(journal.released()).isEqualTo(Long.MAX_VALUE);
  }

  /// Threads change counters under locks, as commands do, and write down what they did: short
  /// records, transactions, and such as don't fit into a lane. A reader must find each counter
  /// going up by one.
  @Test
  void theOrderOfTheJournalIsThatInWhichEachSlotWasLocked() throws Exception {
    for (int round = 0; round < 5; round++) {
      Journal shared = new Journal();
      Kept kept = new Kept();
      Kept other = new Kept();
      shared.attach(Journal.AOF, kept);
      shared.attach(Journal.REPLICAS, other);
      ReentrantLock[] locks = new ReentrantLock[4];
      long[] counters = new long[locks.length];
      for (int i = 0; i < locks.length; i++) {
        locks[i] = new ReentrantLock();
      }
      CyclicBarrier begin = new CyclicBarrier(3);
      List<Throwable> failures = new ArrayList<>();
      Thread[] threads = new Thread[3];
      for (int t = 0; t < threads.length; t++) {
        Random random = new Random(round * 31L + t);
        threads[t] =
            new Thread(
                () -> {
                  try {
                    begin.await();
                    work(shared, locks, counters, random);
                  } catch (Throwable e) {
                    failures.add(e);
                  }
                });
        threads[t].start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures).isEmpty();
      shared.merge();
      String text = kept.text();
      assertThat(kept.position).isEqualTo(shared.position());
      assertThat(text).isEqualTo(other.text());
      long[] seen = new long[counters.length];
      int at = 0;
      for (int next; (next = text.indexOf("<", at)) >= 0; at = next + 1) {
        int end = text.indexOf(">", next);
        String[] said = text.substring(next + 1, end).split(" ");
        assertThat(Long.parseLong(said[1])).isEqualTo(++seen[Integer.parseInt(said[0])]);
      }
      assertThat(seen).isEqualTo(counters);
    }
  }

  private static void work(Journal journal, ReentrantLock[] locks, long[] counters, Random random) {
    Lane lane = journal.lane();
    Effects effects = new Effects(LargeSink.NONE);
    for (int i = 0; i < 3_000; i++) {
      int which = random.nextInt(locks.length);
      locks[which].lock();
      try {
        int kind = random.nextInt(100);
        effects.database(random.nextInt(2));
        effects.add("SET", "<" + which + " " + ++counters[which] + ">");
        if (kind == 0) {
          effects.command(Args.of("MSET", "k", "x".repeat(70_000)));
        } else if (kind == 1) {
          effects.add("SET", "k", "x".repeat(40_000));
        } else if (kind < 10) {
          effects.database(2).add("SET", "<" + which + " " + ++counters[which] + ">");
        }
        lane.append(effects, Journal.ALL);
      } finally {
        locks[which].unlock();
      }
      effects.clear();
      if (random.nextInt(40) == 0) {
        journal.merge();
      }
    }
    journal.merge();
    lane.close();
  }
}
