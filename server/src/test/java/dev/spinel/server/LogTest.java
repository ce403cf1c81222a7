package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.config.Config;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LogTest {
  /// 03 Aug 2024 03:44:13.749 UTC
  private static final long MOMENT = 1_722_656_653_749L;

  private final ByteArrayOutputStream standardOutput = new ByteArrayOutputStream();

  @TempDir Path directory;

  @Test
  void linesLookLikeRedisOwn() {
    Log log = log(Config.of("loglevel", "debug"));
    log.debug("Not rewritten option: x");
    log.become('M');
    log.verbose("Accepted 127.0.0.1:50000");
    log.notice("Ready to accept connections tcp");
    log.become('S');
    log.warning("gr\u00fcn");
    assertThat(standardOutput.toString(StandardCharsets.UTF_8))
        .isEqualTo(
            """
            4242:C 03 Aug 2024 03:44:13.749 . Not rewritten option: x
            4242:M 03 Aug 2024 03:44:13.749 - Accepted 127.0.0.1:50000
            4242:M 03 Aug 2024 03:44:13.749 * Ready to accept connections tcp
            4242:S 03 Aug 2024 03:44:13.749 # gr\u00fcn
            """);
  }

  @Test
  void theLevelDecidesWhatIsLetThroughAndCanChange() {
    Config config = Config.of();
    Log log = log(config);
    String[] words = {"debug", "verbose", "notice", "warning", "nothing"};
    int[] lines = {4, 3, 2, 1, 0};
    for (int i = 0; i < words.length; i++) {
      config.set(List.of("loglevel", words[i]), true, false);
      standardOutput.reset();
      log.debug("x");
      log.verbose("x");
      log.notice("x");
      log.warning("x");
      assertThat(standardOutput.toString(StandardCharsets.UTF_8).lines().count())
          .as(words[i])
          .isEqualTo(lines[i]);
      assertThat(log.isOn(Log.Level.VERBOSE)).isEqualTo(i <= 1);
    }
  }

  @Test
  void whatTheConfigurationNoticedComesFirst() {
    Config config = Config.of("oom-score-adj-values", "3 2 1");
    log(config).notice("second");
    List<String> lines = standardOutput.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.get(0)).contains(" # The oom-score-adj-values configuration may not work");
    assertThat(lines.get(1)).endsWith(" * second");
  }

  @Test
  void aFileMayBeMovedAndRemoved() throws Exception {
    Path file = directory.resolve("redis.log");
    Log log = log(Config.of("logfile", file.toString()));
    log.notice("1");
    log.notice("2");
    Files.move(file, directory.resolve("redis.log.1"));
    log.notice("3");
    assertThat(directory.resolve("redis.log.1"))
        .content()
        .endsWith("* 1\n4242:C 03 Aug 2024 03:44:13.749 * 2\n");
    assertThat(file).content().isEqualTo("4242:C 03 Aug 2024 03:44:13.749 * 3\n");
    Files.delete(file);
    log.notice("4");
    assertThat(file).content().endsWith("* 4\n");
    assertThat(standardOutput.size()).isZero();
  }

  @Test
  void aRelativeFileFollowsDir() throws Exception {
    Path one = Files.createDirectory(directory.resolve("one"));
    Path two = Files.createDirectory(directory.resolve("two"));
    Config config =
        Config.of("dir", one.toString(), "logfile", "x.log", "enable-protected-configs", "yes");
    Log log = log(config);
    log.notice("1");
    config.set(List.of("dir", two.toString()), true, false);
    log.notice("2");
    assertThat(one.resolve("x.log")).content().endsWith("* 1\n");
    assertThat(two.resolve("x.log")).content().endsWith("* 2\n");
  }

  @Test
  void aLineThatCanNotBeWrittenIsLost() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("folder"));
    Log log = log(Config.of("logfile", folder.resolve("x.log").toString()));
    Files.delete(folder.resolve("x.log"));
    Files.delete(folder);
    log.warning("lost");
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    new Log(Config.of(), full).warning("lost");
    assertThat(folder).doesNotExist();
  }

  @Test
  void manyThreadsKeepLinesWhole() throws Exception {
    Log log = log(Config.of());
    Crowd.of(
            4,
            i -> {
              for (int line = 0; line < 500; line++) log.notice(("" + i).repeat(100));
            })
        .join();
    Pattern whole =
        Pattern.compile("4242:C 03 Aug 2024 03:44:13.749 \\* (0{100}|1{100}|2{100}|3{100})");
    List<String> lines = standardOutput.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(2000).allMatch(line -> whole.matcher(line).matches());
  }

  @Test
  void datesAreThoseOfTheCalendar() {
    DateTimeFormatter format =
        DateTimeFormatter.ofPattern("dd MMM yyyy HH:mm:ss.SSS", Locale.ENGLISH);
    long seed = Long.getLong("spinel.seed", 2);
    Random random = new Random(seed);
    for (int i = 0; i < 100_000; i++) {
      long millis =
          i == 0 ? 951_782_400_000L : random.nextLong(-30_000_000_000_000L, 250_000_000_000_000L);
      StringBuilder text = new StringBuilder();
      Log.appendTime(text, millis);
      assertThat(text.toString())
          .as("seed %d", seed)
          .isEqualTo(format.format(Instant.ofEpochMilli(millis).atOffset(ZoneOffset.UTC)));
    }
  }

  @Test
  void theProcessIdIsRight() {
    assertThat(Log.pid()).isEqualTo(ProcessHandle.current().pid());
  }

  private Log log(Config config) {
    LocalOffset utc =
        new LocalOffset("UTC", Path.of("/etc/localtime"), Path.of("/usr/share/zoneinfo"));
    return new Log(config, standardOutput, 4242, () -> MOMENT, utc);
  }
}
