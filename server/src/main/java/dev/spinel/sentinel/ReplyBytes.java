package dev.spinel.sentinel;

import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.util.List;

/// Replies as bytes, in either protocol.
final class ReplyBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final boolean isResp3;

  private ReplyBytes(boolean isResp3) {
    this.isResp3 = isResp3;
  }

  static byte[] of(RespValue reply, int protocol) {
    ReplyBytes bytes = new ReplyBytes(protocol == 3);
    if (reply instanceof RespValue.Nil && protocol == 2) {
      bytes.line("*-1");
    } else {
      bytes.write(reply);
    }
    return bytes.out.toByteArray();
  }

  /// The reply where a string is wanted and there is none: in RESP2 it isn't that of an array.
  static byte[] noString(int protocol) {
    return Texts.bytes(protocol == 3 ? "_\r\n" : "$-1\r\n");
  }

  private void line(String text) {
    out.writeBytes(Texts.bytes(text));
    out.write('\r');
    out.write('\n');
  }

  private void write(RespValue value) {
    switch (value) {
      case RespValue.Simple simple -> line("+" + simple.text());
      case RespValue.Error error -> line("-" + error.text().replace('\r', ' ').replace('\n', ' '));
      case RespValue.Int number -> line(":" + number.value());
      case RespValue.Nil _ -> line(isResp3 ? "_" : "$-1");
      case RespValue.Array array -> all("*", array.elements(), 1);
      case RespValue.Push push -> all(isResp3 ? ">" : "*", push.elements(), 1);
      case RespValue.Set set -> all(isResp3 ? "~" : "*", set.elements(), 1);
      case RespValue.Map map -> all(isResp3 ? "%" : "*", map.elements(), isResp3 ? 2 : 1);
      case RespValue.Verbatim text when isResp3 -> {
        line("=" + (text.body().length() + 4));
        line(text.format() + ":" + text.body());
      }
      default -> {
        String text = String.valueOf(value.text());
        line("$" + text.length());
        line(text);
      }
    }
  }

  private void all(String type, List<RespValue> elements, int each) {
    line(type + elements.size() / each);
    elements.forEach(this::write);
  }
}
