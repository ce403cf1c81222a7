package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class RespWriterTest {
  private final OutputPool pool = new OutputPool(Chunks.heap());

  private String written(int protocol, Consumer<RespWriter> reply) {
    Output o = new Output(pool);
    reply.accept(new RespWriter(o, protocol));
    ByteBuffer b = ByteBuffer.allocate((int) o.pendingBytes());
    o.drainTo(b, Long.MAX_VALUE);
    return Requests.text(b.array());
  }

  private void check(Consumer<RespWriter> reply, String resp2, String resp3) {
    assertThat(written(2, reply)).isEqualTo(resp2);
    assertThat(written(3, reply)).isEqualTo(resp3);
  }

  private void check(Consumer<RespWriter> reply, String both) {
    check(reply, both, both);
  }

  @Test
  void linesAreAsInRedis() {
    check(RespWriter::ok, "+OK\r\n");
    check(w -> w.simple("PONG"), "+PONG\r\n");
    check(w -> w.error("ERR no such key"), "-ERR no such key\r\n");
    check(w -> w.error("\r\nERR a\r\nb\nc\r\n"), "-ERR a  b c\r\n");
    check(w -> w.error("ERR \u00ff"), "-ERR \u00ff\r\n");
    for (long v : new long[] {0, 1, 9, 10, -1, 12345, Long.MAX_VALUE, Long.MIN_VALUE})
      check(w -> w.integer(v), ":" + v + "\r\n");
  }

  @Test
  void stringsAreAsInRedis() {
    for (int n : new int[] {0, 1, 9, 10, 4096, 4097, 20_000, 300_000}) {
      byte[] b = new byte[n];
      java.util.Arrays.fill(b, (byte) 'v');
      String expected = "$" + n + "\r\n" + "v".repeat(n) + "\r\n";
      check(w -> w.bulk(b), expected);
      check(w -> w.bulk(new Slice(b)), expected);
      check(w -> w.bulk("v".repeat(n)), expected);
      check(
          w -> {
            w.bulkHeader(n);
            w.output().write(b);
            w.crlf();
          },
          expected);
      if (n <= 8192)
        check(
            w -> {
              w.output().write(new byte[9000]);
              byte[] into = w.beginBulk(n);
              System.arraycopy(b, 0, into, w.output().at(), n);
              w.endBulk(into, n);
            },
            "\0".repeat(9000) + expected);
    }
    check(w -> w.bulk(-12), "$3\r\n-12\r\n");
    check(w -> w.bulk(Long.MIN_VALUE), "$20\r\n-9223372036854775808\r\n");
    check(RespWriter::nil, "$-1\r\n", "_\r\n");
    check(RespWriter::nilArray, "*-1\r\n", "_\r\n");
    check(w -> w.verbatim("txt", Requests.bytes("hi")), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
  }

  @Test
  void numbersAreAsInRedis() {
    check(w -> w.doubleValue(3), "$1\r\n3\r\n", ",3\r\n");
    check(w -> w.doubleValue(1.33), "$4\r\n1.33\r\n", ",1.33\r\n");
    check(
        w -> w.doubleValue(-1.7976931348623157e308),
        "$24\r\n-1.7976931348623157e+308\r\n",
        ",-1.7976931348623157e+308\r\n");
    check(w -> w.doubleValue(1 / 0.0), "$3\r\ninf\r\n", ",inf\r\n");
    check(w -> w.doubleValue(-1 / 0.0), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(w -> w.humanDouble(LongDouble.parse("3.25").human()), "$4\r\n3.25\r\n", ",3.25\r\n");
    check(w -> w.bool(true), ":1\r\n", "#t\r\n");
    check(w -> w.bool(false), ":0\r\n", "#f\r\n");
    check(w -> w.bigNumber(Requests.bytes("123")), "$3\r\n123\r\n", "(123\r\n");
  }

  @Test
  void aggregatesAreAsInRedis() {
    check(w -> w.array(0), "*0\r\n");
    check(w -> w.array(12), "*12\r\n");
    check(w -> w.map(2), "*4\r\n", "%2\r\n");
    check(w -> w.set(3), "*3\r\n", "~3\r\n");
    check(w -> w.push(3), "*3\r\n", ">3\r\n");
    assertThat(written(3, w -> w.attribute(1))).isEqualTo("|1\r\n");
  }

  @Test
  void lengthsMayBeToldAfterwards() {
    check(
        w -> {
          w.deferMap();
          w.bulk("k");
          w.deferArray();
          w.closeArray(0);
          w.deferSet();
          w.integer(1);
          w.closeArray(1);
          w.integer(2);
          w.closeArray(2);
          w.deferPush();
          w.closeArray(1234567);
        },
        "*4\r\n$1\r\nk\r\n*0\r\n*1\r\n:1\r\n:2\r\n*1234567\r\n",
        "%2\r\n$1\r\nk\r\n*0\r\n~1\r\n:1\r\n:2\r\n>1234567\r\n");
    check(
        w -> {
          w.ok();
          w.deferArray();
          for (int i = 0; i < 50_000; i++) w.integer(i % 10);
          w.closeArray(50_000);
          w.ok();
        },
        "+OK\r\n*50000\r\n"
            + ":0\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n".repeat(5000)
            + "+OK\r\n");
  }
}
