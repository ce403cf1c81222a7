package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// Random calls on sets, bitmaps and HyperLogLogs, beside Java's own sets and bits.
/// `-Dspinel.naive.seed=7` tries others.
class NaiveStoreTest {
  private static final long SEED = Long.getLong("spinel.naive.seed", 1);
  private static final int CALLS = 4_000;
  private static final int KEYS = 5;

  private final Random random = new Random(SEED);

  private String key() {
    return "key" + random.nextInt(KEYS);
  }

  // ── sets ──

  private final Map<String, TreeSet<String>> sets = new TreeMap<>();

  private TreeSet<String> set(String key) {
    return sets.getOrDefault(key, new TreeSet<>());
  }

  private void put(String key, Set<String> members) {
    if (members.isEmpty()) {
      sets.remove(key);
    } else {
      sets.put(key, new TreeSet<>(members));
    }
  }

  /// Integers mostly, so that sets have all their shapes; some too long for a listpack.
  private String member() {
    int kind = random.nextInt(10);
    int number = random.nextInt(900);
    return kind < 7 ? "" + number : kind < 9 ? "m" + number : "l".repeat(65) + number;
  }

  private List<String> members() {
    int count = 1 + (random.nextInt(20) == 0 ? random.nextInt(700) : random.nextInt(8));
    List<String> members = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      members.add(member());
    }
    return members;
  }

  private static String[] words(String command, String key, List<String> more) {
    List<String> all = new ArrayList<>(List.of(command, key));
    all.addAll(more);
    return all.toArray(String[]::new);
  }

  /// The elements of a reply that is an array of strings, or a set.
  private static List<String> elements(String reply) {
    String[] words = reply.split(" ");
    List<String> elements = new ArrayList<>();
    for (int i = 2; i < words.length; i += 2) {
      elements.add(words[i]);
    }
    return elements;
  }

  @Test
  void setsHoldWhatSetsOfJavaDo() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      for (int i = 0; i < CALLS; i++) {
        String when = "seed " + SEED + ", call " + i;
        callOnSets(session, when);
        if (i % 500 == 499) {
          fixture.verify(when);
        }
      }
      for (int i = 0; i < KEYS; i++) {
        assertThat(new TreeSet<>(elements(say(session, "SMEMBERS", "key" + i))))
            .isEqualTo(set("key" + i));
      }
    }
  }

  private void callOnSets(LocalSession session, String when) {
    String key = key();
    TreeSet<String> set = new TreeSet<>(set(key));
    int before = set.size();
    switch (random.nextInt(9)) {
      case 0, 1 -> {
        List<String> members = members();
        set.addAll(members);
        put(key, set);
        assertThat(say(session, words("SADD", key, members)))
            .as(when)
            .isEqualTo(":" + (set.size() - before));
      }
      case 2 -> {
        List<String> members = members();
        members.forEach(set::remove);
        put(key, set);
        assertThat(say(session, words("SREM", key, members)))
            .as(when)
            .isEqualTo(":" + (before - set.size()));
      }
      case 3 -> {
        String member = member();
        assertThat(say(session, "SISMEMBER", key, member))
            .as(when)
            .isEqualTo(set.contains(member) ? ":1" : ":0");
        assertThat(say(session, "SCARD", key)).as(when).isEqualTo(":" + before);
      }
      case 4 -> {
        String other = key();
        String member = set.isEmpty() || random.nextBoolean() ? member() : set.first();
        boolean moved = set.remove(member);
        put(key, set);
        if (moved) {
          TreeSet<String> to = new TreeSet<>(set(other));
          to.add(member);
          put(other, to);
        }
        assertThat(say(session, "SMOVE", key, other, member))
            .as(when)
            .isEqualTo(moved ? ":1" : ":0");
      }
      case 5 -> {
        List<String> popped =
            elements(say(session, "SPOP", key, "" + random.nextInt(1 + Math.min(before + 2, 9))));
        assertThat(set).as(when).containsAll(popped);
        assertThat(new HashSet<>(popped)).as(when).hasSameSizeAs(popped);
        popped.forEach(set::remove);
        put(key, set);
      }
      default -> combine(session, when);
    }
  }

  private void combine(LocalSession session, String when) {
    List<String> keys = new ArrayList<>(List.of(key(), key()));
    for (int i = random.nextInt(4); i > 0; i--) {
      keys.add(key());
    }
    String command = List.of("SUNION", "SINTER", "SDIFF").get(random.nextInt(3));
    TreeSet<String> result = new TreeSet<>(set(keys.get(0)));
    for (String key : keys.subList(1, keys.size())) {
      switch (command) {
        case "SUNION" -> result.addAll(set(key));
        case "SINTER" -> result.retainAll(set(key));
        default -> result.removeAll(set(key));
      }
    }
    List<String> replied =
        elements(say(session, words(command, keys.get(0), keys.subList(1, keys.size()))));
    assertThat(replied).as(when).containsExactlyInAnyOrderElementsOf(result);
    if (command.equals("SINTER")) {
      assertThat(say(session, words("SINTERCARD", "" + keys.size(), keys)))
          .as(when)
          .isEqualTo(":" + result.size());
    }
    String to = key();
    assertThat(say(session, words(command + "STORE", to, keys)))
        .as(when)
        .isEqualTo(":" + result.size());
    put(to, result);
  }

  // ── bitmaps ──

  @Test
  void bitmapsHoldWhatBitsOfJavaDo() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      BitSet[] bits = new BitSet[KEYS];
      int[] bytes = new int[KEYS]; // how long the strings are
      for (int i = 0; i < KEYS; i++) {
        bits[i] = new BitSet();
      }
      for (int i = 0; i < CALLS; i++) {
        String when = "seed " + SEED + ", call " + i;
        int n = random.nextInt(KEYS);
        int at = random.nextInt(random.nextInt(50) == 0 ? 800_000 : 3_000);
        BitSet set = bits[n];
        switch (random.nextInt(6)) {
          case 0, 1 -> {
            boolean on = random.nextBoolean();
            assertThat(say(session, "SETBIT", "key" + n, "" + at, on ? "1" : "0"))
                .as(when)
                .isEqualTo(set.get(at) ? ":1" : ":0");
            set.set(at, on);
            bytes[n] = Math.max(bytes[n], at / 8 + 1);
          }
          case 2 ->
              assertThat(say(session, "GETBIT", "key" + n, "" + at))
                  .as(when)
                  .isEqualTo(set.get(at) ? ":1" : ":0");
          case 3 -> {
            int to = at + random.nextInt(2_000);
            assertThat(say(session, "BITCOUNT", "key" + n, "" + at, "" + to, "BIT"))
                .as(when)
                .isEqualTo(":" + set.get(at, to + 1).cardinality());
            assertThat(say(session, "BITCOUNT", "key" + n))
                .as(when)
                .isEqualTo(":" + set.cardinality());
          }
          case 4 -> {
            int from = at / 8;
            int next = set.nextSetBit(from * 8);
            assertThat(say(session, "BITPOS", "key" + n, "1", "" + from))
                .as(when)
                .isEqualTo(":" + (from >= bytes[n] ? -1 : next));
          }
          default -> combine(session, bits, bytes, when);
        }
      }
    }
  }

  private void combine(LocalSession session, BitSet[] bits, int[] bytes, String when) {
    int to = random.nextInt(KEYS);
    int a = random.nextInt(KEYS);
    int b = random.nextInt(KEYS);
    String operation = List.of("AND", "OR", "XOR", "NOT").get(random.nextInt(4));
    BitSet result = (BitSet) bits[a].clone();
    int length = operation.equals("NOT") ? bytes[a] : Math.max(bytes[a], bytes[b]);
    switch (operation) {
      case "AND" -> result.and(bits[b]);
      case "OR" -> result.or(bits[b]);
      case "XOR" -> result.xor(bits[b]);
      default -> result.flip(0, length * 8);
    }
    String reply =
        operation.equals("NOT")
            ? say(session, "BITOP", operation, "key" + to, "key" + a)
            : say(session, "BITOP", operation, "key" + to, "key" + a, "key" + b);
    assertThat(reply).as(when).isEqualTo(":" + length);
    bits[to] = result;
    bytes[to] = length;
  }

  // ── HyperLogLogs ──

  /// Estimates are within five times the standard error of 0.81 %, and those of a few are right to
  /// one in a hundred.
  @Test
  void sketchesCountWhatSetsOfJavaCount() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      List<Set<Integer>> seen = new ArrayList<>();
      for (int i = 0; i < KEYS; i++) {
        seen.add(new HashSet<>());
      }
      for (int i = 0; i < 300; i++) {
        String when = "seed " + SEED + ", call " + i;
        int n = random.nextInt(KEYS);
        int most = 1 << 4 + random.nextInt(9);
        List<String> elements = new ArrayList<>();
        for (int k = random.nextInt(most); k >= 0; k--) {
          int element = random.nextInt(most * 64);
          elements.add("e" + element);
          seen.get(n).add(element);
        }
        assertThat(say(session, words("PFADD", "key" + n, elements))).as(when).isIn(":0", ":1");
        int other = random.nextInt(KEYS);
        if (random.nextInt(40) == 0) {
          assertThat(say(session, "PFMERGE", "key" + n, "key" + other)).isEqualTo("+OK");
          seen.get(n).addAll(seen.get(other));
        }
        Set<Integer> both = new HashSet<>(seen.get(n));
        assertThat(estimate(say(session, "PFCOUNT", "key" + n)))
            .as(when)
            .isCloseTo(both.size(), near(both));
        both.addAll(seen.get(other));
        assertThat(estimate(say(session, "PFCOUNT", "key" + n, "key" + other)))
            .as(when)
            .isCloseTo(both.size(), near(both));
      }
    }
  }

  private static double estimate(String reply) {
    return Double.parseDouble(reply.substring(1));
  }

  private static org.assertj.core.data.Offset<Double> near(Set<Integer> elements) {
    return org.assertj.core.data.Offset.offset(1 + elements.size() * 5 * 0.0081);
  }
}
