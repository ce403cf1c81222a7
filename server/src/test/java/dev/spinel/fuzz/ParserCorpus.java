package dev.spinel.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.spinel.cluster.BusRecording;
import dev.spinel.server.Fixture;
import dev.spinel.server.LocalSession;
import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Predicate;

/// What fuzzing begins with: sound inputs for each of [ParserTargets], and those that once found
/// something (`found.txt`: a line each, the target and the bytes, quoted as in `redis.conf`).
public final class ParserCorpus {
  private static final String VALUES =
      """
      SET k 12345
      SET k text
      SETRANGE k 40000 x
      RPUSH k a 1 -200 70000 5000000000 abc
      SADD k 1 2 3
      SADD k a b 3
      HSET k a 1 b 2
      ZADD k 1 a 2.5 b inf c
      PFADD k a b c
      XADD k 1-1 f v g w
      """;

  private ParserCorpus() {}

  /// Writes the inputs of a target as files into a folder.
  ///
  /// @param arguments the target, the folder
  public static void main(String[] arguments) throws IOException {
    Path folder = Files.createDirectories(Path.of(arguments[1]));
    int number = 0;
    for (byte[] input : of(ParserTargets.valueOf(arguments[0].toUpperCase(Locale.ROOT)))) {
      Files.write(folder.resolve("known-" + number++), input);
    }
  }

  static List<byte[]> of(ParserTargets target) throws IOException {
    List<byte[]> all =
        switch (target) {
          case REQUESTS ->
              texts(
                  "\377*1\r\n$4\r\nPING\r\n",
                  "\3*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n",
                  "\377AUTH secret\r\nPING\r\n",
                  "\1*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n",
                  "\377*1000000\r\n$1000000000\r\n",
                  "\7AUTH \"a\\x00b\" 'c\\'d'\r\nQUIT\r\n*-1\r\n\r\n*0\r\n");
          case REPLIES ->
              texts(
                  "\20+OK\r\n-ERR no\r\n:12\r\n$3\r\nabc\r\n$-1\r\n*-1\r\n*2\r\n:1\r\n*1\r\n+a\r\n",
                  "\100%1\r\n+a\r\n~2\r\n,1.5\r\n#t\r\n_\r\n(123\r\n=5\r\ntxt:a\r\n>1\r\n+p\r\n",
                  "\200|1\r\n+a\r\n:1\r\n$5\r\nabcde\r\n");
          case BUS -> new ArrayList<>(BusRecording.read("bus-7.2.6.txt").subList(0, 40));
          case PAYLOADS -> payloads();
          case SCRIPTS ->
              texts(
                  "local t = {1, 2, a = 'x'} for k, v in pairs(t) do t[k] = v .. 1 end return t",
                  "return cjson.encode({cmsgpack.pack(1, {2}), struct.pack('>I4s', 1, 'a')})",
                  "return string.gsub(('x'):rep(9), '(x)(.-)%1', '%2') .. string.format('%5.2f',"
                      + " 1)",
                  "local f = coroutine.wrap(function(a) error(coroutine.yield(a)) end) pcall(f, 1)",
                  "goto = 0x10 while true do repeat break until not nil end");
          case CONFIGURATION ->
              texts(
                  "save 900 1 300 10",
                  "client-output-buffer-limit normal 0 0 0 slave 256mb 64mb 60",
                  "bind 127.0.0.1 -::1\nport 6379\nrename-command GET \"\"\nuser a on >p ~* +@all",
                  "maxmemory 1gb",
                  "requirepass \"a\\x00\\\"b\"",
                  "replicaof 127.0.0.1 6379");
          case RULES ->
              texts(
                  "on >secret ~a* %R~b* &c* +@all -get +config|get",
                  "user u on nopass sanitize-payload ~* &* -@all +get (~x %W~y +set) (+ping)",
                  "reset off #" + "0f".repeat(32) + " allkeys allchannels allcommands",
                  "clearselectors resetkeys resetpass resetchannels nocommands"
                      + " skip-sanitize-payload");
          case NODES -> texts(resource("/dev/spinel/cluster/nodes-7.2.6.conf"));
        };
    String prefix = target.name().toLowerCase(Locale.ROOT) + " ";
    for (String line : resource("found.txt").lines().filter(text(prefix)).toList()) {
      all.add(Objects.requireNonNull(Quoting.split(line)).get(1).getBytes(ISO_8859_1));
    }
    return all;
  }

  private static Predicate<String> text(String prefix) {
    return line -> line.startsWith(prefix);
  }

  private static List<byte[]> texts(String... texts) {
    return new ArrayList<>(Arrays.stream(texts).map(text -> text.getBytes(ISO_8859_1)).toList());
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = ParserCorpus.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), ISO_8859_1);
    }
  }

  /// Values of each type and encoding, as DUMP writes them, without their footers.
  private static List<byte[]> payloads() {
    List<byte[]> all = new ArrayList<>();
    for (String version : List.of("10", "11")) {
      for (String few : List.of("128", "1")) {
        try (Fixture fixture = Fixture.unread("rdb-version", version)) {
          LocalSession session = fixture.session();
          for (String setting : List.of("hash", "set", "zset")) {
            session.run("CONFIG", "SET", setting + "-max-listpack-entries", few);
          }
          for (String call : VALUES.lines().toList()) {
            session.run(call.split(" "));
            if (call.startsWith("XADD")) {
              session.run("XGROUP", "CREATE", "k", "g", "0");
              session.run("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">");
            }
            byte[] reply = session.run("DUMP", "k");
            int begin = new String(reply, ISO_8859_1).indexOf('\n') + 1;
            byte[] value = Arrays.copyOfRange(reply, begin - 1, reply.length - 12);
            value[0] = (byte) (Integer.parseInt(version) - 9);
            all.add(value);
            session.run("DEL", "k");
          }
        }
      }
    }
    return all;
  }
}
