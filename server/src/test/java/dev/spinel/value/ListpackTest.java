package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ListpackTest {
  private static final int ROOM = 1 << 20;

  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final Allocator allocator = heap.allocator();
  private final long lp = allocator.allocate(ROOM);

  @AfterEach
  void nothingIsLost() {
    allocator.free(lp);
    assertThat(heap.liveBytes()).isZero();
    allocator.close();
    heap.close();
  }

  @Test
  void bytesAreThoseOfRedis() throws Exception {
    int facts = 0;
    try (BufferedReader lines = resource("listpacks.txt")) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split(" ");
        if (words[0].equals("bytes")) {
          Listpack.clear(m, lp);
          int i = 1;
          for (; !words[i].equals("="); i++) {
            byte[] element = words[i].equals("-") ? new byte[0] : HexFormat.of().parseHex(words[i]);
            Listpack.append(m, lp, element, 0, element.length);
          }
          assertThat(HexFormat.of().formatHex(bytes())).isEqualTo(words[i + 1]);
          facts++;
        } else if (words[0].equals("text")) {
          byte[] text = new byte[Integer.parseInt(words[1])];
          for (int i = 0; i < text.length; i++) {
            text[i] = (byte) ('a' + i * 7 % 26);
          }
          Listpack.clear(m, lp);
          Listpack.append(m, lp, ascii("a"), 0, 1);
          Listpack.append(m, lp, text, 0, text.length);
          Listpack.append(m, lp, ascii("7"), 0, 1);
          assertThat(Listpack.bytes(m, lp)).isEqualTo(Integer.parseInt(words[5]));
          byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes());
          assertThat(HexFormat.of().formatHex(digest)).isEqualTo(words[3]);
          facts++;
        }
      }
    }
    assertThat(facts).isEqualTo(27);
  }

  @Test
  void everyIntegerComesBackAsItWas() {
    for (int bits = 0; bits < 64; bits++) {
      for (int d = -2; d <= 2; d++) {
        for (long v : new long[] {(1L << bits) + d, -(1L << bits) + d}) {
          Listpack.clear(m, lp);
          byte[] text = ascii(Long.toString(v));
          Listpack.append(m, lp, text, 0, text.length);
          assertThat(Listpack.isInteger(m, lp, 6)).isTrue();
          assertThat(Listpack.integer(m, lp, 6)).isEqualTo(v);
          assertThat(Listpack.length(m, lp, 6)).isEqualTo(text.length);
          assertThat(Listpack.entryBytes(m, lp, 6)).isEqualTo(Listpack.entryBytes(v));
          assertThat(at(6)).isEqualTo(text);
          assertThat(Listpack.validate(bytes(), 0, Listpack.bytes(m, lp))).isOne();
        }
      }
    }
  }

  @Test
  void onlyTheCanonicalFormOfAnIntegerIsOne() {
    for (String s :
        new String[] {
          "",
          "-",
          "-0",
          "00",
          "01",
          "-01",
          "+1",
          " 1",
          "1 ",
          "1.0",
          "9223372036854775808",
          "-9223372036854775809",
          "9999999999999999999",
          "18446744073709551616",
          "92233720368547758070",
          "1e3",
          "0x1",
          "--1",
          "1-"
        }) {
      assertThat(Listpack.canonical(ascii(s), 0, s.length())).as(s).isFalse();
    }
  }

  @Test
  void randomOperationsMatchAList() {
    for (long seed = 0; seed < 120; seed++) {
      Random random = new Random(seed);
      List<byte[]> model = new ArrayList<>();
      Listpack.clear(m, lp);
      int largest = new int[] {10, 100, 5000, 20000}[random.nextInt(4)];
      for (int step = 0; step < 150; step++) {
        change(random, model, largest);
        check(model, "seed " + seed + " step " + step);
      }
      find(random, model, largest);
    }
  }

  private void change(Random random, List<byte[]> model, int largest) {
    byte[] element = element(random, largest);
    int i = model.isEmpty() ? -1 : random.nextInt(model.size());
    int p = i < 0 ? 0 : Listpack.seek(m, lp, random.nextBoolean() ? i : i - model.size());
    boolean room = Listpack.bytes(m, lp) + largest + 20 < ROOM / 2;
    switch (random.nextInt(9)) {
      case 0, 1 -> {
        if (room) {
          Listpack.append(m, lp, element, 0, element.length);
          model.add(element);
        }
      }
      case 2 -> {
        if (room) {
          Listpack.insert(m, lp, Listpack.HEADER, element, 0, element.length);
          model.addFirst(element);
        }
      }
      case 3 -> {
        if (room && i >= 0) {
          Listpack.insert(m, lp, Listpack.after(m, lp, p), element, 0, element.length);
          model.add(i + 1, element);
        }
      }
      case 4, 5 -> {
        if (room && i >= 0) {
          Listpack.replace(m, lp, p, element, 0, element.length);
          model.set(i, element);
        }
      }
      case 6 -> {
        if (i >= 0) {
          Listpack.delete(m, lp, p);
          model.remove(i);
        }
      }
      case 7 -> {
        if (i >= 0) {
          int n = 1 + random.nextInt(Math.min(5, model.size() - i));
          int to = p;
          for (int k = 0; k < n; k++) {
            to = Listpack.after(m, lp, to);
          }
          Listpack.delete(m, lp, p, to, n);
          model.subList(i, i + n).clear();
        }
      }
      default -> {
        if (room && i >= 0) { // the first half of another one, before p
          long other = allocator.allocate(ROOM);
          int bytes = Listpack.bytes(m, lp);
          m.copy(lp, other, bytes);
          Listpack.insertFrom(m, other, Listpack.HEADER, p, i, lp, p);
          model.addAll(i, new ArrayList<>(model.subList(0, i)));
          allocator.free(other);
        }
      }
    }
  }

  private void check(List<byte[]> model, String as) {
    assertThat(Listpack.count(m, lp)).as(as).isEqualTo(model.size());
    assertThat(Listpack.validate(bytes(), 0, Listpack.bytes(m, lp))).as(as).isEqualTo(model.size());
    int p = Listpack.first(m, lp);
    int expected = Listpack.EMPTY;
    for (byte[] element : model) {
      same(at(p), element, as);
      expected += Listpack.entryBytes(element, 0, element.length);
      p = Listpack.next(m, lp, p);
    }
    assertThat(p).as(as).isZero();
    assertThat(Listpack.bytes(m, lp)).as(as).isEqualTo(expected);
    p = Listpack.last(m, lp);
    for (int i = model.size() - 1; i >= 0; i--) {
      same(at(p), model.get(i), as);
      p = Listpack.previous(m, lp, p);
    }
    assertThat(p).as(as).isZero();
    assertThat(Listpack.seek(m, lp, model.size())).isZero();
    assertThat(Listpack.seek(m, lp, -model.size() - 1)).isZero();
  }

  private void find(Random random, List<byte[]> model, int largest) {
    for (int n = 0; n < 5; n++) {
      byte[] sought =
          model.isEmpty() || random.nextInt(3) == 0
              ? element(random, largest)
              : model.get(random.nextInt(model.size()));
      int skip = random.nextInt(3);
      int expected = -1;
      for (int i = 0; i < model.size() && expected < 0; i += skip + 1) {
        expected = Arrays.equals(model.get(i), sought) ? i : -1;
      }
      int p = Listpack.find(m, lp, Listpack.first(m, lp), sought, 0, sought.length, skip);
      assertThat(p).isEqualTo(expected < 0 ? 0 : Listpack.seek(m, lp, expected));
      for (int i = 0; i < model.size(); i++) {
        assertThat(Listpack.equal(m, lp, Listpack.seek(m, lp, i), sought, 0, sought.length))
            .isEqualTo(Arrays.equals(model.get(i), sought));
      }
    }
  }

  @Test
  void countsBeyond65534AreCounted() {
    Listpack.clear(m, lp);
    for (int i = 0; i < 65540; i++) {
      Listpack.append(m, lp, 1);
    }
    assertThat(m.getShort(lp + 4) & 0xffff).isEqualTo(65535);
    assertThat(Listpack.count(m, lp)).isEqualTo(65540);
    assertThat(Listpack.validate(bytes(), 0, Listpack.bytes(m, lp))).isEqualTo(65540);
    Listpack.delete(m, lp, Listpack.first(m, lp));
    assertThat(Listpack.count(m, lp)).isEqualTo(65539);
  }

  @Test
  void foreignBytesNeverPassUnlessEveryWalkEnds() {
    Random random = new Random(7);
    int valid = 0;
    for (int round = 0; round < 20_000; round++) {
      Listpack.clear(m, lp);
      for (int i = random.nextInt(6); i >= 0; i--) {
        byte[] element = element(random, 300);
        Listpack.append(m, lp, element, 0, element.length);
      }
      byte[] bytes = bytes();
      for (int i = random.nextInt(3); i >= 0; i--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      if (random.nextInt(4) == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 3));
      }
      int count = Listpack.validate(bytes, 0, bytes.length);
      if (count >= 0) {
        valid++;
        m.copyIn(bytes, 0, lp, bytes.length);
        int p = Listpack.first(m, lp);
        for (int i = 0; i < count; i++) {
          Listpack.length(m, lp, p);
          p = Listpack.next(m, lp, p);
        }
        assertThat(p).isZero();
        p = Listpack.last(m, lp);
        for (int i = 0; i < count; i++) {
          p = Listpack.previous(m, lp, p);
        }
        assertThat(p).isZero();
      }
    }
    assertThat(valid).isBetween(1000, 19_000);
  }

  private static byte[] element(Random random, int largest) {
    switch (random.nextInt(4)) {
      case 0 -> {
        return ascii(Long.toString(random.nextLong() >> random.nextInt(64)));
      }
      case 1 -> {
        return ascii(Integer.toString(random.nextInt(20)));
      }
      default -> {
        byte[] bytes = new byte[random.nextInt(random.nextInt(3) == 0 ? largest + 1 : 12)];
        random.nextBytes(bytes);
        return bytes;
      }
    }
  }

  private static void same(byte[] a, byte[] b, String as) {
    if (!Arrays.equals(a, b)) {
      assertThat(a).as(as).isEqualTo(b);
    }
  }

  private byte[] at(int p) {
    byte[] bytes = new byte[Listpack.length(m, lp, p)];
    if (Listpack.copyOut(m, lp, p, bytes, 0) != bytes.length) {
      throw new AssertionError("length");
    }
    return bytes;
  }

  private byte[] bytes() {
    byte[] bytes = new byte[Listpack.bytes(m, lp)];
    m.copyOut(lp, bytes, 0, bytes.length);
    return bytes;
  }

  static byte[] ascii(String s) {
    return s.getBytes(StandardCharsets.US_ASCII);
  }

  static BufferedReader resource(String name) throws IOException {
    return new BufferedReader(
        new InputStreamReader(
            ListpackTest.class.getResourceAsStream(name), StandardCharsets.US_ASCII));
  }
}
