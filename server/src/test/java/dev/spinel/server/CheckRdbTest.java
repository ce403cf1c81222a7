package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.RealRedis;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `redis-check-rdb` says of files that a real server wrote, sound, cut and changed: beside
/// the real program, line for line.
class CheckRdbTest {
  @TempDir private Path directory;

  private record Said(int status, String text) {}

  private static Said ours(Path file) {
    var bytes = new ByteArrayOutputStream();
    var out = new PrintStream(bytes, true, StandardCharsets.ISO_8859_1);
    int status = new CheckRdb(out, System.currentTimeMillis()).run(file.toString());
    return new Said(status, bytes.toString(StandardCharsets.ISO_8859_1));
  }

  private static Said theirs(Path program, Path file) throws Exception {
    Process process = new ProcessBuilder(program.toString(), file.toString()).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    return new Said(process.waitFor(), text);
  }

  private byte[] file(boolean withStream) throws Exception {
    Files.deleteIfExists(directory.resolve("dump.rdb"));
    try (RealRedis real = RealRedis.ready(directory)) {
      real.call("SET", "k", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
      real.call("SET", "x", "1", "EX", "1000");
      real.call("RPUSH", "l", "1", "a");
      real.call("HSET", "h", "f", "v");
      real.call("ZADD", "z", "1", "m");
      if (withStream) {
        real.call("XADD", "s", "1-1", "f", "v");
        real.call("XGROUP", "CREATE", "s", "g", "0");
        real.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">");
      }
      real.call("SELECT", "1");
      real.call("SADD", "set", "1", "2", "x");
      real.call("SAVE");
    }
    return Files.readAllBytes(directory.resolve("dump.rdb"));
  }

  private static Path program() {
    Path binary = RealRedis.binary();
    Assumptions.assumeTrue(binary != null, "no redis-server to compare with");
    Path program = binary.resolveSibling("redis-check-rdb");
    Assumptions.assumeTrue(Files.isExecutable(program), "no redis-check-rdb");
    return program;
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(directory.resolve("changed.rdb"), bytes);
  }

  @Test
  void aSoundFileIsSaidToBeSo() throws Exception {
    Path program = program();
    Path file = write(file(true));
    assertThat(ours(file)).isEqualTo(theirs(program, file));
    assertThat(ours(file).text).contains("RDB looks OK", "[info] 7 keys read", "[info] 1 expires");
  }

  @Test
  void aFileThatIsCutAnywhereIsNotSound() throws Exception {
    Path program = program();
    byte[] whole = file(false);
    for (int n = 0; n < whole.length; n += 7) {
      Path file = write(Arrays.copyOf(whole, n));
      Said ours = ours(file);
      assertThat(ours.status).isEqualTo(1);
      assertThat(lines(ours.text)).as("%d bytes", n).isEqualTo(lines(theirs(program, file).text));
      assertThat(ours.text).contains("bytes were expected, but the stream ends after");
    }
  }

  /// Without the reasons that only we give, and without the type of no key: before its first one
  /// the real program always names type 0.
  private static String lines(String text) {
    StringBuilder lines = new StringBuilder();
    boolean hasKey = text.contains("Reading key");
    for (String line : text.lines().toList()) {
      if (!line.contains("bytes were expected") && (hasKey || !line.contains("Reading type"))) {
        lines.append(line).append('\n');
      }
    }
    return lines.toString();
  }

  @Test
  void aChecksumThatIsWrongIsTold() throws Exception {
    Path program = program();
    byte[] bytes = file(true);
    bytes[bytes.length - 3] ^= 1;
    Path file = write(bytes);
    Said ours = ours(file);
    assertThat(ours.status).isEqualTo(theirs(program, file).status).isEqualTo(1);
    assertThat(ours.text).contains("RDB CRC error", "While doing: check-sum", "was expected");
  }

  @Test
  void wrongHeadersAreTold() throws Exception {
    Path program = program();
    byte[] bytes = file(true);
    byte[] newer = bytes.clone();
    newer[5] = '9';
    bytes[0] = 'X';
    for (byte[] wrong : new byte[][] {bytes, newer}) {
      Path file = write(wrong);
      assertThat(ours(file).status).isEqualTo(1);
      assertThat(lines(ours(file).text)).isEqualTo(lines(theirs(program, file).text));
    }
  }

  @Test
  void aFileThatIsNotThereIsTold() {
    Said ours = ours(directory.resolve("nothing.rdb"));
    assertThat(ours.status).isEqualTo(1);
    assertThat(ours.text).contains("no such file");
    ours = ours(directory);
    assertThat(ours.status).isEqualTo(1);
    assertThat(ours.text).endsWith("It can't be read: Is a directory\n");
  }
}
