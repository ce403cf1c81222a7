package dev.spinel.replication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.wire.Chunks;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Byte k of every stream here is `k * 31`, so whoever reads knows what should come.
class BacklogTest {
  private static final int KB = 1 << 10;

  /// Chunks that are counted, and poisoned when they are given back.
  private static final class Counted implements Chunks {
    final AtomicInteger out = new AtomicInteger();
    boolean areNone; // the system has no memory

    @Override
    public ByteBuffer take(int bytes) {
      if (areNone) {
        throw new OutOfMemoryError("a test");
      }
      out.incrementAndGet();
      return ByteBuffer.allocate(bytes);
    }

    @Override
    public void give(ByteBuffer chunk) {
      out.decrementAndGet();
      for (int i = 0; i < chunk.capacity(); i++) {
        chunk.put(i, (byte) 0xDD);
      }
    }
  }

  private final Counted chunks = new Counted();

  private static byte byteAt(long offset) {
    return (byte) (offset * 31);
  }

  private static void append(Backlog backlog, int n) {
    byte[] bytes = new byte[n + 7];
    for (int i = 0; i < n; i++) {
      bytes[i + 5] = byteAt(backlog.last() + 1 + i);
    }
    backlog.append(bytes, 5, n);
  }

  /// Reads at most so much and checks it. Returns what [Backlog.Cursor#read] does.
  private static int read(Backlog.Cursor cursor, int most) {
    ByteBuffer into = ByteBuffer.allocate(most + 3).position(3);
    long at = cursor.next();
    int n = cursor.read(into);
    for (int i = 0; i < n; i++) {
      if (into.get(3 + i) != byteAt(at + i)) {
        throw new AssertionError("byte " + (at + i));
      }
    }
    return n;
  }

  @Test
  void offsetsCountFromTheByteBehindTheLastOne() {
    Backlog backlog = new Backlog(1000, 64 * KB, chunks);
    assertThat(backlog.first()).isEqualTo(1001);
    assertThat(backlog.has(1001)).isTrue();
    assertThat(backlog.has(1000)).isFalse();
    assertThat(backlog.has(1002)).isFalse();
    append(backlog, 10);
    assertThat(backlog.last()).isEqualTo(1010);
    assertThat(backlog.keptBytes()).isEqualTo(10);
    assertThat(backlog.has(1011)).isTrue();
    assertThatThrownBy(() -> backlog.open(1012, 0, () -> {})).hasMessage("byte 1012 isn't kept");
  }

  @Test
  void aCursorReadsAllThatComesBehindIt() {
    Backlog backlog = new Backlog(0, 64 * KB, chunks);
    append(backlog, 100_000);
    try (var cursor = backlog.open(90_001, 0, () -> {})) {
      assertThat(read(cursor, 256 * KB)).isEqualTo(10_000);
      assertThat(read(cursor, 256 * KB)).isZero();
      append(backlog, 40_000);
      assertThat(cursor.unreadBytes()).isEqualTo(40_000);
      assertThat(read(cursor, 7)).isEqualTo(7);
      assertThat(read(cursor, 256 * KB)).isEqualTo(39_993);
    }
  }

  @Test
  void atLeastItsSizeIsKeptAndNotMuchMore() {
    Backlog backlog = new Backlog(0, 256 * KB, chunks);
    for (int i = 0; i < 1000; i++) {
      append(backlog, 3000);
      assertThat(backlog.keptBytes()).isGreaterThanOrEqualTo(Math.min(256 * KB, backlog.last()));
    }
    assertThat(backlog.heldBytes()).isLessThanOrEqualTo((256 + 2 * 16) * KB);
  }

