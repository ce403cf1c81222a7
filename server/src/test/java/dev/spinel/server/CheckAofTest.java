package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.RealRedis;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What `redis-check-aof` says of files sound, cut and changed: beside the real program, line for
/// line.
@Timeout(120)
class CheckAofTest {
  @TempDir private Path folder;

  private record Said(int status, String text) {}

  private Said ours(String... words) {
    var bytes = new ByteArrayOutputStream();
    var out = new PrintStream(bytes, true, StandardCharsets.ISO_8859_1);
    int status = CheckAof.run(absolute(words), out);
    return new Said(status, bytes.toString(StandardCharsets.ISO_8859_1));
  }

  private String[] absolute(String... words) {
    String[] all = words.clone();
    all[all.length - 1] = folder.resolve(all[all.length - 1]).toString();
    return all;
  }

  private Said theirs(String... words) throws Exception {
    Path binary = RealRedis.binary();
    Assumptions.assumeTrue(binary != null, "no redis-server to compare with");
    Path program = binary.resolveSibling("redis-check-aof");
    Assumptions.assumeTrue(Files.isExecutable(program), "no redis-check-aof");
    String[] all = new String[words.length + 1];
    all[0] = program.toString();
    System.arraycopy(absolute(words), 0, all, 1, words.length);
    Process process = new ProcessBuilder(all).start();
    process.getOutputStream().write("y\n".getBytes(StandardCharsets.US_ASCII));
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    return new Said(process.waitFor(), text);
  }

  private static String encoded(String... words) {
    return new String(LocalSession.request(words), StandardCharsets.ISO_8859_1);
  }

