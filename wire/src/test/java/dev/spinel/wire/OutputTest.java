package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OutputTest {
  /// Counts what is out, and gives buffers of both kinds.
  private static final class CountedChunks implements Chunks {
    final Map<ByteBuffer, Boolean> out = new IdentityHashMap<>();
    boolean direct;

    @Override
    public ByteBuffer take(int bytes) {
      ByteBuffer b = direct ? ByteBuffer.allocateDirect(bytes) : ByteBuffer.allocate(bytes);
      out.put(b, true);
      return b;
    }

    @Override
    public void give(ByteBuffer chunk) {
      assertThat(out.remove(chunk)).as("given once, and ours").isTrue();
    }
  }

  private final CountedChunks chunks = new CountedChunks();
  private final OutputPool pool = new OutputPool(chunks);

  private static byte[] drained(Output o) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer b = ByteBuffer.allocateDirect(1000);
    while (o.drainTo(b, Long.MAX_VALUE) > 0) {
      byte[] part = new byte[b.flip().remaining()];
      b.get(part);
      all.writeBytes(part);
      b.clear();
    }
    return all.toByteArray();
  }

  @Test
  void beyondItsLimitAnOutputIsTornAndTakesNoMoreMemory() {
    Random r = new Random(7);
    for (int limit : new int[] {1, 40_000, 1_000_000}) {
      Output o = new Output(pool);
      o.limit(limit);
      RespWriter w = new RespWriter(o, 3);
      for (int i = 0; i < 1000; i++) {
        nested(w, new ByteArrayOutputStream(), r, 6_000, 0);
        w.bulk(new byte[r.nextInt(100_000)]);
        o.mark(i);
        if (i == 3 && limit == 40_000) o.shelve();
        assertThat(o.heldBytes()).isLessThan(limit + 10_000_000L);
      }
      assertThat(o.isTorn()).isTrue();
      assertThat(o.pendingBytes()).isGreaterThanOrEqualTo(limit);
      o.close();
      assertThat(chunks.out).isEmpty();
    }
  }

  @Test
  void withinItsLimitItIsNot() {
    Output o = new Output(pool);
    o.limit(1_000_000);
    o.write(new byte[999_999]);
    assertThat(o.isTorn()).isFalse();
    assertThat(drained(o)).hasSize(999_999);
    o.write(new byte[999_999]);
    assertThat(o.isTorn()).isFalse();
    o.close();
  }

  @Test
  void aLackOfMemoryTearsIt() {
    Chunks none =
        new Chunks() {
          @Override
          public ByteBuffer take(int bytes) {
            throw new OutOfMemoryError("none");
          }

          @Override
          public void give(ByteBuffer chunk) {}
        };
    Output o = new Output(new OutputPool(none));
    o.write(new byte[20_000]);
    assertThat(o.isTorn()).isFalse();
    assertThatThrownBy(() -> o.write(new byte[20_000])).isInstanceOf(OutOfMemoryError.class);
    assertThat(o.isTorn()).isTrue();
    o.write(new byte[70_000]);
    o.close();
    o.write(new byte[] {'a'});
    assertThat(o.isTorn()).isFalse();
    assertThat(drained(o)).containsExactly('a');
  }

  @Test
  void whatIsWrittenComesOutHoweverItWasWrittenAndDrained() throws IOException {
    long seed = Long.getLong("spinel.seed", 1);
    for (int round = 0; round < 400; round++) {
      Random r = new Random(seed + round);
      chunks.direct = r.nextBoolean();
      Output o = new Output(pool);
      RespWriter w = new RespWriter(o, 2 + r.nextInt(2));
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      Slow channel = new Slow(r);
      ByteBuffer direct = ByteBuffer.allocateDirect(1 + r.nextInt(100_000));
      int scale = r.nextInt(3) == 0 ? 200_000 : r.nextBoolean() ? 6_000 : 40;
      for (int step = 0; step < 60; step++) {
        switch (r.nextInt(8)) {
          case 0 -> nested(w, model, r, scale, 0);
          case 1 -> {
            o.writeTo(channel, direct, Long.MAX_VALUE, Long.MAX_VALUE);
            assertThat(o.pendingBytes()).isEqualTo(model.size() - channel.got.size());
          }
          case 2 -> {
            if (r.nextInt(4) == 0) o.shelve();
            ByteBuffer some = ByteBuffer.allocate(r.nextInt(3 * scale));
            int n = o.drainTo(some, Long.MAX_VALUE);
            channel.got.write(some.array(), 0, n);
          }
          default -> write(o, model, r, scale);
        }
        assertThat(o.pendingBytes())
            .as("seed " + (seed + round))
            .isEqualTo(model.size() - channel.got.size());
        assertThat(o.isEmpty()).isEqualTo(o.pendingBytes() == 0);
      }
      channel.got.writeBytes(drained(o));
      assertThat(channel.got.toByteArray())
          .as("seed " + (seed + round))
          .isEqualTo(model.toByteArray());
      assertThat(o.heldBytes()).isZero();
      assertThat(chunks.out).isEmpty();
    }
  }

  private static void write(Output o, ByteArrayOutputStream model, Random r, int scale) {
    byte[] b = new byte[r.nextInt(scale)];
    r.nextBytes(b);
    switch (r.nextInt(5)) {
      case 0 -> {
        int n = Math.min(b.length, OutputPool.BYTES);
        byte[] into = o.reserve(n);
        System.arraycopy(b, 0, into, o.at(), n);
        o.advance(o.at() + n);
        model.write(b, 0, n);
      }
      case 1 -> {
        o.write(Requests.text(b));
        model.writeBytes(b);
      }
      case 2 -> {
        o.write((byte) 7);
        model.write(7);
      }
      case 3 -> {
        for (int at = 0; at < b.length; ) {
          ByteBuffer w = o.window(b.length - at);
          int n = 1 + r.nextInt(Math.min(w.remaining(), b.length - at));
          w.put(b, at, n);
          o.wrote(n);
          at += n;
        }
        model.writeBytes(b);
      }
      default -> {
        o.write(b);
        model.writeBytes(b);
      }
    }
  }

  /// Arrays within arrays whose lengths are told at the end.
  private static void nested(
      RespWriter w, ByteArrayOutputStream model, Random r, int scale, int depth) {
    w.deferArray();
    ByteArrayOutputStream inner = new ByteArrayOutputStream();
    int n = r.nextInt(5);
    for (int i = 0; i < n; i++) {
      if (depth < 4 && r.nextInt(3) == 0) nested(w, inner, r, scale, depth + 1);
      else write(w.output(), inner, r, scale);
    }
    long told = r.nextLong() >>> r.nextInt(60) + 1;
    w.closeArray(told);
    model.writeBytes(Requests.bytes("*" + told + "\r\n"));
    model.writeBytes(inner.toByteArray());
  }

  /// A channel that takes a little, or nothing, at a time.
  private static final class Slow implements WritableByteChannel {
    final ByteArrayOutputStream got = new ByteArrayOutputStream();
    private final Random r;

    Slow(Random r) {
      this.r = r;
    }

    @Override
    public int write(ByteBuffer src) {
      int n = r.nextInt(4) == 0 ? r.nextInt(src.remaining() + 1) : src.remaining();
      byte[] b = new byte[n];
      src.get(b);
      got.writeBytes(b);
      return n;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  @Test
  void boundBytesLeaveWhenTheirPositionIsReleased() {
    Output o = new Output(pool);
    o.write("free ");
    o.mark(0);
    o.write("ten ");
    o.mark(10);
    o.write("lower ");
    o.mark(5);
    o.write("twenty ");
    o.mark(20);
    o.write("last");
    assertThat(o.firstBound()).isZero();
    ByteBuffer b = ByteBuffer.allocate(100);
    assertThat(o.drainTo(b, 0)).isEqualTo(5);
    assertThat(o.firstBound()).isEqualTo(10);
    assertThat(o.drainTo(b, 9)).isZero();
    assertThat(o.drainTo(b, 10)).isEqualTo(10);
    assertThat(o.drainTo(b, 19)).isZero();
    assertThat(o.drainTo(b, 20)).isEqualTo(11);
    assertThat(o.firstBound()).isEqualTo(Long.MAX_VALUE);
    assertThat(new String(b.array(), 0, b.position())).isEqualTo("free ten lower twenty last");
    assertThat(o.heldBytes()).isZero();
  }

  @Test
  void marksFollowAModel() {
    long seed = Long.getLong("spinel.seed", 1);
    Random r = new Random(seed);
    for (int round = 0; round < 200; round++) {
      Output o = new Output(pool);
      ArrayDeque<long[]> model = new ArrayDeque<>(); // {bytes, position}
      long position = 0;
      long released = 0;
      int unmarked = 0;
      for (int step = 0; step < 300; step++) {
        int n = r.nextInt(100);
        o.write(new byte[n]);
        unmarked += n;
        if (r.nextInt(3) > 0) {
          position += r.nextInt(3);
          long p = position - (r.nextInt(5) == 0 ? r.nextInt(4) : 0);
          o.mark(p);
          if (unmarked > 0) model.add(new long[] {unmarked, p});
          unmarked = 0;
        }
        if (r.nextInt(4) == 0) {
          released = Math.max(released, position - r.nextInt(10));
          long may = 0;
          boolean stopped = false;
          for (long[] m : model) {
            if (m[1] > released) {
              stopped = true;
              break;
            }
            may += m[0];
          }
          if (!stopped) may += unmarked;
          assertThat(o.releasedBytes(released)).as("seed " + seed).isEqualTo(may);
          int part = r.nextInt(300);
          int got = o.drainTo(ByteBuffer.allocate(part), released);
          assertThat(got).isEqualTo((int) Math.min(part, may));
          while (got > 0) {
            long[] first = model.peek();
            if (first == null) {
              unmarked -= got;
              break;
            }
            int take = (int) Math.min(got, first[0]);
            first[0] -= take;
            got -= take;
            if (first[0] == 0) model.remove();
          }
        }
      }
      o.close();
    }
  }

  @Test
  void aClientThatReadsNothingHoldsOneArrayOfTheHeap() {
    Output o = new Output(pool);
    byte[] b = new byte[100];
    for (int i = 0; i < 100_000; i++) o.write(b);
    assertThat(o.pendingBytes()).isEqualTo(10_000_000);
    long outside = 0;
    for (ByteBuffer c : chunks.out.keySet()) outside += c.capacity();
    assertThat(o.heldBytes()).isEqualTo(OutputPool.BYTES + outside).isLessThan(12_500_000);
    o.close();
    assertThat(chunks.out).isEmpty();
    assertThat(o.heldBytes()).isZero();
    assertThat(o.isEmpty()).isTrue();
  }

  @Test
  void aReplyThatFitsIntoTheArrayNeedsNoChunk() {
    Output o = new Output(pool);
    o.write(new byte[OutputPool.BYTES]);
    assertThat(chunks.out).isEmpty();
    assertThat(drained(o)).hasSize(OutputPool.BYTES);
  }

  @Test
  void manyClientsThatReadNothingShareALittleHeap() throws IOException {
    Output[] outputs = new Output[1000];
    ByteBuffer direct = ByteBuffer.allocateDirect(4096);
    WritableByteChannel full =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer src) {
            return 0;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    for (int i = 0; i < outputs.length; i++) {
      outputs[i] = new Output(pool);
      for (int turn = 0; turn < 3; turn++) {
        outputs[i].write(new byte[300]);
        assertThat(outputs[i].writeTo(full, direct, Long.MAX_VALUE, 1 << 20)).isZero();
      }
    }
    long held = 0;
    for (Output o : outputs) held += o.heldBytes();
    assertThat(held).isLessThan(200L * OutputPool.BYTES);
    for (Output o : outputs) assertThat(drained(o)).hasSize(900);
    assertThat(chunks.out).isEmpty();
  }

  @Test
  void anEmptyOutputHoldsNothing() {
    Output o = new Output(pool);
    assertThat(o.heldBytes()).isZero();
    assertThat(o.drainTo(ByteBuffer.allocate(10), Long.MAX_VALUE)).isZero();
    o.write("x");
    byte[] got = drained(o);
    assertThat(Arrays.equals(got, new byte[] {'x'})).isTrue();
    assertThat(o.heldBytes()).isZero();
  }
}