  @Test
  void whatACursorHasNotReadIsKept() {
    Backlog backlog = new Backlog(0, 64 * KB, chunks);
    append(backlog, 10);
    Backlog.Cursor cursor = backlog.open(5, 0, () -> {});
    append(backlog, 2_000_000);
    assertThat(backlog.keptBytes()).isGreaterThan(2_000_000);
    int n = 0;
    while (n < 2_000_006) {
      n += read(cursor, 50_000);
    }
    append(backlog, 20_000);
    cursor.close();
    assertThat(backlog.heldBytes()).isLessThanOrEqualTo((64 + 2 * 16) * KB);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5_000, 200_000})
  void withoutMemoryNobodyReadsOnBehindTheGap(int before) {
    Backlog backlog = new Backlog(1000, 64 * KB, chunks);
    AtomicInteger gaps = new AtomicInteger();
    AtomicInteger lost = new AtomicInteger();
    backlog.onGap(gaps::incrementAndGet);
    append(backlog, before);
    Backlog.Cursor idle = backlog.open(backlog.last() + 1, 0, lost::incrementAndGet);
    Backlog.Cursor reading = backlog.open(backlog.first(), 0, lost::incrementAndGet);
    read(reading, 1000); // and holds what it reads from
    chunks.areNone = true;
    long offset = backlog.last();
    append(backlog, 50_000);
    append(backlog, 3_000);
    assertThat(backlog.last()).as("all is counted").isEqualTo(offset + 53_000);
    assertThat(gaps.get()).isPositive();
    assertThat(lost.get()).isEqualTo(2);
    assertThat(read(idle, 100)).isEqualTo(-1);
    assertThat(backlog.keptBytes()).isZero();
    assertThat(backlog.has(offset)).isFalse();
    assertThat(backlog.has(backlog.last())).isFalse();
    chunks.areNone = false;
    assertThat(backlog.has(backlog.last() + 1)).isTrue();
    try (Backlog.Cursor next = backlog.open(backlog.last() + 1, 0, () -> {})) {
      append(backlog, 40_000);
      assertThat(backlog.keptBytes()).isEqualTo(40_000);
      assertThat(read(next, 256 * KB)).isEqualTo(40_000);
    }
    reading.close();
    idle.close();
    append(backlog, 200_000);
    assertThat(backlog.heldBytes()).isLessThanOrEqualTo((64 + 2 * 16) * KB);
    backlog.close();
    assertThat(chunks.out).hasValue(0);
  }

  @Test
  void whatWasKeptForOneWhoNeverReadGoesWithIt() {
    Backlog backlog = new Backlog(0, 64 * KB, chunks);
    append(backlog, 10);
    Backlog.Cursor cursor = backlog.open(5, 0, () -> {});
    append(backlog, 2_000_000);
    cursor.close();
    assertThat(backlog.heldBytes()).isLessThanOrEqualTo((64 + 2 * 16) * KB);
  }

  @Test
  void aCursorThatFallsTooFarBehindIsLostAndItsOwnerIsToldOnce() {
    Backlog backlog = new Backlog(0, 64 * KB, chunks);
    AtomicInteger told = new AtomicInteger();
    Backlog.Cursor cursor = backlog.open(1, 500_000, told::incrementAndGet);
    append(backlog, 400_000);
    assertThat(told).hasValue(0);
    append(backlog, 400_000);
    append(backlog, 400_000);
    assertThat(told).hasValue(1);
    assertThat(read(cursor, 1000)).isEqualTo(-1);
    cursor.close();
    assertThat(backlog.heldBytes()).isLessThanOrEqualTo((64 + 2 * 16) * KB);
  }

  @Test
  void itsSizeChangesWhileItIsRead() {
    Backlog backlog = new Backlog(0, 1024 * KB, chunks);
    append(backlog, 1024 * KB);
    Backlog.Cursor cursor = backlog.open(600_001, 0, () -> {});
    read(cursor, 1);
    backlog.resize(64 * KB);
    assertThat(backlog.first()).isBetween(500_000L, 600_001L);
    assertThat(read(cursor, 2000 * KB)).isEqualTo(1024 * KB - 600_001);
    backlog.resize(2048 * KB);
    append(backlog, 2048 * KB);
    assertThat(backlog.keptBytes()).isGreaterThanOrEqualTo(2048 * KB);
    cursor.close();
  }

  @Test
  void closingGivesAllBackAtLastWhatIsBeingRead() {
    Backlog backlog = new Backlog(0, 256 * KB, chunks);
    append(backlog, 200 * KB);
    Backlog.Cursor one = backlog.open(1, 0, () -> {});
    Backlog.Cursor other = backlog.open(100 * KB, 0, () -> {});
    read(one, 1);
    read(other, 1);
    backlog.close();
    assertThat(chunks.out).hasValue(2);
    assertThat(read(one, 1)).isEqualTo(-1);
    append(backlog, 10); // of no use, but no harm
    one.close();
    one.close();
    other.close();
    assertThat(chunks.out).hasValue(0);
  }

  @Test
  void anyOrderOfAppendsReadsAndChangesIsRight() {
    long seed = Long.getLong("spinel.seed", 14);
    Random random = new Random(seed);
    for (int round = 0; round < 50; round++) {
      Backlog backlog = new Backlog(random.nextInt(1000), 32 * KB, chunks);
      List<Backlog.Cursor> cursors = new ArrayList<>();
      for (int step = 0; step < 300; step++) {
        switch (random.nextInt(6)) {
          case 0, 1 -> append(backlog, random.nextInt(40_000));
          case 2 -> {
            long from = backlog.first() + random.nextLong(backlog.keptBytes() + 1);
            cursors.add(backlog.open(from, random.nextInt(3) * 100_000L, () -> {}));
          }
          case 3 -> backlog.resize((16L + random.nextInt(200)) * KB);
          case 4 -> {
            if (cursors.size() > 4) {
              cursors.remove(random.nextInt(cursors.size())).close();
            }
          }
          default -> {
            for (Backlog.Cursor cursor : cursors) {
              int n = read(cursor, random.nextInt(60_000));
              assertThat(n >= 0 || cursor.isLost()).as("seed %d", seed).isTrue();
            }
          }
        }
      }
      cursors.forEach(Backlog.Cursor::close);
      backlog.close();
      assertThat(chunks.out).as("seed %d", seed).hasValue(0);
    }
  }

  @Test
  void readersOfOtherThreadsSeeWholeBytes() {
    Backlog backlog = new Backlog(0, 64 * KB, chunks);
    long end = 20_000_000;
    List<CompletableFuture<Void>> readers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      Backlog.Cursor cursor = backlog.open(1, 0, () -> {});
      int most = 1000 + 60_000 * i;
      readers.add(
          CompletableFuture.runAsync(
              () -> {
                while (cursor.next() <= end) {
                  if (read(cursor, most) == 0) {
                    Thread.onSpinWait();
                  }
                }
                cursor.close();
              }));
    }
    while (backlog.last() < end) {
      append(backlog, (int) Math.min(end - backlog.last(), 12_345));
    }
    readers.forEach(CompletableFuture::join);
    backlog.close();
    assertThat(chunks.out).hasValue(0);
  }
}
