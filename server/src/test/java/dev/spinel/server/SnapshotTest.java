package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.keyspace.AwaitedSink;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// Snapshots under real load equal the data at the cut, whatever writers do meanwhile.
class SnapshotTest {
  private static final int KEYS = 1_500;

  @Test
  void snapshotsUnderLoadAreTheDataAtTheCut() throws Exception {
    try (Fixture fixture = new Fixture()) {
      AtomicBoolean stop = new AtomicBoolean();
      Crowd writers = new Crowd();
      for (int i = 0; i < 3; i++) {
        LocalSession session = fixture.session();
        Random random = new Random(7 + i);
        writers.start(
            () -> {
              while (!stop.get()) {
                write(session, random);
              }
            });
      }
      LocalSession reader = fixture.session();
      for (int round = 0; round < 12; round++) {
        SnapshotCheck.check(reader);
      }
      stop.set(true);
      writers.join();
    }
  }

  @Test
  void aSinkThatFailsIsAskedNoMoreAndTheNextSnapshotIsWhole() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      LocalSession walker = fixture.session();
      for (int seed = 0; seed < 40; seed++) {
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
          write(session, random);
        }
        for (int i = 0; i < 60; i++) {
          say(session, "SET", "s" + i, "v");
        }
        int[] left = {random.nextInt(60)};
        AtomicBoolean failed = new AtomicBoolean();
        AwaitedSink sink =
            new AwaitedSink() {
              private void step() {
                assertThat(failed.get()).as("asked after it failed").isFalse();
                if (left[0]-- == 0) {
                  failed.set(true);
                  throw new UncheckedIOException(new IOException("the disk is full"));
                }
              }

              @Override
              public void database(int number) {
                step();
              }

              @Override
              public void entry(long entry, long expiry) {
                step();
              }

              @Override
              public void open(long entry, long expiry, long count, boolean isTimed) {
                step();
              }

              @Override
              public void field(long field) {
                step();
              }

              @Override
              public void close() {
                step();
              }

              @Override
              public void drain() {
                for (int i = 0; i < 3; i++) {
                  write(session, random); // another's turn: nothing is held here
                }
              }
            };
        fixture.server.engine.keyspace.snapshots().take(sink);
        assertThat(sink.await()).hasMessageContaining("the disk is full");
        assertThat(fixture.server.engine.keyspace.walk().active()).isFalse();
        assertThat(fixture.server.engine.keyspace.walk().preservedBytes()).isZero();
        SnapshotCheck.check(walker);
      }
    }
  }

  @Test
  void drainingHoldsNobodyUp() throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      LocalSession walker = fixture.session();
      for (int i = 0; i < 2_000; i++) {
        say(session, "SET", "k" + i, "v");
      }
      int[] flushed = new int[1];
      new AwaitedSink() {
        @Override
        public void drain() {
          if (flushed[0]++ < 10) {
            assertThat(say(session, "FLUSHALL")).isEqualTo("+OK"); // stops the world
            say(session, "SET", "k" + flushed[0], "v");
          }
        }
      }.take(fixture.server.engine.keyspace);
      assertThat(flushed[0]).isGreaterThan(10);
      SnapshotCheck.check(walker);
    }
  }

  private static void write(LocalSession session, Random random) {
    String n = Integer.toString(random.nextInt(KEYS));
    String other = Integer.toString(random.nextInt(KEYS));
    String bitmap = "b" + random.nextInt(8); // up to 250 KB, in chunks
    String bit = Integer.toString(random.nextInt(2_000_000));
    String sketch = "p" + random.nextInt(20);
    String stream = "x" + random.nextInt(10);
    switch (random.nextInt(50)) {
      case 0, 1 -> say(session, "DEL", "s" + n, "h" + other);
      case 2 -> say(session, "APPEND", "s" + n, "tail");
      case 3 -> say(session, "INCR", "c" + n);
      case 4 -> say(session, "RPUSH", "l" + random.nextInt(30), "element" + n, other);
      case 5 -> say(session, "LPOP", "l" + random.nextInt(30));
      case 6 -> say(session, "HDEL", "big", "f" + n);
      case 7, 8, 9 -> say(session, "HSET", "big", "f" + n, "v" + other);
      case 10 -> say(session, "RENAME", "s" + n, "s" + other);
      case 11 -> say(session, "PEXPIRE", "s" + n, "100000000");
      case 12 -> say(session, "PERSIST", "s" + n);
      case 13 -> say(session, "COPY", "h" + n, "h" + other, "REPLACE");
      case 14 -> say(session, "HSET", "h" + n, "f" + random.nextInt(5), other);
      case 40 -> say(session, "HPEXPIRE", "big", "100000" + n, "FIELDS", "1", "f" + other);
      case 41 -> say(session, "HPEXPIRE", "h" + n, "100000" + n, "FIELDS", "2", "f0", "f3");
      case 42 -> say(session, "HPERSIST", "big", "FIELDS", "2", "f" + n, "f" + other);
      case 43 -> say(session, "HPEXPIRE", "h" + n, "0", "FIELDS", "1", "f" + random.nextInt(5));
      case 44, 45 -> say(session, "SADD", "set" + random.nextInt(3), "m" + n, "m" + other);
      case 46 -> say(session, "SREM", "set" + random.nextInt(3), "m" + n);
      case 47, 48 -> say(session, "ZADD", "z" + random.nextInt(3), n, "m" + other, other, "m" + n);
      case 49 -> say(session, "ZREM", "z" + random.nextInt(3), "m" + n);
      case 15 -> say(session, "SETRANGE", "s" + n, "3", "xyz");
      case 16 -> {
        if (random.nextInt(400) == 0) {
          say(session, "FLUSHALL");
        }
      }
      case 17, 18, 19 -> say(session, "SETBIT", bitmap, bit, "1");
      case 20 -> say(session, "BITFIELD", bitmap, "SET", "u63", bit, n, "INCRBY", "i64", n, other);
      case 25, 26, 27 -> say(session, "XADD", stream, "*", "f" + random.nextInt(3), n);
      case 28 -> say(session, "XTRIM", stream, "MAXLEN", "200");
      case 29 -> say(session, "XGROUP", "CREATE", stream, "g" + random.nextInt(3), "0");
      case 30, 31 -> {
        String group = "g" + random.nextInt(3);
        String consumer = "c" + random.nextInt(4);
        String count = "" + (1 + random.nextInt(20));
        say(
            session,
            "XREADGROUP",
            "GROUP",
            group,
            consumer,
            "COUNT",
            count,
            "STREAMS",
            stream,
            ">");
      }
      case 32 -> say(session, "XAUTOCLAIM", stream, "g" + random.nextInt(3), "c9", "0", "0");
      case 33 -> say(session, "XGROUP", "DELCONSUMER", stream, "g" + random.nextInt(3), "c1");
      case 22 -> say(session, "PFADD", sketch, n, other, bit);
      case 23 -> say(session, "PFCOUNT", sketch);
      case 24 -> say(session, "PFMERGE", sketch, "p" + random.nextInt(20));
      case 21 ->
          say(session, "BITOP", "XOR", bitmap, "b" + random.nextInt(8), "b" + random.nextInt(8));
      default -> say(session, "SET", "s" + n, "v".repeat(random.nextInt(100)));
    }
  }
}
