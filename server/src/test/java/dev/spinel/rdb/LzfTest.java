package dev.spinel.rdb;

import static org.assertj.core.api.Assertions.assertThat;

import com.ning.compress.lzf.impl.VanillaChunkDecoder;
import dev.spinel.value.ByteRun;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LzfTest {
  private final LzfCompressor lzf = new LzfCompressor();

  private static final class Run implements ByteRun {
    final byte[] a;
    int at;

    Run(byte[] a) {
      this.a = a;
    }

    @Override
    public long length() {
      return a.length;
    }

    @Override
    public void rewind() {
      at = 0;
    }

    @Override
    public void read(byte[] to, int from, int n) {
      System.arraycopy(a, at, to, from, n);
      at += n;
    }
  }

  /// What it is compressed to, null if that isn't shorter.
  private byte[] compressed(byte[] of, int budget) {
    lzf.begin(new Run(of));
    LzfCompressor.Step step;
    do {
      step = lzf.measure(budget);
    } while (step == LzfCompressor.Step.MORE);
    if (step == LzfCompressor.Step.VAIN) return null;
    var bytes = new ByteArrayOutputStream();
    var out = new RdbOutput(bytes::write, false);
    lzf.beginToWrite();
    do {
      step = lzf.write(out, budget);
    } while (step == LzfCompressor.Step.MORE);
    out.flush();
    assertThat(lzf.resultLength()).isEqualTo(bytes.size());
    return bytes.toByteArray();
  }

  private static byte[] decompressed(byte[] compressed, int length) {
    byte[] out = new byte[length];
    assertThat(Lzf.decompress(compressed, 0, compressed.length, out, 0, length)).isTrue();
    return out;
  }

  /// Texts of few letters, runs, and noise between.
  static byte[] sample(Random random, int length) {
    byte[] a = new byte[length];
    int at = 0;
    while (at < length) {
      int n = Math.min(length - at, 1 + random.nextInt(300));
      switch (random.nextInt(4)) {
        case 0 -> Arrays.fill(a, at, at + n, (byte) random.nextInt(256));
        case 1 -> {
          for (int i = 0; i < n; i++) a[at + i] = (byte) random.nextInt(256);
        }
        case 2 -> {
          for (int i = 0; i < n; i++) a[at + i] = (byte) ('a' + random.nextInt(3));
        }
        default -> {
          int back = at == 0 ? 0 : random.nextInt(Math.min(at, 20_000));
          for (int i = 0; i < n; i++) a[at + i] = back == 0 ? (byte) i : a[at + i - back];
        }
      }
      at += n;
    }
    return a;
  }

  @Test
  void aRunIsAReferenceToItself() {
    byte[] a = "a".repeat(30).getBytes(StandardCharsets.US_ASCII);
    assertThat(HexFormat.of().formatHex(compressed(a, 1 << 20))).isEqualTo("016161e01100016161");
  }

  @ParameterizedTest
  @ValueSource(ints = {21, 40, 300, 5_000, 100_000, 131_072, 131_073, 400_000, 1_000_000})
  void whatIsCompressedComesBack(int length) throws Exception {
    Random random = new Random(length);
    for (int i = 0; i < (length > 10_000 ? 3 : 200); i++) {
      byte[] a = sample(random, length);
      byte[] compressed = compressed(a, 1 + random.nextInt(200_000));
      if (compressed == null) continue;
      assertThat(compressed.length).isLessThanOrEqualTo(length - 4);
      assertThat(decompressed(compressed, length)).isEqualTo(a);
      byte[] other = new byte[length];
      new VanillaChunkDecoder().decodeChunk(compressed, 0, other, 0, length);
      assertThat(other).isEqualTo(a);
    }
  }

  @Test
  void stepsDontChangeTheResult() {
    Random random = new Random(4);
    for (int length : new int[] {1_000, 300_000}) {
      byte[] a = sample(random, length);
      assertThat(compressed(a, 7)).isEqualTo(compressed(a, 1 << 30));
    }
  }

  @Test
  void noiseIsNotCompressed() {
    byte[] a = new byte[200_000];
    new Random(1).nextBytes(a);
    assertThat(compressed(a, 1 << 20)).isNull();
    assertThat(compressed(Arrays.copyOf(a, 25), 1 << 20)).isNull();
  }

  @Test
  void anotherStringIsNotSeenInTheTable() {
    byte[] a = "abcdefghijklmnopqrstuvwxyz0123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(compressed(a, 1 << 20)).isNull();
    lzf.begin(new Run(sample(new Random(3), 300_000)));
    lzf.measure(1000); // and left alone
    assertThat(compressed(a, 1 << 20)).isNull();
  }

  @Test
  void damagedBytesAreRefused() {
    Random random = new Random(9);
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] a = sample(random, 21 + random.nextInt(200));
      byte[] compressed = compressed(a, 1 << 20);
      if (compressed == null) continue;
      compressed[random.nextInt(compressed.length)] ^= (byte) (1 + random.nextInt(255));
      if (!Lzf.decompress(compressed, 0, compressed.length, new byte[a.length], 0, a.length)) {
        refused++;
      }
    }
    assertThat(refused).isPositive();
  }
}
