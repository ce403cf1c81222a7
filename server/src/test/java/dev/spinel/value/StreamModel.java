package dev.spinel.value;

import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// A naive stream, and random changes of one beside the same changes of a real one.
final class StreamModel {
  private record Pending(long time, long deliveries, String consumer) {}

  private record Consumer(long seen, long active) {}

  private static final class Group {
    StreamId last = new StreamId();
    long read;
    final TreeMap<StreamId, Pending> pending = new TreeMap<>();
    final TreeMap<String, Consumer> consumers = new TreeMap<>();

    Group copy() {
      Group copy = new Group();
      copy.last = new StreamId(last.ms, last.seq);
      copy.read = read;
      copy.pending.putAll(pending);
      copy.consumers.putAll(consumers);
      return copy;
    }
  }

  private final TreeMap<StreamId, List<String>> entries = new TreeMap<>();
  private final TreeMap<String, Group> groups = new TreeMap<>();
  private StreamId last = new StreamId();
  private StreamId deleted = new StreamId();
  private long added;

  StreamModel copy() {
    StreamModel copy = new StreamModel();
    copy.entries.putAll(entries);
    groups.forEach((name, group) -> copy.groups.put(name, group.copy()));
    copy.last = last;
    copy.deleted = deleted;
    copy.added = added;
    return copy;
  }

  int length() {
    return entries.size();
  }

  /// Words of a list.
  static StreamValue.Words words(List<String> list, Values values, int largeFrom) {
    return new StreamValue.Words() {
      @Override
      public int count() {
        return list.size();
      }

      @Override
      public Slice at(int i) {
        String word = list.get(i);
        if (word.length() < largeFrom) return Slice.of(word);
        byte[] bytes = word.getBytes(StandardCharsets.ISO_8859_1);
        LargeStrings large = values.large();
        long node = large.begin(bytes.length);
        large.fill(node, 0, bytes, 0, bytes.length);
        Slice slice = new Slice();
        slice.node = node;
        slice.length = bytes.length;
        made.add(node);
        return slice;
      }

      @Override
      public int lengthAt(int i) {
        return list.get(i).length();
      }
    };
  }

  /// Nodes of large words, which the test frees.
  private static final List<Long> made = new ArrayList<>();

  // ── random changes ──

  private static StreamId some(Random random, TreeMap<StreamId, ?> from) {
    if (from.isEmpty() || random.nextInt(8) == 0) {
      return new StreamId(random.nextInt(50), random.nextInt(3));
    }
    int n = random.nextInt(from.size());
    if (random.nextBoolean()) n = Math.min(n, 3);
    for (StreamId id : from.keySet()) if (n-- == 0) return id;
    throw new AssertionError();
  }

  private static String word(Random random, int typical) {
    return switch (random.nextInt(8)) {
      case 0 -> Integer.toString(random.nextInt(1000) - 500);
      case 1 -> Long.toString(random.nextLong());
      case 2 -> "";
      case 3 -> "x".repeat(random.nextInt(typical * 4));
      default -> "w" + random.nextInt(100);
    };
  }

  private static final String[] NAMES = {
    "", "a", "b", "bbbbbbbb", "bbbbbbbbb", "c\0", "c\0\0", "z"
  };

  private static String name(Random random) {
    String name = NAMES[random.nextInt(NAMES.length)];
    return random.nextInt(4) == 0 ? name + random.nextInt(60) : name;
  }

  /// Changes both in the same way.
  ///
  /// @param hugeOneIn of how many words one is larger than a node
  void change(Random random, Values values, Place place, int hugeOneIn) {
    StreamValue streams = values.streams();
    switch (random.nextInt(12)) {
      case 0 -> {
        StreamId id = some(random, entries);
        boolean there = entries.remove(id) != null;
        check(streams.delete(place, id) == there, "delete");
        if (there) {
          if (id.compareTo(deleted) > 0) deleted = new StreamId(id.ms, id.seq);
          streams.deletedSome(place);
        }
      }
      case 1 -> {
        int most = Math.max(0, entries.size() - random.nextInt(1 + random.nextInt(40)));
        long gone = streams.trim(place, new StreamValue.Trim(most, null, false, 0));
        check(gone == entries.size() - most, "trim by length");
        while (entries.size() > most) entries.pollFirstEntry();
      }
      case 2 -> {
        StreamId least = some(random, entries);
        if (random.nextInt(3) > 0) break;
        long gone = streams.trim(place, new StreamValue.Trim(0, least, false, 0));
        check(gone == entries.headMap(least).size(), "trim by id");
        entries.headMap(least).clear();
      }
      case 3, 4, 5 -> changeGroup(random, values, place);
      default -> {
        for (int i = random.nextInt(8); i >= 0; i--) append(random, values, place, hugeOneIn);
      }
    }
  }

