package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HyperLogLogTest {
  private static final long SPARSE_MAX = 3000;

  private static HyperLogLog empty() {
    HyperLogLog sketch = new HyperLogLog();
    sketch.clear();
    return sketch;
  }

  private static byte[] registers(HyperLogLog sketch) {
    byte[] registers = new byte[HyperLogLog.REGISTERS];
    assertThat(sketch.mergeInto(registers)).isTrue();
    return registers;
  }

  @Test
  void theHashIsMurmurHash64A() {
    // of a real server: what PFADD stored for these elements, register by register
    assertThat(decodedAfter("a")).isEqualTo("Z:12711 v:2,1 Z:3672");
    assertThat(decodedAfter("")).isEqualTo("Z:5938 v:2,1 Z:10445");
    assertThat(decodedAfter("12345678")).isEqualTo("Z:10579 v:3,1 Z:5804");
    assertThat(decodedAfter("a rather long element, of many words"))
        .isEqualTo("Z:13744 v:1,1 Z:2639");
  }

  private static String decodedAfter(String element) {
    HyperLogLog sketch = empty();
    byte[] bytes = element.getBytes(StandardCharsets.US_ASCII);
    sketch.add(bytes, 0, bytes.length, SPARSE_MAX);
    return sketch.decoded();
  }

  @Test
  void bothEncodingsHoldTheRegistersOfANaiveModel() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      long sparseMax = random.nextBoolean() ? SPARSE_MAX : 20 + random.nextInt(40_000);
      HyperLogLog sketch = empty();
      HyperLogLog dense = empty();
      assertThat(dense.toDense()).isTrue();
      byte[] model = new byte[HyperLogLog.REGISTERS];
      int near = 1 + random.nextInt(HyperLogLog.REGISTERS); // how far registers are apart
      for (int i = 0; i < 2_000; i++) {
        int register = random.nextInt(near);
        int rank =
            1 + Math.min(50, (int) (-Math.log(random.nextDouble()) * (1 + random.nextInt(4))));
        int expected = rank > model[register] ? HyperLogLog.CHANGED : HyperLogLog.SAME;
        assertThat(sketch.set(register, rank, sparseMax)).isEqualTo(expected);
        assertThat(dense.set(register, rank, sparseMax)).isEqualTo(expected);
        model[register] = (byte) Math.max(model[register], rank);
        if (!sketch.isDense()) {
          assertThat((long) sketch.length).isLessThanOrEqualTo(Math.max(sparseMax, 18));
        }
      }
      assertThat(registers(sketch)).as("seed %d", seed).isEqualTo(model);
      assertThat(registers(dense)).as("seed %d", seed).isEqualTo(model);
      assertThat(sketch.count()).isEqualTo(dense.count()).isEqualTo(HyperLogLog.count(model));
      assertThat(sketch.toDense()).isTrue();
      assertThat(Arrays.copyOfRange(sketch.bytes, 16, sketch.length))
          .isEqualTo(Arrays.copyOfRange(dense.bytes, 16, dense.length));
    }
  }

  /// Looking from where the last change was gives the very bytes that looking from the start gives.
  @Test
  void raisingAllRegistersGivesTheBytesOfRaisingThemOneByOne() {
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      HyperLogLog all = empty();
      HyperLogLog single = empty();
      byte[] union = new byte[HyperLogLog.REGISTERS];
      for (int round = 0; round < 3; round++) {
        int near = 1 + random.nextInt(round == 2 ? 400 : HyperLogLog.REGISTERS);
        for (int i = random.nextInt(700); i > 0; i--) {
          union[random.nextInt(near)] =
              (byte) (1 + random.nextInt(random.nextInt(30) == 0 ? 33 : 4));
        }
        all.raise(union, SPARSE_MAX);
        for (int i = 0; i < union.length; i++) {
          if (union[i] > 0) {
            single.set(i, union[i], SPARSE_MAX);
          }
        }
        assertThat(all.length).as("seed %d", seed).isEqualTo(single.length);
        assertThat(Arrays.equals(all.bytes, 16, all.length, single.bytes, 16, single.length))
            .as("seed %d, round %d", seed, round)
            .isTrue();
      }
    }
  }

  @Test
  void unionsAreTheMaximaOfTheRegisters() {
    Random random = new Random(3);
    HyperLogLog one = empty();
    HyperLogLog other = empty();
    other.toDense();
    byte[] expected = new byte[HyperLogLog.REGISTERS];
    for (int i = 0; i < 3_000; i++) {
      int register = random.nextInt(HyperLogLog.REGISTERS);
      int rank = 1 + random.nextInt(40);
      (random.nextInt(8) == 0 && rank < 33 ? one : other).set(register, rank, 1L << 20);
      expected[register] = (byte) Math.max(expected[register], rank);
    }
    assertThat(one.isDense()).isFalse();
    byte[] union = registers(one);
    assertThat(other.mergeInto(union)).isTrue();
    assertThat(union).isEqualTo(expected);
  }

  @Test
  void whatMakesNoSenseIsFound() {
    HyperLogLog sketch = empty();
    sketch.resized(HyperLogLog.HEADER);
    assertThat(sketch.count()).isEqualTo(HyperLogLog.NO_COUNT);
    assertThat(sketch.toDense()).isFalse();
    assertThat(sketch.set(0, 1, SPARSE_MAX)).isEqualTo(HyperLogLog.CORRUPT);
    for (int seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      HyperLogLog any = empty();
      int length = random.nextInt(random.nextInt(10) == 0 ? 32_000 : 300);
      for (int i = 0; i < length; i++) {
        any.bytes[HyperLogLog.HEADER + i] = (byte) random.nextInt(256);
      }
      any.resized(HyperLogLog.HEADER + length);
      any.count();
      any.decoded();
      any.mergeInto(new byte[HyperLogLog.REGISTERS]);
      for (int i = 0; i < 30; i++) {
        any.set(random.nextInt(HyperLogLog.REGISTERS), 1 + random.nextInt(51), SPARSE_MAX);
        assertThat(any.length).isBetween(HyperLogLog.HEADER, HyperLogLog.MAX_BYTES);
      }
    }
  }

  @Test
  void theSelfTestPasses() {
    assertThat(HyperLogLog.selfTest(new Random(1), SPARSE_MAX)).isNull();
  }
}
