package dev.spinel.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MemoryTest {

  private final Heap heap = new Heap();
  private final Memory memory = heap.memory();
  private final Allocator allocator = heap.allocator();

  @AfterEach
  void close() {
    heap.close();
  }

  @Test
  void valuesAreLittleEndianAndUnaligned() {
    long a = allocator.allocate(64);
    memory.putLong(a + 3, 0x0807060504030201L);
    for (int i = 0; i < 8; i++) assertThat(memory.getByte(a + 3 + i)).isEqualTo((byte) (i + 1));
    assertThat(memory.getInt(a + 5)).isEqualTo(0x06050403);
    assertThat(memory.getShort(a + 6)).isEqualTo((short) 0x0504);
    memory.putInt(a + 5, -1);
    memory.putShort(a + 3, (short) -2);
    memory.putByte(a + 10, (byte) 9);
    assertThat(memory.getLong(a + 3)).isEqualTo(0x0907ffffffff_fffeL);
  }

  @Test
  void bulkOperationsAgreeWithArrays() {
    SplittableRandom random = new SplittableRandom(1);
    long a = allocator.allocate(4096);
    long b = allocator.allocate(4096);
    for (int round = 0; round < 3000; round++) {
      byte[] x = new byte[4096];
      byte[] y = new byte[4096];
      random.nextBytes(x);
      memory.copyIn(x, 0, a, 4096);
      int n = random.nextInt(random.nextBoolean() ? 20 : 600);
      int from = random.nextInt(4096 - n + 1);
      int to = random.nextInt(4096 - n + 1);
      switch (random.nextInt(4)) {
        case 0 -> { // overlapping
          System.arraycopy(x, from, x, to, n);
          memory.copy(a + from, a + to, n);
        }
        case 1 -> {
          random.nextBytes(y);
          System.arraycopy(y, from, x, to, n);
          memory.copyIn(y, from, a + to, n);
        }
        case 2 -> {
          Arrays.fill(x, from, from + n, (byte) round);
          memory.fill(a + from, n, (byte) round);
        }
        default -> {
          memory.copyOut(a + from, y, to, n);
          assertThat(Arrays.copyOfRange(y, to, to + n))
              .isEqualTo(Arrays.copyOfRange(x, from, from + n));
        }
      }
      memory.copyOut(a, y, 0, 4096);
      assertThat(y).isEqualTo(x);
      assertThat(memory.equal(a + from, x, from, n)).isTrue();
      memory.copy(a, b, 4096);
      assertThat(memory.equal(a + from, b + from, n)).isTrue();
      if (n == 0) continue;
      int at = from + random.nextInt(n);
      memory.putByte(b + at, (byte) ~x[at]);
      assertThat(memory.equal(a + from, b + from, n)).isFalse();
      memory.copyOut(b, y, 0, 4096);
      assertThat(memory.equal(a + from, y, from, n)).isFalse();
      int bn = random.nextInt(n + 1);
      assertThat(Integer.signum(memory.compare(a + from, n, b + from, bn)))
          .isEqualTo(Integer.signum(Arrays.compareUnsigned(x, from, from + n, y, from, from + bn)));
    }
  }

  @Test
  void aViewSharesTheNodesBytes() {
    long a = allocator.allocate(100);
    ByteBuffer view = memory.view(a + 1, 50);
    assertThat(view.isDirect()).isTrue();
    assertThat(view.capacity()).isEqualTo(50);
    view.put(49, (byte) 7);
    assertThat(memory.getByte(a + 50)).isEqualTo((byte) 7);
  }

  @Test
  void aWildAddressIsAnExceptionThatNamesIt() {
    assumeFalse(Memory.RAW);
    for (long a : new long[] {0, 1, 4096, 1L << 30, -1, Long.MIN_VALUE, (1L << 54) | 5}) {
      assertThatThrownBy(() -> memory.getLong(a)).hasMessageContaining(Long.toHexString(a));
      assertThatThrownBy(() -> memory.putByte(a, (byte) 1))
          .hasMessageContaining(Long.toHexString(a));
    }
  }
}