  private void append(Random random, Values values, Place place, int hugeOneIn) {
    StreamId id = new StreamId(last.ms, last.seq);
    if (random.nextBoolean()) id.set(id.ms + random.nextInt(1 << random.nextInt(20)), id.seq);
    id.seq += 1 + random.nextInt(3);
    List<String> words = new ArrayList<>();
    int fields = random.nextInt(5) == 0 ? 1 + random.nextInt(4) : 2;
    for (int i = 0; i < fields; i++) {
      words.add(random.nextInt(9) == 0 ? word(random, 5) : "field" + i);
      boolean huge = hugeOneIn > 0 && random.nextInt(hugeOneIn) == 0;
      words.add(huge ? "y".repeat(1 << 20) + random.nextInt(1000) : word(random, 20));
    }
    int maxEntries = random.nextInt(30) == 0 ? random.nextInt(5) : 7;
    values.streams().append(place, id, words(words, values, 100_000), 200, maxEntries);
    for (long node : made) values.large().abandon(node);
    made.clear();
    entries.put(id, words);
    last = id;
    added++;
  }

  private void changeGroup(Random random, Values values, Place place) {
    ConsumerGroups real = values.streams().groups();
    String name = name(random);
    Group group = groups.get(name);
    Slice slice = Slice.of(name);
    if (group == null || random.nextInt(40) == 0) {
      if (random.nextInt(3) > 0) {
        check(real.create(place, slice, last.ms, last.seq, 7) == (group == null), "create");
        if (group == null) {
          group = new Group();
          group.last.set(last);
          group.read = 7;
          groups.put(name, group);
        }
      } else if (random.nextInt(3) == 0) {
        check(real.destroy(place, slice) == (group != null), "destroy");
        groups.remove(name);
      }
      return;
    }
    check(real.open(place, slice), "a group");
    group.last = new StreamId(random.nextInt(100), random.nextLong());
    real.setLastId(group.last);
    group.read = random.nextInt();
    real.setEntriesRead(group.read);
    for (int i = random.nextInt(12); i >= 0; i--) changeConsumer(random, real, group);
  }

  private void changeConsumer(Random random, ConsumerGroups real, Group group) {
    String name = name(random);
    Slice slice = Slice.of(name);
    Consumer consumer = group.consumers.get(name);
    check(real.openConsumer(slice) == (consumer != null), "a consumer");
    long seen = random.nextLong();
    if (consumer == null) {
      real.createConsumer(slice, seen, ConsumerGroups.NEVER);
      group.consumers.put(name, new Consumer(seen, ConsumerGroups.NEVER));
      return;
    }
    if (random.nextInt(60) == 0) {
      long count = group.pending.values().stream().filter(p -> p.consumer.equals(name)).count();
      check(real.deleteConsumer() == count, "delete a consumer");
      group.consumers.remove(name);
      group.pending.values().removeIf(p -> p.consumer.equals(name));
      return;
    }
    real.setSeen(seen);
    real.setActive(seen + 1);
    group.consumers.put(name, new Consumer(seen, seen + 1));
    for (int i = random.nextInt(6); i >= 0; i--) {
      StreamId id = some(random, random.nextBoolean() ? group.pending : entries);
      if (random.nextInt(3) == 0) {
        check(real.acknowledge(id) == (group.pending.remove(id) != null), "acknowledge");
      } else {
        Pending now = new Pending(random.nextLong(), random.nextLong() >>> 1, name);
        real.assign(id, now.time, now.deliveries);
        group.pending.put(new StreamId(id.ms, id.seq), now);
      }
    }
  }

