package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.keyspace.AwaitedSink;
import dev.spinel.keyspace.Database;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.keyspace.Slots;
import dev.spinel.memory.Memory;
import dev.spinel.value.ConsumerGroups;
import dev.spinel.value.Entry;
import dev.spinel.value.StreamId;
import dev.spinel.value.StreamValue;
import dev.spinel.value.Values;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/// Snapshots that are compared with the data, as a simple loop reads them in the stopped world.
final class SnapshotCheck {
  private SnapshotCheck() {}

  /// Takes a snapshot and compares it with the data at its cut.
  static void check(LocalSession session) {
    check(session.server().engine.keyspace);
  }

  /// Takes a snapshot and compares it with the data at its cut.
  static void check(Keyspace keyspace) {
    Map<String, String> expected = new TreeMap<>();
    Map<String, String> walked = new TreeMap<>();
    new AwaitedSink() {
      private Values values;
      private Memory memory;

      @Override
      public void cut(Seat seat) {
        values = seat.values;
        memory = values.memory();
        for (int number = keyspace.nextUsed(0);
            number >= 0;
            number = keyspace.nextUsed(number + 1)) {
          Database database = keyspace.database(number);
          String prefix = number + " ";
          for (int slot = 0; database.used() && slot < Slots.COUNT; slot++) {
            long header = database.header(slot);
            if (header != 0) {
              values
                  .dictionary()
                  .scan(
                      header,
                      0,
                      Integer.MAX_VALUE,
                      entry ->
                          expected.put(
                              prefix + text(Entry.key(memory, entry)),
                              Entry.expiry(memory, entry) + " " + value(values, entry)));
            }
          }
        }
      }

      private String prefix = "";
      private String key = "";
      private int type;
      private String head = "";
      private TreeMap<String, String> fields = new TreeMap<>();
      private long count;
      private boolean isTimed;

      @Override
      public void database(int number) {
        prefix = number + " ";
      }

      private long shown;
      private long itsExpiry;
      private int pauses;

      @Override
      public void entry(long entry, long expiry) {
        shown = entry;
        itsExpiry = expiry;
        pauses = walked.size() % 7 == 0 ? 2 : 0; // meanwhile writers go on
      }

      @Override
      public boolean more() {
        if (pauses-- > 0) {
          return true;
        }
        if (shown != 0) {
          String value = value(values, shown);
          walked.put(prefix + text(Entry.key(memory, shown)), itsExpiry + " " + value);
          shown = 0;
        }
        return false;
      }

      @Override
      public void open(long entry, long expiry, long count, boolean isTimed) {
        type = Entry.type(memory, entry);
        key = prefix + text(Entry.key(memory, entry));
        head = expiry + " ";
        fields = new TreeMap<>();
        this.count = count;
        this.isTimed = isTimed;
      }

      @Override
      public void field(long field) {
        String value =
            switch (type) {
              case Entry.SET -> "";
              case Entry.ZSET -> Double.toString(score(memory, field));
              default -> {
                assertThat(isTimed || Entry.expiry(memory, field) < 0).as("times told").isTrue();
                yield text(values.strings().bytes(field)) + "@" + Entry.expiry(memory, field);
              }
            };
        fields.put(text(Entry.key(memory, field)), value);
      }

      @Override
      public void close() {
        assertThat(fields).hasSize((int) count);
        walked.put(key, head + fields);
      }
    }.take(keyspace);
    assertThat(walked).isEqualTo(expected);
  }

  private static String value(Values values, long entry) {
    switch (Entry.type(values.memory(), entry)) {
      case Entry.STRING -> {
        return text(values.strings().bytes(entry));
      }
      case Entry.LIST -> {
        StringBuilder text = new StringBuilder();
        values.lists().iterate(entry);
        while (values.lists().next()) {
          byte[] element = new byte[values.lists().elementLength()];
          values.lists().copyOut(element, 0);
          text.append(text(element)).append(',');
        }
        return text.toString();
      }
      case Entry.SET -> {
        TreeMap<String, String> members = new TreeMap<>();
        values.sets().each(entry, set -> members.put(text(set.member()), ""));
        return members.toString();
      }
      case Entry.ZSET -> {
        TreeMap<String, String> members = new TreeMap<>();
        values
            .sortedSets()
            .each(entry, at -> members.put(text(at.member()), Double.toString(at.score())));
        return members.toString();
      }
      case Entry.STREAM -> {
        return stream(values.streams(), entry);
      }
      default -> {
        TreeMap<String, String> fields = new TreeMap<>();
        values
            .hashes()
            .each(
                entry,
                pair -> fields.put(text(pair.field()), text(pair.value()) + "@" + pair.time()));
        return fields.toString();
      }
    }
  }

  private static String stream(StreamValue streams, long entry) {
    StringBuilder text = new StringBuilder();
    StreamId id = new StreamId();
    text.append(streams.lastId(entry, id)).append(' ').append(streams.length(entry)).append(' ');
    streams.seek(entry, new StreamId());
    while (streams.next()) {
      text.append(streams.id());
      streams.beginWords();
      while (streams.nextWord()) {
        byte[] word = new byte[streams.wordLength()];
        streams.copyWord(0, word, 0, word.length);
        text.append(' ').append(text(word));
      }
      text.append(',');
    }
    ConsumerGroups groups = streams.groups();
    for (boolean g = groups.firstGroup(entry); g; g = groups.nextGroup()) {
      text.append(text(groups.name())).append(groups.lastId(id)).append(':');
      for (boolean p = groups.firstPending(id.set(0, 0)); p; p = groups.nextPending()) {
        text.append(groups.pendingId(id)).append(text(groups.ownerName()));
        text.append(groups.deliveryTime()).append(',').append(groups.deliveries());
      }
      for (boolean c = groups.firstConsumer(); c; c = groups.nextConsumer()) {
        text.append(text(groups.consumerName())).append(groups.ownCount());
      }
    }
    return text.toString();
  }

  private static double score(Memory memory, long member) {
    return Double.longBitsToDouble(memory.getLong(Entry.valueAddress(memory, member)));
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
