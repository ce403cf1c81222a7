package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static dev.spinel.server.Fixture.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.spinel.Crowd;
import dev.spinel.persist.Disk;
import dev.spinel.persist.Ending;
import dev.spinel.persist.SystemDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// BGSAVE, SAVE, LASTSAVE, save points, SHUTDOWN, and what they leave on the disk.
@Timeout(120)
class SavingTest {
  private static final String MISCONF = "-MISCONF Redis is configured to save RDB snapshots";

  @TempDir Path dir;

  private Fixture fixture(String... settings) {
    return new Fixture(with(settings));
  }

  private String[] with(String... settings) {
    String[] all = Arrays.copyOf(settings, settings.length + 4);
    all[settings.length] = "dir";
    all[settings.length + 1] = dir.toString();
    all[settings.length + 2] = "port";
    all[settings.length + 3] = "7001";
    return all;
  }

  private static String bgsave(LocalSession session, String... options) {
    String[] words = new String[1 + options.length];
    words[0] = "BGSAVE";
    System.arraycopy(options, 0, words, 1, options.length);
    byte[] reply = session.run(words);
    return text(reply.length > 0 ? reply : session.await(20_000));
  }

  private static String info(LocalSession session, String field) {
    String all = " " + say(session, "INFO", "persistence");
    int at = all.indexOf(" " + field + ":") + field.length() + 2;
    int end = all.indexOf(' ', at);
    return all.substring(at, end < 0 ? all.length() : end);
  }

  private static void awaitSaved(LocalSession session) {
    await().until(() -> info(session, "rdb_bgsave_in_progress").equals("0"));
  }

  private List<String> files() throws IOException {
    try (Stream<Path> all = Files.list(dir)) {
      return all.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  /// What another server finds in the folder.
  private String loadedDigest() throws IOException {
    try (Fixture other = fixture()) {
      other.load();
      return other.digest(other.session());
    }
  }

  @Test
  void bgsaveSavesTheDataAsOfItsReply() throws IOException {
    String digest;
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      fill(session, new Random(1), 2_000);
      digest = fixture.digest(session);
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      say(session, "SET", "later", "v");
      say(session, "DEL", "s1", "h1", "l1");
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
      assertThat(info(session, "rdb_changes_since_last_save")).isIn("2", "3", "4", "1");
      assertThat(info(session, "rdb_saves")).isEqualTo("1");
      assertThat(say(session, "INFO", "stats")).contains(" total_forks:1 ");
      assertThat(say(session, "CONFIG", "RESETSTAT")).isEqualTo("+OK");
      assertThat(say(session, "INFO", "stats")).contains(" total_forks:0 ", "latest_fork_usec:0 ");
      assertThat(files()).containsExactly("dump.rdb", "dump.rdb.lock");
      assertThat(fixture.log())
          .contains("Background saving started by pid")
          .contains("DB saved on disk")
          .contains("Background saving terminated with success");
    }
    assertThat(files()).containsExactly("dump.rdb");
    assertThat(loadedDigest()).isEqualTo(digest);
  }

  @Test
  void saveSavesAndSaysWhen() throws IOException {
    String digest;
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      fill(session, new Random(2), 1_000);
      fixture.clock.forward(5_000);
      assertThat(say(session, "SAVE")).isEqualTo("+OK");
      assertThat(say(session, "LASTSAVE")).isEqualTo(":" + fixture.clock.millis() / 1000);
      assertThat(info(session, "rdb_changes_since_last_save")).isEqualTo("0");
      assertThat(say(session, "BGSAVE", "NOW")).isEqualTo("-ERR syntax error");
      digest = fixture.digest(session);
    }
    assertThat(loadedDigest()).isEqualTo(digest);
  }