  private static final String COMMANDS =
      "#TS:1628217470\r\n"
          + encoded("SELECT", "0")
          + encoded("SET", "a key", "v".repeat(300))
          + encoded("MULTI")
          + encoded("INCR", "n")
          + encoded("LPUSH", "l", "x")
          + encoded("EXEC")
          + "#TS:1628217477\r\n"
          + encoded("DEL", "l");

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text, StandardCharsets.ISO_8859_1);
  }

  @Test
  void whatEndsAnywhereIsToldAsTheRealOneDoes() throws Exception {
    for (int n = 0; n <= COMMANDS.length(); n += 5) {
      write("one.aof", COMMANDS.substring(0, n));
      same(ours("one.aof"), theirs("one.aof"), n + " bytes");
    }
  }

  @Test
  void whatIsChangedAnywhereIsToldAsTheRealOneDoes() throws Exception {
    Random random = new Random(5);
    for (int i = 0; i < 120; i++) {
      StringBuilder text = new StringBuilder(COMMANDS);
      int at = random.nextInt(text.length());
      text.setCharAt(at, "x*$1\r\n#-".charAt(random.nextInt(8)));
      write("one.aof", text.toString());
      same(ours("one.aof"), theirs("one.aof"), "changed at " + at);
    }
  }

  /// Of what it expected and found instead, the real one says too little to compare.
  private static void same(Said ours, Said real, String what) {
    assertThat(ours.status).as(what).isEqualTo(real.status);
    if (!real.text.contains("Expected") && !real.text.contains("format error")) {
      assertThat(ours.text).as(what).isEqualTo(real.text);
    } else {
      assertThat(soundTo(ours.text)).as(what).isEqualTo(soundTo(real.text));
    }
  }

  private static String soundTo(String text) {
    return Arrays.stream(text.split("[ ,\n]"))
        .filter(word -> word.startsWith("ok_up_to="))
        .findFirst()
        .orElse("none");
  }

  @Test
  void allFilesOfAManifestAreLookedAt() throws Exception {
    write(
        "m.manifest",
        "file b.aof seq 1 type b\nfile 1.aof seq 1 type i\nfile 2.aof seq 2 type i\n");
    write("b.aof", COMMANDS);
    write("1.aof", COMMANDS);
    write("2.aof", "");
    assertThat(ours("m.manifest")).isEqualTo(theirs("m.manifest"));
    assertThat(ours("m.manifest").status).isZero();
    write("2.aof", COMMANDS.substring(0, 40));
    same(ours("m.manifest"), theirs("m.manifest"), "the last is torn");
    write("1.aof", COMMANDS.substring(0, 40));
    same(ours("m.manifest"), theirs("m.manifest"), "another one is torn");
    assertThat(ours("m.manifest").status).isEqualTo(1);
  }

  /// As a server takes it: a loss of power may leave that.
  @Test
  void aTornFileIsTheLastOneIfThoseBehindItAreEmpty() throws Exception {
    write("m.manifest", "file 1.aof seq 1 type i\nfile 2.aof seq 2 type i\n");
    write("1.aof", COMMANDS.substring(0, 40));
    write("2.aof", "");
    assertThat(ours("m.manifest").status).isEqualTo(1);
    assertThat(fix("m.manifest").status).isZero();
    assertThat(Files.size(folder.resolve("1.aof"))).isEqualTo(39);
    assertThat(ours("m.manifest").status).isZero();
  }

  private Said fix(String name) {
    var stdin = System.in;
    System.setIn(new java.io.ByteArrayInputStream("y\n".getBytes(StandardCharsets.US_ASCII)));
    try {
      return ours("--fix", name);
    } finally {
      System.setIn(stdin);
    }
  }

  @Test
  void theRealProgramFindsOurFilesSound() throws Exception {
    for (String preamble : new String[] {"yes", "no"}) {
      String[] settings = {
        "appendonly",
        "yes",
        "save",
        "",
        "dir",
        folder.toString(),
        "appenddirname",
        "log-" + preamble,
        "appendfilename",
        "ours.aof",
        "aof-use-rdb-preamble",
        preamble,
        "aof-timestamp-enabled",
        "yes",
        "enable-debug-command",
        "yes"
      };
      Config config = Config.of(settings);
      Log log = new Log(config, OutputStream.nullOutputStream());
      String digest;
      try (Server server = new Server(config, log, Clock.SYSTEM)) {
        server.startWithoutListening();
        try (LocalSession session = new LocalSession(server)) {
          fill(session);
          session.run("BGREWRITEAOF");
          await()
              .until(() -> say(session, "INFO", "persistence").contains("rewrite_in_progress:0"));
          fill(session);
          digest = say(session, "DEBUG", "DIGEST");
        }
      }
      String manifest = "log-" + preamble + "/ours.aof.manifest";
      assertThat(Files.readString(folder.resolve(manifest)))
          .startsWith("file ours.aof.2.base." + (preamble.equals("yes") ? "rdb" : "aof"));
      if (preamble.equals("no")) {
        assertThat(Files.readString(folder.resolve("log-no/ours.aof.2.base.aof")))
            .startsWith("#TS:");
      }
      Said said = theirs(manifest);
      assertThat(said.text).contains("All AOF files and manifest are valid");
      assertThat(said.status).as(said.text).isZero();
      assertThat(ours(manifest).status).isZero();
      try (Server server = new Server(config, log, Clock.SYSTEM)) {
        server.startWithoutListening();
        try (LocalSession session = new LocalSession(server)) {
          assertThat(say(session, "DEBUG", "DIGEST")).isEqualTo(digest);
        }
      }
    }
  }

  private static void fill(LocalSession session) {
    for (int i = 0; i < 200; i++) {
      say(session, "MULTI");
      say(session, "SET", "s" + i % 50, "v".repeat(i));
      say(session, "RPUSH", "l" + i % 7, "a", "b" + i);
      say(session, "EXEC");
      say(session, "SADD", "t", "m" + i);
      say(session, "ZADD", "z", i + ".5", "m" + i);
      say(session, "HSET", "h" + i % 3, "f" + i, "v");
      say(session, "XADD", "x", "*", "f", "v" + i);
      say(session, "PEXPIRE", "s" + i % 50, "1000000");
    }
  }

  @Test
  void aTornEndIsCutOffOnceTheUserSaysSo() throws Exception {
    String torn = COMMANDS.substring(0, COMMANDS.length() - 3);
    write("one.aof", torn);
    Said real = theirs("--fix", "one.aof");
    String mended = Files.readString(folder.resolve("one.aof"), StandardCharsets.ISO_8859_1);
    write("one.aof", torn);
    assertThat(fix("one.aof")).isEqualTo(real);
    assertThat(Files.readString(folder.resolve("one.aof"), StandardCharsets.ISO_8859_1))
        .isEqualTo(mended);
    assertThat(ours("one.aof").status).isZero();
  }

  @Test
  void whatIsBehindAMomentIsCutOff() throws Exception {
    write("one.aof", COMMANDS);
    Said real = theirs("--truncate-to-timestamp", "1628217475", "one.aof");
    String cut = Files.readString(folder.resolve("one.aof"), StandardCharsets.ISO_8859_1);
    write("one.aof", COMMANDS);
    assertThat(ours("--truncate-to-timestamp", "1628217475", "one.aof")).isEqualTo(real);
    assertThat(Files.readString(folder.resolve("one.aof"), StandardCharsets.ISO_8859_1))
        .isEqualTo(cut);
    assertThat(ours("--truncate-to-timestamp", "1", "one.aof"))
        .isEqualTo(theirs("--truncate-to-timestamp", "1", "one.aof"));
  }

  @Test
  void whatIsNotThereIsTold() throws Exception {
    assertThat(ours("absent.aof")).isEqualTo(theirs("absent.aof"));
  }
}
