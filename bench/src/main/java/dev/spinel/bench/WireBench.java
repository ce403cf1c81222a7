package dev.spinel.bench;

import dev.spinel.wire.Args;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Hash64;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.LongDouble;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Output;
import dev.spinel.wire.OutputPool;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.LongSupplier;

/// What the formats cost: requests read, replies written, slots, hashes and numbers, in nanoseconds
/// per operation: the best of ten rounds after warm-up, and the median beside it.
///
/// `WireBench [part of a name]`
public final class WireBench {
  private static final int ROUNDS = 10;
  private static final long ROUND_NANOS = 100_000_000L;

  /// Keeps results alive.
  private static volatile long kept;

  private final String wanted;

  private WireBench(String wanted) {
    this.wanted = wanted;
  }

  public static void main(String[] args) {
    System.out.println(
        "java "
            + System.getProperty("java.version")
            + ", "
            + System.getProperty("os.arch")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
    WireBench b = new WireBench(args.length > 0 ? args[0] : "");
    b.requests();
    b.replies();
    b.hashes();
    b.numbers();
  }

  /// `work` does `operations` of them and answers something that depends on all.
  private void measure(String name, int operations, LongSupplier work) {
    if (!name.contains(wanted)) return;
    double[] nanos = new double[ROUNDS];
    for (int round = -5; round < ROUNDS; round++) {
      long calls = 0;
      long sum = 0;
      long start = System.nanoTime();
      long spent = 0;
      while (spent < ROUND_NANOS) {
        for (int i = 0; i < 16; i++) sum += work.getAsLong();
        calls += 16;
        spent = System.nanoTime() - start;
      }
      kept = sum;
      if (round >= 0) nanos[round] = (double) spent / calls / operations;
    }
    java.util.Arrays.sort(nanos);
    System.out.printf("%-44s %8.1f %8.1f ns%n", name, nanos[0], nanos[ROUNDS / 2]);
  }

  private static byte[] bytes(String s) {
    return s.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String multibulk(String... arguments) {
    StringBuilder s = new StringBuilder("*" + arguments.length + "\r\n");
    for (String a : arguments) s.append("$" + a.length() + "\r\n" + a + "\r\n");
    return s.toString();
  }

  private void requests() {
    String key = "key:000000012345";
    read("read GET", 64, multibulk("GET", key));
    read("read SET, 3 bytes", 64, multibulk("SET", key, "xxx"));
    read("read SET, 256 bytes", 64, multibulk("SET", key, "x".repeat(256)));
    String[] mset = new String[21];
    mset[0] = "MSET";
    for (int i = 1; i < 21; i++) mset[i] = i % 2 == 1 ? key : "xxx";
    read("read MSET of 10", 16, multibulk(mset));
    read("read PING inline", 64, "PING\r\n");
    String[] many = new String[5000];
    java.util.Arrays.fill(many, "123456");
    read("read 5,000 arguments", 1, multibulk(many));
    cut("read SET cut in the middle", multibulk("SET", key, "x".repeat(100)));
  }

  private void read(String name, int pipeline, String request) {
    byte[] all = bytes(request.repeat(pipeline));
    byte[] turn = java.util.Arrays.copyOf(all, all.length + 16);
    RequestReader reader = new RequestReader();
    Args args = new Args();
    measure(
        name,
        pipeline,
        () -> {
          long sum = 0;
          int at = 0;
          while (reader.next(turn, at, all.length, args) == RequestReader.COMPLETE) {
            at = reader.position();
            sum += args.count() + args.at(args.count() - 1).length;
            args.release(LargeSink.NONE);
          }
          return sum;
        });
  }

  private void cut(String name, String request) {
    byte[] all = bytes(request);
    RequestReader reader = new RequestReader();
    Args args = new Args();
    measure(
        name,
        1,
        () -> {
          reader.next(all, 0, all.length / 2, args);
          reader.next(all, all.length / 2, all.length, args);
          int count = args.count();
          args.release(LargeSink.NONE);
          return count;
        });
  }

  private void replies() {
    OutputPool pool = new OutputPool(Chunks.heap());
    Output out = new Output(pool);
    RespWriter w = new RespWriter(out, 2);
    ByteBuffer direct = ByteBuffer.allocateDirect(1 << 20);
    byte[] three = bytes("xxx");
    byte[] many = new byte[256];
    reply("write +OK", 64, out, direct, w::ok);
    reply("write an integer", 64, out, direct, () -> w.integer(123456));
    reply("write a bulk of 3", 64, out, direct, () -> w.bulk(three));
    reply("write a bulk of 256", 64, out, direct, () -> w.bulk(many));
    reply("write a double", 64, out, direct, () -> w.doubleValue(1.33));
    reply(
        "write an array of 100 bulks of 3",
        4,
        out,
        direct,
        () -> {
          w.array(100);
          for (int i = 0; i < 100; i++) w.bulk(three);
        });
    reply(
        "write a deferred array of 100 bulks of 3",
        4,
        out,
        direct,
        () -> {
          w.deferArray();
          for (int i = 0; i < 100; i++) w.bulk(three);
          w.closeArray(100);
        });
  }

  private void reply(String name, int pipeline, Output out, ByteBuffer direct, Runnable reply) {
    measure(
        name,
        pipeline,
        () -> {
          for (int i = 0; i < pipeline; i++) reply.run();
          direct.clear();
          return out.drainTo(direct, Long.MAX_VALUE);
        });
  }

  private void hashes() {
    Hash64 hash = new Hash64(1, 2);
    for (int n : new int[] {4, 8, 16, 17, 40, 256}) {
      byte[][] keys = new byte[64][];
      for (int i = 0; i < 64; i++) {
        keys[i] = new byte[n];
        new java.util.Random(i).nextBytes(keys[i]);
        for (int k = 0; k < n; k++) keys[i][k] &= 63; // no braces
      }
      measure(
          "slot of " + n + " bytes",
          64,
          () -> {
            long sum = 0;
            for (byte[] k : keys) sum += KeySlot.of(k, 0, k.length);
            return sum;
          });
      measure(
          "hash of " + n + " bytes",
          64,
          () -> {
            long sum = 0;
            for (byte[] k : keys) sum += hash.of(k, 0, k.length);
            return sum;
          });
    }
  }

  private void numbers() {
    byte[] five = bytes("12345");
    byte[] long19 = bytes("1234567890123456789");
    measure("parse an integer of 5 digits", 1, () -> Numbers.parseLong(five, 0, 5, -1));
    measure("parse an integer of 19 digits", 1, () -> Numbers.parseLong(long19, 0, 19, -1));
    byte[] into = new byte[64];
    long[] counter = {100_000};
    measure(
        "format an integer of 6 digits", 1, () -> Numbers.format(counter[0]++ & 0xfffff, into, 0));
    byte[] fraction = bytes("1234.5678");
    measure(
        "parse a double",
        1,
        () -> Double.doubleToRawLongBits(Numbers.parseDouble(fraction, 0, fraction.length)));
    double[] doubles = new double[64];
    java.util.Random r = new java.util.Random(1);
    for (int i = 0; i < 64; i++) doubles[i] = r.nextGaussian();
    measure(
        "format a double",
        64,
        () -> {
          long sum = 0;
          for (double d : doubles) sum += Numbers.format(d, into, 0);
          return sum;
        });
    LongDouble tenth = LongDouble.of(0.1);
    measure(
        "INCRBYFLOAT's arithmetic",
        1,
        () -> {
          LongDouble v = LongDouble.parse(fraction, 0, fraction.length);
          return v == null ? 0 : v.plus(tenth).human().length;
        });
    byte[] pattern = bytes("user:*:name");
    byte[] key = bytes("user:12345:name");
    measure("match user:*:name", 1, () -> Glob.matches(pattern, key) ? 1 : 0);
  }
}