  @Test
  void withinExecASaveIsScheduled() throws IOException {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      say(session, "SET", "k", "v");
      say(session, "MULTI");
      say(session, "BGSAVE");
      assertThat(say(session, "EXEC")).isEqualTo("*1 +Background saving scheduled");
      assertThat(files()).isEmpty();
      fixture.server.persistence.cron();
      awaitSaved(session);
      assertThat(files()).contains("dump.rdb");
    }
  }

  @Test
  void aSaveUnderWayRefusesOthersAndFlushallEndsIt() throws IOException {
    try (Fixture fixture = fixture("rdb-key-save-delay", "10000000", "save", "3600 1")) {
      fixture.load();
      LocalSession session = fixture.session();
      for (int i = 0; i < 20; i++) {
        say(session, "SET", "k" + i, "v");
      }
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      assertThat(info(session, "rdb_bgsave_in_progress")).isEqualTo("1");
      assertThat(info(session, "current_save_keys_total")).isEqualTo("20");
      String already = "-ERR Background save already in progress";
      assertThat(bgsave(session)).isEqualTo(already);
      assertThat(bgsave(session, "SCHEDULE")).isEqualTo(already);
      assertThat(say(session, "SAVE")).isEqualTo(already);
      assertThat(say(session, "FLUSHALL")).isEqualTo("+OK");
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
      assertThat(info(session, "rdb_changes_since_last_save")).isEqualTo("0");
      assertThat(files()).containsExactly("dump.rdb", "dump.rdb.lock");
    }
    assertThat(Files.size(dir.resolve("dump.rdb"))).as("empty").isLessThan(130);
  }

  /// The process that stands for the save that was begun last.
  private static ProcessHandle saver(Fixture fixture) {
    String begun = "saving started by pid ";
    String log = fixture.log();
    String pid = log.substring(log.lastIndexOf(begun) + begun.length()).split("\\s", 2)[0];
    return ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
  }

  @Test
  void whoeverKillsTheProcessThatStandsForASaveEndsIt() throws Exception {
    try (Fixture fixture = fixture("rdb-key-save-delay", "10000000", "save", "3600 1")) {
      fixture.load();
      LocalSession session = fixture.session();
      say(session, "MSET", "a", "1", "b", "2");
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      ProcessHandle saver = saver(fixture);
      assertThat(saver).isNotEqualTo(ProcessHandle.current());
      assertThat(files()).contains("temp-" + saver.pid() + ".rdb");
      saver.destroyForcibly();
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("err");
      assertThat(say(session, "SET", "a", "3")).startsWith(MISCONF);
      assertThat(fixture.log()).contains("Background saving terminated by signal 9");
      assertThat(files()).containsExactly("dump.rdb.lock");

      say(session, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      new ProcessBuilder("/bin/kill", "-USR1", "" + saver(fixture).pid()).start().waitFor();
      awaitSaved(session);
      assertThat(fixture.log()).contains("Background saving terminated by signal 10");
      assertThat(saver)
          .as("nothing is left of it")
          .satisfies(of -> assertThat(of.isAlive()).isFalse());
    }
  }

  @Test
  void aSaveDoesWithoutAProcessOfItsOwn() throws IOException {
    try (Fixture fixture = fixture("save-process", "no", "save", "")) {
      fixture.load();
      LocalSession session = fixture.session();
      say(session, "SET", "a", "1");
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      awaitSaved(session);
      assertThat(saver(fixture)).isEqualTo(ProcessHandle.current());
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
    }
  }

  @Test
  void aSaveIsCountedFromTheMomentThatItIsThereToBeKilled() throws IOException {
    Path gone = dir.resolve("gone");
    Files.createDirectory(gone);
    try (Fixture fixture = new Fixture("save", "", "dir", gone.toString(), "port", "7001")) {
      LocalSession session = fixture.session();
      Files.delete(gone);
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("err");
      assertThat(say(session, "INFO", "stats")).contains(" total_forks:1 ");
    }
  }

  @Test
  void savePointsSaveAndNoOthers() throws IOException {
    try (Fixture fixture = fixture("save", "60 3")) {
      fixture.load();
      LocalSession session = fixture.session();
      say(session, "SET", "a", "1");
      say(session, "SET", "b", "1");
      fixture.clock.forward(61_000);
      fixture.server.persistence.cron();
      assertThat(files()).containsExactly("dump.rdb.lock");
      say(session, "SET", "c", "1");
      fixture.server.persistence.cron();
      awaitSaved(session);
      assertThat(files()).contains("dump.rdb");
      assertThat(fixture.log()).contains("3 changes in 60 seconds. Saving...");
      say(session, "MSET", "a", "1", "b", "2", "c", "3");
      fixture.server.persistence.cron();
      assertThat(info(session, "rdb_saves")).isEqualTo("1");
    }
  }

  /// A disk of which one operation fails while a test says so.
  private static class Failing implements Disk {
    private final Disk whole = new SystemDisk();
    volatile boolean fails;

    /// Before each write.
    void act() throws IOException {
      if (fails) {
        throw new IOException("No space left on device");
      }
    }

    @Override
    public Output append(Path file) throws IOException {
      return whole.append(file);
    }

    @Override
    public Output create(Path file) throws IOException {
      Output to = whole.create(file);
      return new Output() {
        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
          act();
          to.write(bytes, from, length);
        }

        @Override
        public void sync() throws IOException {
          to.sync();
        }

        @Override
        public long size() throws IOException {
          return to.size();
        }

        @Override
        public void truncate(long size) throws IOException {
          to.truncate(size);
        }

        @Override
        public void close() throws IOException {
          to.close();
        }
      };
    }

    @Override
    public Input read(Path file) throws IOException {
      return whole.read(file);
    }

    @Override
    public boolean exists(Path file) {
      return whole.exists(file);
    }

    @Override
    public long size(Path file) throws IOException {
      return whole.size(file);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
      whole.rename(from, to);
    }

    @Override
    public void delete(Path file) throws IOException {
      whole.delete(file);
    }

    @Override
    public void makeFolder(Path folder) throws IOException {
      whole.makeFolder(folder);
    }

    @Override
    public void syncFolder(Path folder) throws IOException {
      whole.syncFolder(folder);
    }

    @Override
    public List<String> names(Path folder) throws IOException {
      return whole.names(folder);
    }
  }

  @Test
  void aFailedSaveRefusesWritesUntilOneSucceeds() throws IOException {
    Failing disk = new Failing();
    try (Fixture fixture = new Fixture(disk, with("save", "1 1"))) {
      fixture.load();
      LocalSession session = fixture.session();
      say(session, "SET", "k", "v");
      assertThat(say(session, "SAVE")).isEqualTo("+OK");
      byte[] before = Files.readAllBytes(dir.resolve("dump.rdb"));
      disk.fails = true;
      say(session, "SET", "k", "w");
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("err");
      assertThat(say(session, "SET", "k", "x")).startsWith(MISCONF);
      assertThat(say(session, "PING")).startsWith(MISCONF);
      assertThat(say(session, "GET", "k")).isEqualTo("$1 w");
      say(session, "MULTI");
      assertThat(say(session, "SET", "k", "x")).startsWith(MISCONF);
      assertThat(say(session, "EXEC")).startsWith("-EXECABORT");
      assertThat(Files.readAllBytes(dir.resolve("dump.rdb"))).isEqualTo(before);
      assertThat(files()).containsExactly("dump.rdb", "dump.rdb.lock");
      assertThat(say(session, "SAVE")).isEqualTo("-ERR");
      assertThat(fixture.log())
          .contains("Write error while saving DB to the disk: No space left on device")
          .contains("Background saving error");

      say(session, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
      assertThat(say(session, "PING")).isEqualTo("+PONG");
      say(session, "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes");
      assertThat(say(session, "PING")).startsWith(MISCONF);

      disk.fails = false;
      fixture.clock.forward(5_000);
      fixture.server.persistence.cron();
      assertThat(info(session, "rdb_saves")).as("too early").isEqualTo("3");
      fixture.clock.forward(1_000);
      fixture.server.persistence.cron();
      awaitSaved(session);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
      assertThat(say(session, "SET", "k", "y")).isEqualTo("+OK");
    }
  }

  @Test
  void shutdownSavesIfThereAreSavePointsAndAnswersNobodyAfterwards() throws Exception {
    String digest;
    try (Fixture fixture = fixture("save", "3600 1")) {
      fixture.load();
      LocalSession session = fixture.session();
      LocalSession other = fixture.session();
      fill(session, new Random(3), 300);
      digest = fixture.digest(session);
      assertThat(say(session, "SHUTDOWN")).isEmpty();
      fixture.server.awaitStop();
      assertThat(other.run("SET", "k", "lost")).as("not answered").isEmpty();
      assertThat(fixture.log())
          .contains("User requested shutdown...")
          .contains("Saving the final RDB snapshot before exiting.");
    }
    assertThat(loadedDigest()).isEqualTo(digest);
  }

  @Test
  void shutdownIsRefusedIfTheDataCannotBeSavedUnlessForced() throws Exception {
    Failing disk = new Failing();
    try (Fixture fixture = new Fixture(disk, with())) {
      LocalSession session = fixture.session();
      say(session, "SET", "k", "v");
      disk.fails = true;
      assertThat(say(session, "SHUTDOWN", "SAVE"))
          .isEqualTo("-ERR Errors trying to SHUTDOWN. Check logs.");
      assertThat(fixture.log()).contains("Error trying to save the DB, can't exit.");
      assertThat(say(session, "SET", "k", "w")).isEqualTo("+OK");
      assertThat(fixture.server.shutDown(Ending.of("save"))).isFalse();
      assertThat(fixture.server.shutDown(Ending.of("save force"))).isTrue();
      fixture.server.awaitStop();
      assertThat(files()).doesNotContain("dump.rdb");
    }
  }

  @Test
  void debugReloadLeavesTheDataAsItIs() throws Exception {
    try (Fixture fixture = fixture()) {
      LocalSession session = fixture.session();
      fill(session, new Random(4), 2_000);
      say(session, "SELECT", "3");
      fill(session, new Random(5), 200);
      String digest = fixture.digest(session);
      assertThat(say(session, "DEBUG", "RELOAD")).isEqualTo("+OK");
      assertThat(fixture.digest(session)).isEqualTo(digest);
      say(session, "SET", "new", "v");
      assertThat(say(session, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
          .isEqualTo("-ERR Error trying to load the RDB dump, check server logs.");
      assertThat(say(session, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE")).isEqualTo("+OK");
      assertThat(say(session, "GET", "new")).isEqualTo("$1 v");
      say(session, "DEL", "new");
      assertThat(fixture.digest(session)).isEqualTo(digest);
      assertThat(say(session, "DEBUG", "RELOAD", "ALL"))
          .isEqualTo("-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }

  /// Writers stand still until BGSAVE is answered, and go on at full speed while it saves.
  @Test
  void savesUnderLoadAreTheDataAtTheCut() throws Exception {
    List<String> digests = new ArrayList<>();
    try (Fixture fixture =
        fixture("hash-max-listpack-entries", "3", "list-max-listpack-size", "3")) {
      LocalSession session = fixture.session();
      fill(session, new Random(6), 2_000);
      AtomicBoolean stop = new AtomicBoolean();
      ReentrantReadWriteLock writing = new ReentrantReadWriteLock(true);
      Crowd writers = new Crowd();
      for (int i = 0; i < 2; i++) {
        LocalSession writer = fixture.session();
        Random random = new Random(8 + i);
        writers.start(
            () -> {
              while (!stop.get()) {
                writing.readLock().lock();
                fill(writer, random, 1);
                writing.readLock().unlock();
              }
            });
      }
      for (int round = 0; round < 6; round++) {
        writing.writeLock().lock();
        digests.add(fixture.digest(session));
        assertThat(bgsave(session)).isEqualTo("+Background saving started");
        writing.writeLock().unlock();
        awaitSaved(session);
        assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
        Files.copy(dir.resolve("dump.rdb"), dir.resolve("copy" + round + ".rdb"));
      }
      stop.set(true);
      writers.join();
    }
    for (int round = 0; round < 6; round++) {
      try (Fixture other = fixture("dbfilename", "copy" + round + ".rdb")) {
        other.load();
        assertThat(other.digest(other.session())).isEqualTo(digests.get(round));
      }
    }
  }

  /// A string of 8 MB and a list of many elements: while they are written, piece by piece, they are
  /// changed, renamed and removed.
  @Test
  void valuesOfManyPiecesAreSavedAsTheyWereAtTheCut() throws Exception {
    CountDownLatch[] writes = {new CountDownLatch(1)};
    Failing slow =
        new Failing() {
          @Override
          public Output create(Path file) throws IOException {
            Output to = super.create(file);
            return new Output() {
              int count;

              @Override
              public void write(byte[] bytes, int from, int length) throws IOException {
                to.write(bytes, from, length);
                if (++count == 20) {
                  try {
                    writes[0].await();
                  } catch (InterruptedException e) {
                    throw new IOException(e);
                  }
                }
              }

              @Override
              public void sync() throws IOException {
                to.sync();
              }

              @Override
              public long size() throws IOException {
                return to.size();
              }

              @Override
              public void truncate(long size) throws IOException {
                to.truncate(size);
              }

              @Override
              public void close() throws IOException {
                to.close();
              }
            };
          }
        };
    for (String[] change :
        new String[][] {
          {"SETRANGE", "big", "5000000", "changed"},
          {"APPEND", "big", "more"},
          {"DEL", "big", "list"},
          {"RPUSH", "list", "more", "and more"},
          {"LTRIM", "list", "100", "200"},
          {"LSET", "list", "5000", "other"},
          {"XADD", "stream", "*", "f", "v"},
          {"XTRIM", "stream", "MAXLEN", "100"},
          {"XDEL", "stream", "700-0", "5-0"},
          {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">"},
          {"XGROUP", "DESTROY", "stream", "g"},
          {"RENAME", "stream", "elsewhere"},
          {"DEL", "stream"},
          {"FLUSHDB"},
          {"SET", "big", "small"},
          {"EXPIRE", "big", "10000"}
        }) {
      String digest;
      writes[0] = new CountDownLatch(1);
      try (Fixture fixture = new Fixture(slow, with("rdbcompression", "no"))) {
        LocalSession session = fixture.session();
        say(session, "SETRANGE", "big", "8000000", "x");
        for (int i = 0; i < 300; i++) {
          String[] push = new String[102];
          Arrays.fill(push, "element of " + i);
          push[0] = "RPUSH";
          push[1] = "list";
          session.run(push);
        }
        for (int i = 1; i < 1500; i++) {
          say(session, "XADD", "stream", i + "-0", "field", "value of " + i);
        }
        say(session, "XGROUP", "CREATE", "stream", "g", "0");
        say(session, "XREADGROUP", "GROUP", "g", "b", "COUNT", "900", "STREAMS", "stream", ">");
        digest = fixture.digest(session);
        assertThat(bgsave(session)).isEqualTo("+Background saving started");
        assertThat(say(session, change)).doesNotStartWith("-");
        writes[0].countDown();
        awaitSaved(session);
        assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
      }
      assertThat(loadedDigest()).as("%s", String.join(" ", change)).isEqualTo(digest);
    }
  }

  /// Between any two pieces of a large string that are saved, many small changes happen to it. Each
  /// keeps little more than what it overwrites, so no writer has to wait for the walk; of copies of
  /// whole chunks the budget of 4 MB would soon be used up.
  @Test
  void smallChangesOfAGiantStringKeepLittleForTheSave() throws Exception {
    int length = 8_000_000;
    Semaphore turn = new Semaphore(0);
    Semaphore goOn = new Semaphore(0);
    Failing inTurns =
        new Failing() {
          @Override
          void act() {
            turn.release();
            goOn.acquireUninterruptibly();
          }
        };
    Random random = new Random(4);
    byte[] model = new byte[length];
    random.nextBytes(model);
    String digest;
    try (Fixture fixture = new Fixture(inTurns, with("rdbcompression", "no"))) {
      LocalSession session = fixture.session();
      say(session, "SETRANGE", "big", "" + (length - 1), "x");
      for (int at = 0; at < length; at += 1_000_000) {
        byte[] part = Arrays.copyOfRange(model, at, at + 1_000_000);
        session.run("SETRANGE", "big", "" + at, latin(part));
      }
      digest = fixture.digest(session);
      assertThat(bgsave(session)).isEqualTo("+Background saving started");
      int turns = 0;
      while (info(session, "rdb_bgsave_in_progress").equals("1")) {
        if (!turn.tryAcquire(10, TimeUnit.MILLISECONDS)) {
          continue;
        }
        for (int i = 0; i < 100; i++) {
          change(session, model, random, turns % 20 == 7 && i == 0);
        }
        turns++;
        goOn.release();
      }
      assertThat(turns).isGreaterThan(90);
      assertThat(info(session, "rdb_last_bgsave_status")).isEqualTo("ok");
      assertThat(Long.parseLong(info(session, "rdb_last_cow_size"))).isBetween(1L, 4L << 20);
      byte[] got = session.run("GET", "big");
      int head = ("$" + length + "\r\n").length();
      assertThat(Arrays.equals(got, head, head + length, model, 0, length)).isTrue();
    }
    assertThat(loadedDigest()).isEqualTo(digest);
  }

  private static void change(LocalSession session, byte[] model, Random random, boolean isLong) {
    int at = random.nextInt(model.length - 200_000);
    if (random.nextInt(4) == 0) {
      boolean was = (model[at] & 0x80) != 0;
      String bit = was ? "0" : "1";
      assertThat(say(session, "SETBIT", "big", "" + 8L * at, bit)).isEqualTo(was ? ":1" : ":0");
      model[at] ^= (byte) 0x80;
      return;
    }
    byte[] other = new byte[isLong ? 150_000 : 1 + random.nextInt(150)];
    random.nextBytes(other);
    byte[] reply = session.run("SETRANGE", "big", "" + at, latin(other));
    assertThat(text(reply)).as("nobody has to wait").isEqualTo(":" + model.length);
    System.arraycopy(other, 0, model, at, other.length);
  }

  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  @Test
  void settingsOfTheFileAreHeeded() throws IOException {
    String text = "a run ".repeat(100);
    for (String compressing : List.of("yes", "no")) {
      for (String sums : List.of("yes", "no")) {
        String when = "rdbcompression " + compressing + ", rdbchecksum " + sums;
        try (Fixture fixture = fixture("rdbcompression", compressing, "rdbchecksum", sums)) {
          LocalSession session = fixture.session();
          say(session, "SET", "k", text);
          say(session, "SAVE");
        }
        byte[] file = Files.readAllBytes(dir.resolve("dump.rdb"));
        assertThat(latin(file).contains(text)).as(when).isEqualTo(compressing.equals("no"));
        byte[] sum = Arrays.copyOfRange(file, file.length - 8, file.length);
        assertThat(Arrays.equals(sum, new byte[8])).as(when).isEqualTo(sums.equals("no"));
        file[file.length - 1] ^= 1;
        Files.write(dir.resolve("dump.rdb"), file);
        try (Fixture other = fixture("rdbchecksum", "no")) {
          other.load();
          assertThat(say(other.session(), "STRLEN", "k")).as(when).isEqualTo(":" + text.length());
        }
        try (Fixture other = fixture("rdbchecksum", "yes")) {
          assertThatThrownBy(other::load).as(when).hasMessageContaining("CRC error");
        }
      }
    }
  }

  // ── which file ──

  @Test
  void serversInOneFolderKeepApart() throws IOException {
    try (Fixture first = fixture("save", "3600 1")) {
      first.load();
      LocalSession one = first.session();
      say(one, "SET", "k", "first");
      say(one, "SAVE");
      String[] settings = with("save", "3600 1");
      settings[settings.length - 1] = "7002";
      try (Fixture second = new Fixture(settings)) {
        second.load();
        LocalSession two = second.session();
        assertThat(say(two, "DBSIZE")).isEqualTo(":0");
        assertThat(say(two, "CONFIG", "GET", "dbfilename")).endsWith("$13 dump-7002.rdb");
        assertThat(second.log())
            .contains("dump.rdb is in use by process " + ProcessHandle.current().pid())
            .contains("(port 7001)")
            .contains("dump-7002.rdb");
        say(two, "SET", "k", "second");
        say(two, "SAVE");
      }
      String[] named = with("save", "3600 1", "dbfilename", "dump.rdb");
      try (Fixture third = new Fixture(named)) {
        assertThatThrownBy(third::load)
            .hasMessageContaining("is in use by process")
            .hasMessageContaining("add the line 'dbfilename dump-7001.rdb'");
      }
      settings[settings.length - 1] = "7002";
      try (Fixture again = new Fixture(settings)) {
        again.load();
        assertThat(say(again.session(), "GET", "k")).isEqualTo("$6 second");
      }
    }
    assertThat(files()).containsExactly("dump-7002.rdb", "dump.rdb");
  }

  @Test
  void aLockThatWasLeftBehindMeansNothing() throws IOException {
    Files.writeString(dir.resolve("dump.rdb.lock"), "process 1 (port 7001)\n");
    try (Fixture fixture = fixture("save", "3600 1")) {
      fixture.load();
      assertThat(say(fixture.session(), "CONFIG", "GET", "dbfilename")).endsWith("dump.rdb");
    }
    assertThat(files()).isEmpty();
  }

  @Test
  void aServerWithoutSavePointsAndDataTouchesNothing() throws IOException {
    try (Fixture fixture = fixture()) {
      fixture.load();
      say(fixture.session(), "SET", "k", "v");
      fixture.server.shutDown(Ending.DEFAULT);
      assertThat(files()).isEmpty();
    }
  }

  private static void fill(LocalSession session, Random random, int commands) {
    for (int i = 0; i < commands; i++) {
      String n = "" + random.nextInt(200);
      String other = "" + random.nextInt(1_000);
      switch (random.nextInt(15)) {
        case 11, 12 -> say(session, "XADD", "x" + n, "*", "f", other, "n", n);
        case 13 -> say(session, "XGROUP", "CREATE", "x" + n, "g", "0", "MKSTREAM");
        case 14 -> say(session, "XREADGROUP", "GROUP", "g", "c" + other, "STREAMS", "x" + n, ">");
        case 0 -> say(session, "SET", "s" + n, "v".repeat(random.nextInt(300)) + other);
        case 1 -> say(session, "SET", "i" + n, other, "PX", "100000000");
        case 2 ->
            say(session, "RPUSH", "l" + n, other, "e" + other, "x".repeat(random.nextInt(90)));
        case 3 -> say(session, "HSET", "h" + n, "f" + other, "v" + n, other, n);
        case 4 -> say(session, "HSET", "big", "f" + other, "v" + random.nextInt(1_000));
        case 5 -> say(session, "SADD", "t" + n, other, "m" + other);
        case 6 -> say(session, "SADD", "u" + n, other);
        case 7 -> say(session, "ZADD", "z" + n, other, "m" + other, "0.5", n);
        case 8 -> say(session, "SETBIT", "b" + n, other, "1");
        case 9 -> say(session, "PFADD", "p" + n, other);
        case 10 -> say(session, "LPOP", "l" + n);
        default -> say(session, "SADD", "many", "m" + other);
      }
    }
  }
}
