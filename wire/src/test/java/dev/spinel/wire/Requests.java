package dev.spinel.wire;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Requests by seed, well-formed and otherwise, and what a server that knows only ECHO answers to
/// them, by our reader.
final class Requests {
  private Requests() {}

  static byte[] bytes(String latin1) {
    return latin1.getBytes(StandardCharsets.ISO_8859_1);
  }

  static String text(byte[] b) {
    return new String(b, StandardCharsets.ISO_8859_1);
  }

  /// Printable, one line: for files and messages.
  static String escaped(byte[] b) {
    StringBuilder s = new StringBuilder();
    for (byte x : b) {
      int c = x & 0xff;
      if (c == '\r') s.append("\\r");
      else if (c == '\n') s.append("\\n");
      else if (c == '\\') s.append("\\\\");
      else if (c <= ' ' || c >= 127) s.append(String.format("\\x%02x", c));
      else s.append((char) c);
    }
    return s.toString();
  }

  static byte[] unescaped(String s) {
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (c != '\\') {
        b.append(c);
        continue;
      }
      switch (s.charAt(++i)) {
        case 'r' -> b.append('\r');
        case 'n' -> b.append('\n');
        case 'x' -> {
          b.append((char) Integer.parseInt(s.substring(i + 1, i + 3), 16));
          i += 2;
        }
        default -> b.append('\\');
      }
    }
    return bytes(b.toString());
  }

  /// A few commands, some damaged.
  static byte[] random(Random r) {
    StringBuilder s = new StringBuilder();
    int commands = 1 + r.nextInt(4);
    for (int i = 0; i < commands; i++) s.append(r.nextInt(3) == 0 ? inline(r) : multibulk(r));
    if (r.nextInt(3) == 0) damage(s, r);
    if (r.nextInt(8) == 0) s.setLength(r.nextInt(s.length() + 1));
    return bytes(s.toString());
  }

  private static String multibulk(Random r) {
    StringBuilder s = new StringBuilder();
    if (r.nextInt(12) == 0) {
      String[] odd = {"*0\r\n", "*-1\r\n", "\r\n", "*-12\r\n", "  \r\n", "*1\r\n$0\r\n\r\n", "\n"};
      return odd[r.nextInt(odd.length)];
    }
    int n = r.nextInt(6) == 0 ? 1 + r.nextInt(12) : 2;
    s.append('*').append(n).append("\r\n");
    for (int i = 0; i < n; i++) {
      String a = i == 0 ? (r.nextInt(9) == 0 ? "Echo" : "ECHO") : word(r, true);
      s.append('$').append(a.length()).append("\r\n").append(a).append("\r\n");
    }
    return s.toString();
  }

  private static String inline(Random r) {
    StringBuilder s = new StringBuilder();
    if (r.nextInt(9) == 0) s.append("  \t\u000b");
    s.append(r.nextInt(5) == 0 ? "\"EC\\x48O\"" : "echo");
    int n = r.nextInt(8) == 0 ? r.nextInt(4) : 1;
    for (int i = 0; i < n; i++) {
      s.append(" \t ".charAt(r.nextInt(3)));
      switch (r.nextInt(4)) {
        case 0 -> s.append('"').append(quoted(r)).append('"');
        case 1 -> s.append('\'').append(quoted(r)).append('\'');
        case 2 -> s.append(quoted(r).replace("\n", "")).append(r.nextInt(3) == 0 ? "\"x\"" : "");
        default -> s.append(word(r, false));
      }
    }
    if (r.nextInt(9) == 0) s.append("  ");
    return s.append(r.nextInt(3) == 0 ? "\n" : "\r\n").toString();
  }

  private static String quoted(Random r) {
    String[] pieces = {
      "a", "b c", "\\n", "\\r", "\\t", "\\a", "\\b", "\\x41", "\\xff", "\\xZ1", "\\x4", "\\\\",
      "\\'", "\\\"", "\\q", "'", "\"", "\\", "\u000b", "\f", "\u00e9", "}", "\t"
    };
    StringBuilder s = new StringBuilder();
    for (int n = r.nextInt(5); n > 0; n--) {
      int i = r.nextInt(pieces.length + (r.nextInt(4) == 0 ? 0 : -9));
      s.append(pieces[Math.min(i, pieces.length - 1)]);
    }
    return s.toString();
  }

  static String word(Random r, boolean binary) {
    int n =
        switch (r.nextInt(40)) {
          case 0, 1, 2 -> 0;
          case 3, 4, 5 -> 10 + r.nextInt(90);
          case 6 -> 100 + r.nextInt(900);
          default -> 1 + r.nextInt(9);
        };
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < n; i++) s.append((char) (binary ? r.nextInt(256) : 'a' + r.nextInt(26)));
    return s.toString();
  }

  private static void damage(StringBuilder s, Random r) {
    String[] wrong = {
      "*",
      "$",
      "-1",
      "+2",
      "00",
      "01",
      " ",
      "\r",
      "\n",
      "\0",
      "x",
      "99999999999999999999",
      "2147483648",
      "9223372036854775808",
      "536870913",
      "\u00ff",
      ":",
      "\"",
      "'",
      "3"
    };
    for (int n = 1 + r.nextInt(2); n > 0; n--) {
      int at = r.nextInt(Math.max(1, Math.min(s.length(), r.nextInt(2) == 0 ? 12 : 4000)));
      String w = wrong[r.nextInt(wrong.length)];
      if (r.nextBoolean()) s.insert(at, w);
      else s.replace(at, Math.min(s.length(), at + r.nextInt(3)), w);
    }
  }

  /// What an ECHO server answers to `input` when it arrives in pieces of at most `piece(i)` bytes:
  /// bulks; `E` for any error of a command; the protocol error in full, and then nothing more.
  static String answers(
      byte[] input, RequestReader reader, @Nullable LargeSinkModel sink, @Nullable Random cuts) {
    StringBuilder out = new StringBuilder();
    Args args = new Args();
    Batch batch = new Batch();
    byte[] turn = new byte[input.length + 40];
    int sent = 0;
    while (sent < input.length) {
      int n =
          cuts == null
              ? input.length
              : Math.min(input.length - sent, 1 + cuts.nextInt(1 + cuts.nextInt(40)));
      int from = cuts == null ? 0 : cuts.nextInt(20);
      if (cuts != null) cuts.nextBytes(turn); // stale bytes around ours
      System.arraycopy(input, sent, turn, from, n);
      sent += n;
      int at = from;
      int to = from + n;
      while (true) {
        if (cuts != null
            && cuts.nextInt(16) == 0) { // the loop stops here and goes on in a later turn
          if (reader.keep(turn, at, to) != RequestReader.INCOMPLETE)
            throw new AssertionError("limit");
          at = to;
        }
        if (cuts != null && cuts.nextBoolean()) {
          reader.readAhead(turn, at, to, batch);
          for (int left = cuts.nextInt(2 * Batch.MOST); left >= 0 && !batch.isEmpty(); left--) {
            answer(batch.poll(), sink, out);
            at = batch.position();
          }
          batch.clear(); // as if the client had to wait: the others are read again
        }
        int status = reader.next(turn, at, to, args);
        if (status == RequestReader.ERROR) return out + "-ERR " + reader.error() + "\r\n";
        if (status == RequestReader.INCOMPLETE) {
          if (reader.position() != to) throw new AssertionError("bytes left over");
          break;
        }
        if (status != RequestReader.COMPLETE) throw new AssertionError("status " + status);
        if (reader.position() < at || reader.position() > to) throw new AssertionError("position");
        at = reader.position();
        answer(args, sink, out);
        args.release(sink == null ? LargeSink.NONE : sink);
      }
    }
    return out.toString();
  }

  private static void answer(Args args, @Nullable LargeSinkModel sink, StringBuilder out) {
    if (args.count() == 2 && args.at(0).is("ECHO")) {
      Slice s = args.at(1);
      out.append('$')
          .append(s.length)
          .append("\r\n")
          .append(sink == null ? s.text() : sink.text(s))
          .append("\r\n");
    } else {
      out.append("E\r\n");
    }
  }

  /// A real server's output in the same form.
  static String normalized(String real) {
    StringBuilder s = new StringBuilder();
    int i = 0;
    while (i < real.length()) {
      int line = real.indexOf("\r\n", i);
      if (real.charAt(i) == '$') {
        int n = Integer.parseInt(real.substring(i + 1, line));
        s.append(real, i, line + 2 + n + 2);
        i = line + 2 + n + 2;
      } else {
        boolean protocol = real.startsWith("-ERR Protocol error", i);
        s.append(protocol ? real.substring(i, line + 2) : "E\r\n");
        i = line + 2;
      }
    }
    return s.toString();
  }

  /// Cases worth naming, each with what it is about.
  static List<String> named() {
    List<String> c = new ArrayList<>();
    String echo = "*2\r\n$4\r\nECHO\r\n";
    for (String n :
        new String[] {
          "-1",
          "-2",
          "",
          " 3",
          "3 ",
          "+3",
          "03",
          "3x",
          "536870912",
          "536870913",
          "1048577",
          "99999999999",
          "9223372036854775807",
          "9223372036854775808",
          "1e3"
        }) c.add(echo + "$" + n + "\r\nabc\r\n");
    for (String n :
        new String[] {
          "0",
          "-1",
          "-10",
          "",
          " 1",
          "+1",
          "01",
          "1x",
          "2147483647",
          "2147483648",
          "1048577",
          "99999999999999999999",
          "-99999999999999999999"
        }) c.add("*" + n + "\r\n" + echo + "$1\r\nx\r\n");
    for (String t :
        new String[] {
          "3",
          "*1",
          ":1",
          "\r\n",
          "\n\r",
          "\r",
          "x\r\n",
          "\u00ff\r\n",
          "  ",
          "\t\r\n",
          "'\r\n",
          "%\r\n"
        }) c.add(echo + t + "\r\nabc\r\n");
    c.add("*2\rX$4\rXECHOXX$3\rXabcXX");
    c.add("*\0" + "2\r\n$4\r\nECHO\r\n$1\r\nx\r\n");
    c.add("*2\r\n$\0" + "4\r\nECHO\r\n$1\r\nx\r\n");
    c.add("echo a\0b\r\necho c\r\n");
    c.add("echo \"a\r\n");
    c.add("echo 'a\r\n");
    c.add("echo \"a\"b\r\n");
    c.add("echo 'a'b\r\n");
    c.add("echo a'b c'\r\n");
    c.add("echo a\"\\x41\\n\\xzz\\q\"\r\n");
    c.add("echo 'a\\'b\\n'\r\n");
    c.add("\r\n\r\n\n   \r\necho a\r\n");
    c.add("echo a\recho b\r\n");
    c.add("echo a\r\r\n");
    c.add("echo \"a\r\"\r\n");
    c.add("\u000becho a\u000bb\r\n");
    c.add("echo \"\"\r\n");
    c.add("echo ''\r\n");
    c.add("\"\"\r\n");
    c.add("echo \"a\\\r\n");
    c.add("echo \"a\\\"\r\n");
    c.add("echo " + "x".repeat(40_000) + "\r\n");
    c.add("*1" + "0".repeat(65_536) + "");
    c.add("*" + "0".repeat(65_534));
    c.add("*" + "0".repeat(65_535));
    c.add("*" + "0".repeat(65_536));
    c.add("*" + "0".repeat(65_537));
    c.add("*2\r\n$" + "0".repeat(65_535));
    c.add("*2\r\n$" + "0".repeat(65_536));
    c.add("x".repeat(65_536));
    c.add("x".repeat(65_537));
    c.add(echo + "$40000\r\n" + "y".repeat(40_000) + "\r\n" + echo + "$1\r\nx\r\n");
    c.add(echo + "$40000\r\n" + "y".repeat(40_000) + "zz" + echo + "$1\r\nx\r\n");
    c.add(
        echo
            + "$32767\r\n"
            + "y".repeat(32_767)
            + "\r\n"
            + echo
            + "$32768\r\n"
            + "w".repeat(32_768)
            + "\r\n");
    return c;
  }
}
