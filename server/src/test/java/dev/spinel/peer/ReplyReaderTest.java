package dev.spinel.peer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ReplyReaderTest {
  private static final String EVERYTHING =
      "+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhe\r\nl\r\n$0\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n,1.5\r\n"
          + "(12345678901234567890\r\n=7\r\ntxt:abc\r\n!6\r\nERR no\r\n*0\r\n"
          + "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n+x\r\n%1\r\n+k\r\n:1\r\n~2\r\n:1\r\n:2\r\n"
          + ">2\r\n+message\r\n+hi\r\n|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+a\r\n+b\r\n:7\r\n";

  private final List<RespValue> replies = new ArrayList<>();
  private final ReplyReader reader = new ReplyReader(new ReplyReader.ReplyLimits(10_000, 4));

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private int feed(String text) {
    byte[] bytes = bytes(text);
    return reader.feed(bytes, 0, bytes.length, replies::add);
  }

  @Test
  void everyKindOfReplyIsRead() {
    feed(EVERYTHING);
    assertThat(reader.error()).isNull();
    assertThat(replies)
        .containsExactly(
            new RespValue.Simple("OK"),
            new RespValue.Error("ERR no"),
            new RespValue.Int(-12),
            new RespValue.Bulk(bytes("he\r\nl")),
            new RespValue.Bulk(bytes("")),
            new RespValue.Nil(),
            new RespValue.Nil(),
            new RespValue.Nil(),
            new RespValue.Bool(true),
            new RespValue.Bool(false),
            new RespValue.Double("1.5"),
            new RespValue.Big("12345678901234567890"),
            new RespValue.Verbatim("txt", "abc"),
            new RespValue.Error("ERR no"),
            new RespValue.Array(List.of()),
            new RespValue.Array(
                List.of(
                    new RespValue.Int(1),
                    new RespValue.Array(
                        List.of(new RespValue.Bulk(bytes("a")), new RespValue.Array(List.of()))),
                    new RespValue.Simple("x"))),
            new RespValue.Map(List.of(new RespValue.Simple("k"), new RespValue.Int(1))),
            new RespValue.Set(List.of(new RespValue.Int(1), new RespValue.Int(2))),
            new RespValue.Push(
                List.of(new RespValue.Simple("message"), new RespValue.Simple("hi"))),
            new RespValue.Array(List.of(new RespValue.Int(7))));
    assertThat(reader.hasPending()).isFalse();
  }

  @Test
  void itDoesNotMatterInWhichPiecesRepliesArrive() {
    feed(EVERYTHING);
    long seed = Long.getLong("spinel.seed", 1);
    Random random = new Random(seed);
    byte[] all = bytes(EVERYTHING);
    for (int round = 0; round < 200; round++) {
      ReplyReader anew = new ReplyReader(new ReplyReader.ReplyLimits(10_000, 4));
      List<RespValue> read = new ArrayList<>();
      for (int at = 0; at < all.length; ) {
        int n = Math.min(all.length - at, 1 + random.nextInt(round == 0 ? 1 : 9));
        assertThat(anew.feed(all, at, at + n, read::add)).isEqualTo(at + n);
        at += n;
      }
      assertThat(read).as("seed %d", seed).isEqualTo(replies);
    }
  }

  @Test
  void whatFollowsAReplyMayBelongToSomebodyElse() {
    byte[] bytes = bytes("+CONTINUE\r\n*1\r\n$4\r\nPING\r\n");
    int at = reader.feed(bytes, 0, bytes.length, reply -> false);
    assertThat(at).isEqualTo(11);
  }

  @Test
  void aLongStringIsHandedOnInPieces() {
    StringBuilder pieces = new StringBuilder();
    List<String> order = new ArrayList<>();
    ReplyReader.Sink sink =
        new ReplyReader.Sink() {
          @Override
          public boolean reply(RespValue reply) {
            order.add(String.valueOf(reply.text()));
            return true;
          }

          @Override
          public boolean takesPieces(long length) {
            return length > 10_000;
          }

          @Override
          public void piece(byte[] b, int from, int to) {
            pieces.append(new String(b, from, to - from, StandardCharsets.ISO_8859_1));
          }

          @Override
          public boolean piecesEnd() {
            order.add("pieces");
            return true;
          }
        };
    String large = "0123456789".repeat(5_000);
    byte[] all = bytes("+a\r\n$50000\r\n" + large + "\r\n+b\r\n");
    for (int at = 0; at < all.length; at += 777) {
      reader.feed(all, at, Math.min(all.length, at + 777), sink);
    }
    assertThat(order).containsExactly("a", "pieces", "b");
    assertThat(pieces.toString()).isEqualTo(large);
  }

  @Test
  void aReplyThatIsTooLargeBreaksTheReader() {
    feed("$10001\r\n");
    assertThat(reader.error()).isEqualTo("a reply of more than 10000 bytes");
    assertThat(feed("+OK\r\n")).isZero();
    assertThat(replies).isEmpty();
  }

  @Test
  void theElementsOfAReplyCountTogether() {
    feed("*2\r\n$6000\r\n" + "x".repeat(6000) + "\r\n$6000\r\n");
    assertThat(reader.error()).isEqualTo("a reply of more than 10000 bytes");
  }

  @Test
  void manyTinyElementsAreRefusedBeforeTheyTakeMemory() {
    feed("*1000000000\r\n");
    assertThat(reader.error()).isEqualTo("an aggregate of 1000000000");
  }

  @Test
  void deepNestingBreaksTheReader() {
    feed("*1\r\n".repeat(5));
    assertThat(reader.error()).isEqualTo("a reply that nests deeper than 4");
  }

  @Test
  void whatIsNoReplyIsSaid() {
    feed("HTTP/1.1 400 Bad Request\r\n");
    assertThat(reader.error()).isEqualTo("no reply begins with 'HTTP/1.1 400 Bad Request'");
  }

  @Test
  void aStringNeedsItsLineEnd() {
    feed("$2\r\nabXY");
    assertThat(reader.error()).isEqualTo("a string without its line end");
  }

  @Test
  void anEndlessLineIsRefused() {
    feed("+" + "x".repeat(70_000));
    assertThat(reader.error()).isEqualTo("a line of more than 65536 bytes");
  }
}
