package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class KeySlotTest {
  private static int slot(String key) {
    byte[] b = Requests.bytes("{" + key + "}");
    return KeySlot.of(b, 1, key.length());
  }

  @Test
  void theCrcIsThatOfTheSpecification() {
    assertThat(KeySlot.crc16(Requests.bytes("123456789"), 0, 9)).isEqualTo(0x31C3);
    assertThat(KeySlot.crc16(new byte[0], 0, 0)).isZero();
  }

  @Test
  void knownKeysHaveTheirSlots() {
    assertThat(slot("foo")).isEqualTo(12182);
    assertThat(slot("somekey")).isEqualTo(11058);
    assertThat(slot("foo{hash_tag}")).isEqualTo(2515);
    assertThat(slot("hash_tag")).isEqualTo(2515);
    assertThat(slot("")).isZero();
  }

  @Test
  void onlyTheFirstTagThatIsNotEmptyCounts() {
    assertThat(slot("{user1000}.following")).isEqualTo(slot("user1000"));
    assertThat(slot("foo{}{bar}")).isEqualTo(bitwise(Requests.bytes("foo{}{bar}"), 0, 10) & 16383);
    assertThat(slot("foo{{bar}}zap")).isEqualTo(slot("{bar"));
    assertThat(slot("foo{bar}{zap}")).isEqualTo(slot("bar"));
    assertThat(slot("foo{bar")).isEqualTo(bitwise(Requests.bytes("foo{bar"), 0, 7) & 16383);
    assertThat(slot("}foo{bar}")).isEqualTo(slot("bar"));
  }

  private static int bitwise(byte[] b, int from, int to) {
    int crc = 0;
    for (int i = from; i < to; i++) {
      crc ^= (b[i] & 0xff) << 8;
      for (int k = 0; k < 8; k++) crc = (crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0)) & 0xffff;
    }
    return crc;
  }

  private static int naive(byte[] b, int from, int n) {
    for (int s = from; s < from + n; s++) {
      if (b[s] != '{') continue;
      for (int e = s + 1; e < from + n; e++) {
        if (b[e] != '}') continue;
        return bitwise(b, e == s + 1 ? from : s + 1, e == s + 1 ? from + n : e) & 16383;
      }
      break;
    }
    return bitwise(b, from, from + n) & 16383;
  }

  @Test
  void wordsAndBytesAgree() {
    Random r = new Random(7);
    byte[] b = new byte[80];
    for (int i = 0; i < 300_000; i++) {
      r.nextBytes(b);
      for (int k = r.nextInt(4); k > 0; k--) b[r.nextInt(b.length)] = '{';
      for (int k = r.nextInt(4); k > 0; k--) b[r.nextInt(b.length)] = '}';
      int from = r.nextInt(20);
      int n = r.nextInt(b.length - from + 1);
      assertThat(KeySlot.of(b, from, n)).isEqualTo(naive(b, from, n));
    }
  }

  @Test
  void aByteIsFoundWhereverItStands() {
    Random r = new Random(8);
    byte[] b = new byte[40];
    for (int i = 0; i < 200_000; i++) {
      for (int k = 0; k < b.length; k++)
        b[k] = (byte) ('{' + r.nextInt(5) - 2 + (r.nextInt(3) == 0 ? 128 : 0));
      int from = r.nextInt(b.length);
      int to = from + r.nextInt(b.length - from + 1);
      int expected = -1;
      for (int k = to - 1; k >= from; k--) if (b[k] == '{') expected = k;
      assertThat(Words.indexOf(b, from, to, '{')).isEqualTo(expected);
      int n = Math.min(8, to - from);
      long word = 0;
      for (int k = n - 1; k >= 0; k--) word = word << 8 | b[from + k] & 0xff;
      assertThat(Words.upTo(b, from, n)).isEqualTo(word);
    }
  }
}
