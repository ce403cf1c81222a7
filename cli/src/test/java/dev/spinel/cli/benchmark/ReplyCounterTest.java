package dev.spinel.cli.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The ends of replies, wherever the stream is cut.
class ReplyCounterTest {
  /// What came of each reply: an error, or "".
  private static List<String> read(String stream, int piece) {
    ReplyCounter counter = new ReplyCounter();
    List<String> replies = new ArrayList<>();
    byte[] bytes = stream.getBytes(StandardCharsets.ISO_8859_1);
    for (int at = 0; at < bytes.length; at += piece) {
      ByteBuffer in = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
      while (counter.next(in)) {
        String error = counter.error();
        replies.add(error == null ? "" : error);
      }
    }
    return replies;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "+OK\r\n",
        ":-12\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "$4\r\n\r\n+a\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n*2\r\n:1\r\n$1\r\na\r\n$-1\r\n",
        "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n",
        "~1\r\n,1.5\r\n",
        "|1\r\n+ttl\r\n:5\r\n$1\r\nx\r\n",
        "=7\r\ntxt:abc\r\n",
        "*1\r\n-ERR within\r\n",
        ">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n+OK\r\n",
      })
  void aReplyIsOne(String reply) {
    for (int piece = 1; piece < 12; piece++) {
      assertThat(read(reply + reply + reply, piece)).containsExactly("", "", "");
    }
  }

  @Test
  void anErrorIsToldWithItsText() {
    assertThat(read("+OK\r\n-MOVED 1 a:2\r\n:1\r\n", 3)).containsExactly("", "MOVED 1 a:2", "");
    assertThat(read("!4\r\nERR \r\n+x\r\n", 2)).containsExactly("an error", "");
  }

  @Test
  void whatIsNoReplyIsRefused() {
    assertThatThrownBy(() -> read("HTTP/1.1\r\n", 100))
        .hasMessage("Protocol error, got \"H\" as reply type byte");
    assertThatThrownBy(() -> read("\r\n", 100)).isInstanceOf(IllegalStateException.class);
  }
}
