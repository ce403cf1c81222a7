package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.engine.Dispatcher;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.keyspace.Snapshot;
import dev.spinel.memory.Memory;
import dev.spinel.value.Entry;
import dev.spinel.value.Values;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// Snapshots under real load equal the data at the cut, whatever writers do meanwhile.
class SnapshotTest {
  private static final int KEYS = 1_500;

  @Test
  void snapshotsUnderLoadAreTheDataAtTheCut() throws Exception {
    try (Fixture fixture = new Fixture()) {
      AtomicBoolean stop = new AtomicBoolean();
      List<Thread> writers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        LocalSession session = fixture.session();
        Random random = new Random(7 + i);
        Thread thread =
            new Thread(
                () -> {
                  while (!stop.get()) {
                    write(session, random);
                  }
                });
        writers.add(thread);
        thread.start();
      }
      LocalSession reader = fixture.session();
      for (int round = 0; round < 12; round++) {
        compare(fixture, reader.dispatcher());
      }
      stop.set(true);
      for (Thread writer : writers) {
        writer.join(30_000);
        assertThat(writer.isAlive()).isFalse();
      }
    }
  }

  private static void write(LocalSession session, Random random) {
    String n = Integer.toString(random.nextInt(KEYS));
    String other = Integer.toString(random.nextInt(KEYS));
    switch (random.nextInt(24)) {
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
      case 15 -> say(session, "SETRANGE", "s" + n, "3", "xyz");
      case 16 -> {
        if (random.nextInt(400) == 0) {
          say(session, "FLUSHALL");
        }
      }
      default -> say(session, "SET", "s" + n, "v".repeat(random.nextInt(100)));
    }
  }

  private static void compare(Fixture fixture, Dispatcher dispatcher) {
    Keyspace keyspace = fixture.server.engine.keyspace;
    Map<String, String> expected = new TreeMap<>();
    Map<String, String> walked = new TreeMap<>();
    dispatcher.turnBegins();
    Seat seat = dispatcher.seat();
    Values values = seat.values;
    Memory memory = values.memory();
    Snapshot.take(
        keyspace,
        seat,
        () -> {
          for (int slot = 0; slot < Slots.COUNT; slot++) {
            long header = keyspace.database(0).header(slot);
            if (header != 0) {
              values
                  .dictionary()
                  .scan(
                      header,
                      0,
                      Integer.MAX_VALUE,
                      entry ->
                          expected.put(
                              text(Entry.key(memory, entry)),
                              Entry.expiry(memory, entry) + " " + value(values, entry)));
            }
          }
        },
        new Snapshot.Sink() {
          private String key = "";
          private String head = "";
          private TreeMap<String, String> fields = new TreeMap<>();
          private long count;

          @Override
          public void database(int number) {
            assertThat(number).isZero();
          }

          @Override
          public void entry(long entry, long expiry) {
            walked.put(text(Entry.key(memory, entry)), expiry + " " + value(values, entry));
          }

          @Override
          public void open(long entry, long expiry, long count) {
            key = text(Entry.key(memory, entry));
            head = expiry + " ";
            fields = new TreeMap<>();
            this.count = count;
          }

          @Override
          public void field(long field) {
            fields.put(text(Entry.key(memory, field)), text(Entry.value(memory, field)));
          }

          @Override
          public void close() {
            assertThat(fields).hasSize((int) count);
            walked.put(key, head + fields);
          }
        });
    dispatcher.turnEnds();
    assertThat(walked).isEqualTo(expected);
  }

  private static String value(Values values, long entry) {
    switch (Entry.type(values.memory(), entry)) {
      case Entry.STRING -> {
        return text(values.strings().bytes(entry));
      }
      case Entry.LIST -> {
        StringBuilder text = new StringBuilder();
        values.lists().iterate(entry, 0, true);
        while (values.lists().next()) {
          byte[] element = new byte[values.lists().elementLength()];
          values.lists().copyOut(element, 0);
          text.append(text(element)).append(',');
        }
        return text.toString();
      }
      default -> {
        TreeMap<String, String> fields = new TreeMap<>();
        values.hashes().each(entry, pair -> fields.put(text(pair.field()), text(pair.value())));
        return fields.toString();
      }
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
