package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class Hash64Test {
  private final Hash64 hash = new Hash64(0x0123456789abcdefL, 0xfedcba9876543210L);

  @Test
  void equalBytesHaveEqualHashesWhereverTheyStand() {
    Random r = new Random(9);
    for (int i = 0; i < 100_000; i++) {
      int n = r.nextInt(70);
      byte[] b = new byte[n];
      r.nextBytes(b);
      int at = r.nextInt(20);
      byte[] elsewhere = new byte[at + n + r.nextInt(20)];
      r.nextBytes(elsewhere);
      System.arraycopy(b, 0, elsewhere, at, n);
      assertThat(hash.of(elsewhere, at, n)).isEqualTo(hash.of(b)).isEqualTo(bySteps(b));
    }
  }

  /// As memory outside the heap does it: words, padded or overlapping.
  private long bySteps(byte[] b) {
    int n = b.length;
    if (n < 8) return hash.small(Words.upTo(b, 0, n), 0, n);
    if (n <= 16) return hash.small(Words.at(b, 0), Words.at(b, n - 8), n);
    long state = hash.begin();
    int i = 0;
    for (; n - i > 16; i += 16) state = hash.step(state, Words.at(b, i), Words.at(b, i + 8));
    return hash.end(state, Words.at(b, n - 16), Words.at(b, n - 8), n);
  }

  @Test
  void everyBitOfTheInputFlipsHalfOfTheHash() {
    Random r = new Random(10);
    for (int n = 3; n <= 40; n++) {
      for (int bit = 0; bit < 8 * n; bit += 1 + r.nextInt(7)) {
        int[] flips = new int[64];
        int rounds = 600;
        for (int i = 0; i < rounds; i++) {
          byte[] b = new byte[n];
          r.nextBytes(b);
          long before = hash.of(b);
          b[bit >> 3] ^= (byte) (1 << (bit & 7));
          long changed = before ^ hash.of(b);
          for (int k = 0; k < 64; k++) if ((changed >>> k & 1) != 0) flips[k]++;
        }
        // binomial(600, 1/2): six standard deviations are 74
        for (int k = 0; k < 64; k++)
          assertThat(flips[k]).as(n + " bytes, bit " + bit + " → " + k).isBetween(226, 374);
      }
    }
  }

  @Test
  void theTopBitsOfSimilarKeysAreEven() {
    for (String form :
        new String[] {"key:%d", "user:%012d", "%d", "{tag}:a:rather:long:prefix:of:a:key:%08d"}) {
      int[] buckets = new int[4096];
      int keys = 400_000;
      byte[] digits = new byte[20];
      String prefix = form.substring(0, form.indexOf('%'));
      int width =
          form.contains("%0")
              ? Integer.parseInt(form.substring(form.indexOf("%0") + 2, form.length() - 1))
              : 0;
      for (int i = 0; i < keys; i++) {
        int d = Numbers.format(i, digits, 0);
        byte[] b = new byte[prefix.length() + Math.max(d, width)];
        java.util.Arrays.fill(b, (byte) '0');
        for (int k = 0; k < prefix.length(); k++) b[k] = (byte) prefix.charAt(k);
        System.arraycopy(digits, 0, b, b.length - d, d);
        buckets[(int) (hash.of(b) >>> 52)]++;
      }
      double expected = keys / 4096.0;
      double chi = 0;
      for (int c : buckets) chi += (c - expected) * (c - expected) / expected;
      assertThat(chi)
          .as(form)
          .isBetween(3500.0, 4700.0); // 4095 degrees of freedom, ±6.7 deviations
    }
  }

  @Test
  void hashesOfManyKeysDiffer() {
    Set<Long> seen = new HashSet<>();
    for (int n = 0; n < 24; n++) {
      byte[] zeros = new byte[n];
      assertThat(seen.add(hash.of(zeros))).as(n + " zero bytes").isTrue();
      for (int i = 0; i < n; i++) {
        zeros[i] = 1;
        assertThat(seen.add(hash.of(zeros))).isTrue();
        zeros[i] = 0;
      }
    }
  }

  @Test
  void anotherKeyGivesOtherHashes() {
    Hash64 other = new Hash64(0x0123456789abcdefL, 0xfedcba9876543211L);
    for (int n = 0; n < 40; n++)
      assertThat(hash.of(new byte[n])).isNotEqualTo(other.of(new byte[n]));
    assertThat(hash.of(5)).isNotEqualTo(other.of(5)).isNotEqualTo(hash.of(6));
  }
}
