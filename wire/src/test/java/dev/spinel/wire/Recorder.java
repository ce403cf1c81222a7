package dev.spinel.wire;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Writes the recordings that the tests compare with, from a real server: `Recorder <redis-server
/// 7.2> <directory>`. By hand, when a recording needs more cases.
final class Recorder {
  private final Client c;
  private final Random random = new Random(7_2_6);

  private Recorder(Client c) {
    this.c = c;
  }

  public static void main(String[] a) throws Exception {
    Path dir = Path.of(a[1]);
    try (Peer peer = Peer.start(a[0]);
        Client c = peer.client()) {
      Recorder r = new Recorder(c);
      c.command("CONFIG", "SET", "zset-max-listpack-entries", "0"); // a listpack would make 0 of -0
      save(dir, "scores.txt", r.scores());
      save(dir, "floats.txt", r.floats());
      save(dir, "increments.txt", r.increments());
      save(dir, "globs.txt", r.globs());
      save(dir, "command-patterns.txt", r.commandPatterns());
      save(dir, "requests.txt", r.requests(peer.port, 1200));
    }
    try (Peer peer = Peer.start(a[0], "--requirepass", "x")) {
      save(dir, "unauthenticated.txt", unauthenticated(peer.port));
    }
  }

  private static void save(Path dir, String name, List<String> lines) throws IOException {
    Files.write(dir.resolve(name), lines, StandardCharsets.ISO_8859_1);
  }

