package dev.spinel.value;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.memory.Heap;
import dev.spinel.memory.Memory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IntsetTest {
  private static final int ROOM = 16_000;

  private final Heap heap = new Heap();
  private final Memory m = heap.memory();
  private final dev.spinel.memory.Allocator allocator = heap.allocator();
  private final long is = allocator.allocate(ROOM);

  @AfterEach
  void theAccountCloses() {
    allocator.free(is);
    allocator.flush();
    assertThat(heap.liveBytes()).isZero();
    heap.close();
  }

  private List<Long> all() {
    List<Long> all = new ArrayList<>();
    for (int i = 0; i < Intset.count(m, is); i++) all.add(Intset.get(m, is, i));
    return all;
  }

  private byte[] bytes() {
    byte[] bytes = new byte[Intset.bytes(m, is)];
    m.copyOut(is, bytes, 0, bytes.length);
    return bytes;
  }

  private boolean add(long value) {
    int index = Intset.find(m, is, value);
    if (index >= 0) return false;
    int bytes = Intset.bytesWith(m, is, value);
    Intset.insert(m, is, -1 - index, value);
    assertThat(Intset.bytes(m, is)).isEqualTo(bytes);
    return true;
  }

  private static long random(Random random) {
    return switch (random.nextInt(12)) {
      case 0 -> random.nextLong();
      case 1 -> random.nextBoolean() ? Long.MIN_VALUE : Long.MAX_VALUE;
      case 2 -> random.nextInt();
      case 3 -> (random.nextBoolean() ? Short.MAX_VALUE : Short.MIN_VALUE) + random.nextInt(3) - 1;
      case 4 ->
          (random.nextBoolean() ? Integer.MAX_VALUE : Integer.MIN_VALUE) + random.nextInt(3) - 1L;
      default -> random.nextInt(200) - 100;
    };
  }

  @Test
  void behavesAsASortedSetUnderRandomOperations() {
    Random random = new Random(3);
    TreeSet<Long> model = new TreeSet<>();
    int widest = 2;
    Intset.clear(m, is);
    for (int step = 0; step < 100_000; step++) {
      if (step % 1_000 == 0) {
        Intset.clear(m, is);
        model.clear();
        widest = 2;
      }
      long value = step % 5_000 < 2_000 ? random.nextInt(400) - 200 : random(random);
      if (random.nextInt(3) > 0) {
        assertThat(add(value)).isEqualTo(model.add(value));
        widest = Math.max(widest, Intset.widthOf(value));
      } else {
        int index = Intset.find(m, is, value);
        assertThat(index >= 0).isEqualTo(model.remove(value));
        if (index >= 0) Intset.delete(m, is, index);
        else assertThat(-1 - index).isEqualTo(model.headSet(value).size());
      }
      assertThat(Intset.count(m, is)).isEqualTo(model.size());
      assertThat(Intset.width(m, is)).isEqualTo(widest);
      if (step % 50 == 0) {
        assertThat(all()).isEqualTo(List.copyOf(model));
        byte[] bytes = bytes();
        assertThat(Intset.validate(bytes, 0, bytes.length))
            .isEqualTo(model.isEmpty() ? -1 : model.size());
      }
    }
  }

  @Test
  void looksItsBytesAsRedisWritesThem() {
    Intset.clear(m, is);
    add(5);
    add(-1);
    assertThat(bytes()).containsExactly(2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0);
    add(-70_000);
    assertThat(bytes())
        .containsExactly(
            4, 0, 0, 0, 3, 0, 0, 0, 0x90, 0xee, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0);
  }

  @Test
  void aSearchFromAnyIndexBeforeTheAnswerFindsIt() {
    Intset.clear(m, is);
    for (int i = 0; i < 300; i++) add(3L * i);
    for (int i = 0; i < 300; i++) {
      for (int from = 0; from <= i; from += 7) {
        assertThat(Intset.find(m, is, 3L * i, from)).isEqualTo(i);
        assertThat(Intset.find(m, is, 3L * i + 1, from)).isEqualTo(-1 - (i + 1));
      }
    }
  }

  @Test
  void manyAreDeletedAtOnce() {
    Random random = new Random(4);
    for (int round = 0; round < 500; round++) {
      Intset.clear(m, is);
      int size = 1 + random.nextInt(100);
      for (int i = 0; i < size; i++) add(random(random));
      List<Long> rest = all();
      int[] indexes = new int[rest.size()];
      int n = 0;
      for (int i = 0; i < indexes.length; i++) if (random.nextInt(3) == 0) indexes[n++] = i;
      if (n == 0) continue;
      for (int i = n - 1; i >= 0; i--) rest.remove(indexes[i]);
      Intset.delete(m, is, indexes, n);
      assertThat(all()).isEqualTo(rest);
    }
  }

  @Test
  void foreignBytesThatAreNoIntsetAreRefused() {
    Random random = new Random(5);
    Intset.clear(m, is);
    for (int i = 0; i < 20; i++) add(random(random));
    byte[] good = bytes();
    assertThat(Intset.validate(good, 0, good.length)).isEqualTo(Intset.count(m, is));
    for (int cut = 0; cut < good.length; cut++)
      assertThat(Intset.validate(good, 0, cut)).isEqualTo(-1);
    for (int round = 0; round < 20_000; round++) {
      byte[] bad = good.clone();
      for (int i = random.nextInt(3); i >= 0; i--)
        bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      int count = Intset.validate(bad, 0, bad.length);
      if (count < 0) continue;
      m.copyIn(bad, 0, is, bad.length);
      assertThat(all()).isSorted().doesNotHaveDuplicates().hasSize(count);
    }
  }
}