  // ── all that there is, as text ──

  String text() {
    StringBuilder all = new StringBuilder();
    entries.forEach((id, words) -> all.append(id).append(brief(words)).append('\n'));
    StreamId first = entries.isEmpty() ? new StreamId() : entries.firstKey();
    facts(all, entries.size(), last, first, deleted, added);
    groups.forEach(
        (name, group) -> {
          all.append("group ").append(name).append(' ').append(group.last).append(' ');
          all.append(group.read).append('\n');
          group.pending.forEach((id, p) -> all.append(id).append(p).append('\n'));
          group.consumers.forEach(
              (consumer, c) -> {
                all.append(consumer).append(c);
                group.pending.forEach(
                    (id, p) -> all.append(p.consumer.equals(consumer) ? " " + id : ""));
                all.append('\n');
              });
        });
    return all.toString();
  }

  private static void facts(
      StringBuilder all, long length, StreamId last, StreamId first, StreamId gone, long added) {
    all.append(length).append(" last ").append(last).append(" first ").append(first);
    all.append(" deleted ").append(gone).append(" added ").append(added).append('\n');
  }

  private static String brief(List<String> words) {
    StringBuilder brief = new StringBuilder();
    for (String word : words) {
      brief.append(' ');
      brief.append(word.length() < 1000 ? word : word.length() + ":" + word.hashCode());
    }
    return brief.toString();
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /// The entry at hand.
  static String entry(StreamValue streams) {
    List<String> words = new ArrayList<>();
    streams.beginWords();
    while (streams.nextWord()) {
      byte[] word = new byte[streams.wordLength()];
      int half = word.length / 2;
      streams.copyWord(0, word, 0, half);
      streams.copyWord(half, word, half, word.length - half);
      words.add(text(word));
    }
    check(words.size() == 2 * streams.fields(), "as many words as there are");
    return streams.id() + brief(words) + "\n";
  }

  /// All of a real stream but its entries.
  static String rest(StreamValue streams, long entry) {
    StringBuilder all = new StringBuilder();
    facts(
        all,
        streams.length(entry),
        streams.lastId(entry, new StreamId()),
        streams.firstId(entry, new StreamId()),
        streams.greatestDeletedId(entry, new StreamId()),
        streams.added(entry));
    ConsumerGroups groups = streams.groups();
    StreamId id = new StreamId();
    for (boolean g = groups.firstGroup(entry); g; g = groups.nextGroup()) {
      all.append("group ").append(text(groups.name())).append(' ');
      all.append(groups.lastId(id)).append(' ').append(groups.entriesRead()).append('\n');
      long count = 0;
      for (boolean p = groups.firstPending(id.set(0, 0)); p; p = groups.nextPending()) {
        String owner = text(groups.ownerName());
        Pending pending = new Pending(groups.deliveryTime(), groups.deliveries(), owner);
        all.append(groups.pendingId(id)).append(pending).append('\n');
        count++;
      }
      check(count == groups.pendingCount(), "count of what is pending");
      for (boolean c = groups.firstConsumer(); c; c = groups.nextConsumer()) {
        all.append(text(groups.consumerName()));
        all.append(new Consumer(groups.seen(), groups.active()));
        for (boolean p = groups.firstOwn(id.set(0, 0)); p; p = groups.nextOwn()) {
          check(groups.isOwn(), "an own entry");
          all.append(' ').append(groups.pendingId(id));
        }
        all.append('\n');
      }
    }
    return all.toString();
  }

  /// All of a real stream.
  static String text(StreamValue streams, long entry) {
    StringBuilder all = new StringBuilder();
    streams.seek(entry, new StreamId());
    while (streams.next()) all.append(entry(streams));
    return all + rest(streams, entry);
  }

  /// The ids from one on, and those down from one.
  List<String> ids(StreamId from, boolean forward) {
    var some = forward ? entries.tailMap(from) : entries.headMap(from, true).descendingMap();
    return some.keySet().stream().map(StreamId::toString).toList();
  }

  Map<StreamId, List<String>> entries() {
    return entries;
  }

  private static void check(boolean good, String what) {
    if (!good) throw new AssertionError(what);
  }
}