  /// `bits in hex` `text`: how a double is printed.
  private List<String> scores() throws IOException {
    List<Double> doubles = new ArrayList<>();
    for (int i = 0; i < 4000; i++) {
      double d =
          switch (i % 4) {
            case 0 -> Double.longBitsToDouble(random.nextLong());
            case 1 -> random.nextInt(1_000_000) / Math.pow(10, random.nextInt(12));
            case 2 -> random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20);
            default -> (double) (random.nextLong() >> random.nextInt(64));
          };
      if (!Double.isNaN(d)) doubles.add(d);
    }
    for (int e = -330; e <= 308; e += 3) doubles.add(Double.parseDouble("1e" + e));
    for (int e = -1074; e < 1024; e += 17) doubles.add(Math.scalb(1.0, e));
    for (double d :
        new double[] {
          0.0,
          -0.0,
          1 / 0.0,
          -1 / 0.0,
          Double.MIN_VALUE,
          Double.MIN_NORMAL,
          Double.MAX_VALUE,
          4611686018427387903.0,
          4611686018427387904.0,
          4611686018427388928.0,
          9.223372036854775807e18,
          0.1 + 0.2
        }) doubles.add(d);
    List<String> lines = new ArrayList<>();
    for (double d : doubles) {
      c.command(
          "ZADD", "z", d == 1 / 0.0 ? "inf" : d == -1 / 0.0 ? "-inf" : Double.toString(d), "m");
      lines.add(
          Long.toHexString(Double.doubleToRawLongBits(d))
              + " "
              + c.command("ZSCORE", "z", "m").text());
      c.command("DEL", "z");
    }
    return lines;
  }

  /// `text, escaped` tab `as a score, or !` tab `as a long double + 0, or !`
  private List<String> floats() throws IOException {
    List<String> texts =
        new ArrayList<>(
            List.of(
                "",
                " ",
                "1 ",
                " 1",
                "+1",
                "-1",
                "--1",
                "+-1",
                "1.",
                ".1",
                ".",
                "+.",
                "-.e1",
                "e1",
                "1e",
                "1e+",
                "1e-",
                "1e1",
                "1E1",
                "1e+1",
                "1e-1",
                "1e01",
                "1e0000000000000000000001",
                "0e99999999999",
                "0e-99999999999",
                "1e308",
                "1e309",
                "-1e309",
                "1e-323",
                "1e-324",
                "1e-400",
                "2.4703282292062327e-324",
                "2.4703282292062328e-324",
                "4.9e-324",
                "1e4931",
                "1.1e4932",
                "1.18973149535723176502e4932",
                "1.18973149535723176506e4932",
                "1e4933",
                "1e-4931",
                "1e-4950",
                "1e-4951",
                "1.8e-4951",
                "1.9e-4951",
                "1e-4960",
                "inf",
                "INF",
                "+inf",
                "-inf",
                "Infinity",
                "infinit",
                "infx",
                "nan",
                "NaN",
                "-nan",
                "nan(1)",
                "0x1",
                "0X1p1",
                "0x",
                "0xg",
                "0x.8",
                "0x1.",
                "0x.",
                "0x1p",
                "0x1p-1074",
                "0x1p-1075",
                "0x1.8p-1075",
                "0x1p-16445",
                "0x1p-16446",
                "0x1.fp1023",
                "0x1p1024",
                "0x1p16383",
                "0x1p16384",
                "0xfffffffffffffffff",
                "-0x10",
                "0x1e5",
                "1p3",
                "1_000",
                "1,5",
                "1f",
                "1d",
                "1L",
                "0",
                "-0",
                "+0",
                "00",
                "000.000",
                "0x0",
                "-0x0p5",
                "12345678901234567890",
                "9223372036854775807",
                "9223372036854775808",
                "18446744073709551615",
                "18446744073709551616",
                "36893488147419103233",
                "0.1",
                "0.30000000000000004",
                "3.00000000000000001",
                "1\0",
                "1\0002",
                "\0",
                "1\n",
                "\t1",
                "\u000b1",
                "1\u00a0",
                "١",
                "1e5000",
                "1e-5000",
                "9007199254740993",
                "9007199254740992.5",
                "9007199254740993.0000000000000000000000001",
                "1" + "0".repeat(400),
                "0." + "0".repeat(400) + "1",
                "0".repeat(5000) + "1",
                "1." + "0".repeat(5117),
                "1." + "0".repeat(5118),
                "0.5e-17",
                "5e-18",
                "5.1e-18",
                "1.5e-17",
                "2.5e-17",
                "-4e-18",
                "-6e-18"));
    for (int i = 0; i < 2000; i++) texts.add(number());
    List<String> lines = new ArrayList<>();
    for (String t : texts) {
      c.command("DEL", "z", "k");
      boolean score = !c.command("ZADD", "z", t, "m").isError();
      c.command("SET", "k", t);
      RespValue human = c.command("INCRBYFLOAT", "k", "0");
      lines.add(
          Requests.escaped(Requests.bytes(t))
              + "\t"
              + (score ? c.command("ZSCORE", "z", "m").text() : "!")
              + "\t"
              + (!human.isError()
                  ? human.text()
                  : human.text().contains("NaN or Inf") ? "inf" : "!"));
    }
    return lines;
  }

  private String number() {
    StringBuilder s = new StringBuilder();
    if (random.nextInt(3) == 0) s.append(random.nextInt(6) == 0 ? '+' : '-');
    boolean hex = random.nextInt(8) == 0;
    if (hex) s.append(random.nextBoolean() ? "0x" : "0X");
    digits(s, random.nextInt(random.nextInt(4) == 0 ? 30 : 8), hex);
    if (random.nextBoolean()) {
      s.append('.');
      digits(s, random.nextInt(random.nextInt(4) == 0 ? 40 : 8), hex);
    }
    if (random.nextInt(3) == 0) {
      s.append(hex ? 'p' : 'e');
      int e = random.nextInt(4) == 0 ? random.nextInt(10_400) - 5200 : random.nextInt(700) - 350;
      s.append(random.nextInt(3) == 0 ? random.nextInt(60) - 30 : e);
    }
    if (random.nextInt(20) == 0)
      s.insert(random.nextInt(s.length() + 1), (char) (33 + random.nextInt(90)));
    return s.toString();
  }

  private void digits(StringBuilder s, int n, boolean hex) {
    for (int i = 0; i < n; i++) s.append(Character.forDigit(random.nextInt(hex ? 16 : 10), 16));
  }

  /// Sequences: `=` start, then `increment result` (result `!` for an error, the value unchanged).
  private List<String> increments() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int sequence = 0; sequence < 300; sequence++) {
      String start =
          sequence % 3 == 0
              ? "0"
              : sequence % 3 == 1 ? increment(sequence) : random.nextLong() + "";
      boolean hash = sequence % 2 == 1;
      c.command("DEL", "k", "h");
      if (hash) c.command("HSET", "h", "f", start);
      else c.command("SET", "k", start);
      lines.add("= " + start);
      for (int i = 0; i < 15; i++) {
        String by = increment(sequence);
        RespValue r =
            hash ? c.command("HINCRBYFLOAT", "h", "f", by) : c.command("INCRBYFLOAT", "k", by);
        lines.add(by + " " + (r.isError() ? "!" : r.text()));
      }
    }
    return lines;
  }

  private String increment(int kind) {
    return switch (kind % 5) {
      case 0 -> random.nextInt(2000) / 100.0 - 10 + "";
      case 1 ->
          new java.math.BigDecimal(random.nextGaussian() * 1000)
              .setScale(random.nextInt(20), java.math.RoundingMode.DOWN)
              .toPlainString();
      case 2 -> random.nextGaussian() * Math.pow(10, random.nextInt(44) - 22) + "";
      case 3 -> (random.nextLong() >> random.nextInt(60)) + "." + random.nextInt(100_000);
      default ->
          (random.nextBoolean() ? "-" : "")
              + (1 + random.nextInt(9))
              + "."
              + random.nextInt(1000)
              + "e"
              + (random.nextInt(80) == 0 ? random.nextInt(9860) - 4930 : random.nextInt(60) - 30);
    };
  }

  /// `pattern, escaped` tab `string, escaped` tab `1 or 0`
  private List<String> globs() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 4000; i++) {
      String p =
          glob(
              random.nextInt(i % 3 == 0 ? 9 : 5),
              i % 2 == 0 ? "ab*?[]^-\\" : "aabc**?[]-^Z\u00e9\u0001");
      String s =
          glob(
              1 + random.nextInt(i % 3 == 0 ? 6 : 3),
              i % 2 == 0 ? "ab-^]\\" : "aabcZ\u00e9\u0001[");
      if (i % 4 == 3) p = blurred(s);
      if (p.equals("*")) continue; // KEYS takes a short cut
      c.command("FLUSHALL");
      c.command("SET", s, "");
      int n = c.command("KEYS", p).elements().size();
      lines.add(
          Requests.escaped(Requests.bytes(p))
              + "\t"
              + Requests.escaped(Requests.bytes(s))
              + "\t"
              + n);
    }
    return lines;
  }

  private String blurred(String s) {
    StringBuilder p = new StringBuilder(s);
    for (int k = 1 + random.nextInt(3); k > 0; k--) {
      int at = random.nextInt(p.length());
      char c = p.charAt(at);
      String[] ways = {
        "*",
        "?",
        "**",
        "[" + c + "]",
        "[^" + c + "]",
        "[\\" + c + "]",
        "[a-" + c + "]",
        "[" + c + "-a]",
        "\\" + c,
        "[x" + c,
        "*?"
      };
      p.replace(at, at + 1, ways[random.nextInt(ways.length)]);
    }
    return p.toString();
  }

  private String glob(int n, String alphabet) {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < n; i++) s.append(alphabet.charAt(random.nextInt(alphabet.length())));
    return s.toString();
  }

  /// First all names of commands, then `pattern` tab `number of names that match, whatever the
  /// case`
  private List<String> commandPatterns() throws IOException {
    List<String> lines = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (RespValue r : c.command("COMMAND", "LIST").elements()) names.add(r.text());
    lines.add(String.join(" ", names));
    for (int i = 0; i < 400; i++) {
      StringBuilder p = new StringBuilder(names.get(random.nextInt(names.size())));
      for (int k = random.nextInt(4); k >= 0; k--) {
        int at = random.nextInt(p.length());
        String[] ways = {
          "*",
          "?",
          "[A-M]",
          "[^a-m]",
          "[xyzE]",
          "[Z-A]",
          "\\" + p.charAt(at),
          ("" + p.charAt(at)).toUpperCase(java.util.Locale.ROOT)
        };
        p.replace(at, at + 1, ways[random.nextInt(ways.length)]);
      }
      int n = c.command("COMMAND", "LIST", "FILTERBY", "PATTERN", p.toString()).elements().size();
      lines.add(p + "\t" + n);
    }
    return lines;
  }

  /// `input, escaped` tab `answers, escaped`
  private List<String> requests(int port, int count) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String s : Requests.named())
      if (s.length() < 2000) lines.add(recorded(port, Requests.bytes(s)));
    for (int i = 0; i < count; i++) lines.add(recorded(port, Requests.random(random)));
    return lines;
  }

  private static List<String> unauthenticated(int port) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String s :
        new String[] {
          "*10\r\n$4\r\nECHO\r\n",
          "*11\r\n",
          "*-11\r\n*11\r\n",
          "*2\r\n$16384\r\n",
          "*2\r\n$16385\r\n",
          "*2\r\n$536870913\r\n",
          "*2147483648\r\n",
          "*2\r\n$4\r\nECHO\r\n$99999\r\n",
          "echo " + "a ".repeat(20) + "\r\n"
        }) lines.add(recorded(port, Requests.bytes(s)));
    return lines;
  }

  private static String recorded(int port, byte[] input) throws IOException {
    return Requests.escaped(input)
        + "\t"
        + Requests.escaped(Requests.bytes(Requests.normalized(converse(port, input))));
  }

  /// Sends `input`, ends our side, and reads all that comes.
  static String converse(int port, byte[] input) throws IOException {
    try (Socket s = new Socket("127.0.0.1", port)) {
      s.setSoTimeout(10_000);
      s.getOutputStream().write(input);
      s.shutdownOutput();
      return Requests.text(s.getInputStream().readAllBytes());
    }
  }
}
