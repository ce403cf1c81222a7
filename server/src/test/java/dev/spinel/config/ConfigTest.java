package dev.spinel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ConfigTest {
  @TempDir Path directory;

  // ── Reading and following ──

  @Test
  void valuesAreTyped() {
    Config config =
        Config.of(
            "maxmemory",
            "2mb",
            "save",
            "1 2",
            "replicaof",
            "h\u00f6st 7",
            "bind",
            "",
            "notify-keyspace-events",
            "Kg");
    assertThat(config.get(Settings.MAXMEMORY)).isEqualTo(2L << 20);
    assertThat(config.get(Settings.SAVE)).containsExactly(new SavePoint(1, 2));
    assertThat(Octets.decode(config.get(Settings.REPLICAOF).host())).isEqualTo("h\u00f6st");
    assertThat(config.get(Settings.BIND)).isEmpty();
    assertThat(config.get(Settings.NOTIFY_KEYSPACE_EVENTS))
        .isEqualTo(KeyspaceEvents.KEYSPACE | KeyspaceEvents.GENERIC);
    assertThat(config.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT).pubsub().softSeconds())
        .isEqualTo(60);
    assertThat(config.intOf(Settings.PORT)).isEqualTo(6379);
  }

  @Test
  void manyConfigurationsLiveSideBySide() {
    Config one = Config.of("port", "1");
    Config two = Config.of("port", "2");
    set(one, "timeout", "5");
    assertThat(two.get(Settings.TIMEOUT)).isZero();
    assertThat(one.intOf(Settings.PORT)).isEqualTo(1);
    assertThat(two.intOf(Settings.PORT)).isEqualTo(2);
  }

  @Test
  void pathsAreRelativeToDirAndDecoded() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("gr\u00fcn"));
    Config config = Config.of("dir", folder.toString(), "logfile", "b\u00e4r.log");
    assertThat(config.path(Settings.LOGFILE))
        .isEqualTo(folder.toRealPath().resolve("b\u00e4r.log"));
    assertThat(folder.resolve("b\u00e4r.log")).exists();
    assertThat(config.matching(List.of("logfile")))
        .containsExactly("logfile", Octets.encode("b\u00e4r.log"));
  }

  @Test
  void aListenerSeesTheNewValueOncePerSet() {
    Config config = Config.of();
    List<Long> seen = new ArrayList<>();
    Config.ChangeListener listener =
        changed -> seen.add(changed.get(Settings.TIMEOUT) + changed.get(Settings.TCP_KEEPALIVE));
    config.onChange(Settings.TIMEOUT, listener);
    config.onChange(Settings.TCP_KEEPALIVE, listener);
    set(config, "timeout", "5", "tcp-keepalive", "10");
    set(config, "timeout", "5"); // no change
    set(config, "hz", "20"); // not followed
    set(config, "tcp-keepalive", "11");
    assertThat(seen).containsExactly(15L, 16L);
  }

  @Test
  void aListenerOfAnyChangeRunsOncePerSetWithTheNumbersAsTheyAre() {
    Config config = Config.of();
    List<Long> seen = new ArrayList<>();
    config.onAnyChange(
        changed -> {
          long[] numbers = changed.numbers();
          seen.add(numbers[Settings.SET_MAX_INTSET_ENTRIES.index()]);
          seen.add(numbers[Settings.LAZYFREE_LAZY_EXPIRE.index()]);
        });
    set(config, "set-max-intset-entries", "7", "lazyfree-lazy-expire", "yes", "hz", "9");
    set(config, "set-max-intset-entries", "7"); // no change
    assertThat(seen).containsExactly(7L, 1L);
  }

  @Test
  void settingsThatNameAFileOfKeysAreAppliedEvenIfTheSame() {
    Config config = Config.of();
    List<String> seen = new ArrayList<>();
    config.onChange(
        Settings.TLS_CERT_FILE, changed -> seen.add(changed.get(Settings.TLS_CERT_FILE)));
    set(config, "tls-cert-file", "a");
    set(config, "tls-cert-file", "a");
    assertThat(seen).containsExactly("a", "a");
  }

  @Test
  void aListenerThatRefusesSetsEverythingBack() {
    Config config = Config.of();
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text));
    List<Long> timeouts = new ArrayList<>();
    config.onChange(Settings.TIMEOUT, changed -> timeouts.add(changed.get(Settings.TIMEOUT)));
    config.onChange(
        Settings.PORT,
        changed -> {
          if (changed.intOf(Settings.PORT) == 80)
            throw new ConfigError("Unable to listen on this port. Check server logs.");
        });
    assertThat(error(config, "timeout", "7", "PORT", "80", "hz", "50"))
        .isEqualTo(
            "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this"
                + " port. Check server logs.");
    assertThat(config.matching(List.of("timeout", "port", "hz")))
        .containsExactly("timeout", "0", "port", "6379", "hz", "10");
    assertThat(timeouts).containsExactly(7L, 0L);
    assertThat(log)
        .containsExactly(
            "#Failed applying new configuration. Possibly related to new port setting. Restoring"
                + " previous settings.");
  }

  @Test
  void aListenerThatCanNotGoBackIsLogged() {
    Config config = Config.of();
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text));
    config.onChange(
        Settings.PORT,
        changed -> {
          throw new ConfigError("stuck");
        });
    assertThat(error(config, "port", "80")).endsWith("- stuck");
    assertThat(log)
        .hasSize(2)
        .last()
        .isEqualTo("#Failed applying restored failed CONFIG SET command: stuck");
  }

  @Test
  void aListenerThatFailsSetsEverythingBackToo() {
    Config config = Config.of();
    config.onChange(
        Settings.HZ,
        changed -> {
          if (changed.intOf(Settings.HZ) == 77) throw new IllegalStateException("bug");
        });
    assertThatThrownBy(() -> set(config, "timeout", "3", "hz", "77"))
        .isInstanceOf(IllegalStateException.class);
    assertThat(config.get(Settings.TIMEOUT)).isZero();
    assertThat(config.get(Settings.HZ)).isEqualTo(10);
  }

  @Test
  void smallReadsOfLargeNumbersAreCut() {
    Config config = Config.of("hash-max-listpack-entries", "9223372036854775807");
    assertThat(config.intOf(Settings.HASH_MAX_LISTPACK_ENTRIES)).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void theServerPutsWhatItDecided() {
    Config config = Config.of("replicaof", "a 1");
    config.put(Settings.REPLICAOF, new ReplicaOf("b", 2));
    assertThat(config.matching(List.of("slaveof"))).containsExactly("slaveof", "b 2");
    config.put(Settings.REPLICAOF, ReplicaOf.NONE);
    assertThat(config.matching(List.of("slaveof"))).containsExactly("slaveof", "");
  }

  @Test
  void readersSeePairsOfOneSetTogether() throws Exception {
    Config config = Config.of("timeout", "0", "tcp-keepalive", "0");
    AtomicBoolean done = new AtomicBoolean();
    AtomicBoolean torn = new AtomicBoolean();
    Thread reader =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!done.get()) {
                    List<String> pairs = config.matching(List.of("timeout", "tcp-keepalive"));
                    if (!pairs.get(1).equals(pairs.get(3))) torn.set(true);
                  }
                });
    for (int i = 0; i < 20_000; i++) set(config, "timeout", "" + i, "tcp-keepalive", "" + i);
    done.set(true);
    reader.join();
    assertThat(torn).isFalse();
  }

  // ── CONFIG SET's refusals that the recorded facts don't reach ──

  @Test
  void protectedSettingsNeedPermission() {
    Config no = Config.of();
    Config local = Config.of("enable-protected-configs", "local");
    Config yes = Config.of("enable-protected-configs", "yes");
    String refusal =
        "ERR CONFIG SET failed (possibly related to argument 'DBfilename') - can't set protected"
            + " config";
    List<String> pair = List.of("DBfilename", "x");
    assertThat(reply(() -> no.set(pair, true, false))).isEqualTo(refusal);
    assertThat(reply(() -> local.set(pair, false, false))).isEqualTo(refusal);
    local.set(pair, true, false);
    yes.set(pair, false, false);
    assertThat(yes.get(Settings.DBFILENAME)).isEqualTo("x");
    assertThat(reply(() -> yes.set(List.of("dbfilename", "a/b"), true, false)))
        .isEqualTo(
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't"
                + " be a path, just a filename");
  }

  @Test
  void someSettingsAreRefusedWhileLoading() {
    Config config = Config.of();
    assertThat(reply(() -> config.set(List.of("timeout", "1", "appendonly", "yes"), true, true)))
        .isEqualTo("LOADING Redis is loading the dataset in memory");
    assertThat(config.get(Settings.TIMEOUT)).isZero();
    config.set(List.of("timeout", "1"), true, true);
    config.set(List.of("appendonly", "yes"), true, false);
  }

  @Test
  void oddArgumentsAreASyntaxError() {
    assertThat(error(Config.of(), "timeout", "1", "hz")).isEqualTo("ERR syntax error");
  }

  @Test
  void directoriesAreChecked() throws Exception {
    Config config = Config.of("enable-protected-configs", "yes", "dir", directory.toString());
    String failed = "ERR CONFIG SET failed (possibly related to argument 'dir') - ";
    assertThat(error(config, "dir", "nowhere")).isEqualTo(failed + "No such file or directory");
    Files.createFile(directory.resolve("file"));
    assertThat(error(config, "dir", "file")).isEqualTo(failed + "Not a directory");
    assertThat(error(config, "dir", "file/below")).startsWith(failed);
    Files.createDirectories(directory.resolve("a/b"));
    set(config, "dir", "a");
    set(config, "dir", "b");
    set(config, "dir", "../b");
    assertThat(config.path(Settings.DIR)).isEqualTo(directory.toRealPath().resolve("a/b"));
  }

  @Test
  void sensitiveAndHiddenSettingsSaySo() {
    assertThat(Settings.find("Requirepass").isSensitive()).isTrue();
    assertThat(Settings.MASTERAUTH.isSensitive()).isTrue();
    assertThat(Settings.TIMEOUT.isSensitive()).isFalse();
    assertThat(Settings.USE_EXIT_ON_PANIC.isHidden()).isTrue();
    assertThat(Settings.find("nothing")).isNull();
  }

  @Test
  void scoresOutOfOrderAreLogged() {
    Config config = Config.of("oom-score-adj-values", "3 2 1");
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text.substring(0, 30)));
    set(config, "oom-score-adj-values", "5 4 3");
    assertThat(log)
        .containsExactly("#The oom-score-adj-values confi", "#The oom-score-adj-values confi");
  }

  // ── Files ──

  @Test
  void otherDirectivesAreKeptForTheirFeatures() {
    Config config =
        Config.parse("rename-command GET \"g x\"\nuser alice on\nport 1\nuser bob off\n");
    assertThat(config.directives())
        .extracting(Directive::name)
        .containsExactly("rename-command", "user", "user");
    assertThat(config.directives().get(0).arguments()).containsExactly("GET", "g x");
    assertThat(config.directives().get(2).error("nobody").getMessage())
        .isEqualTo(
            """

            *** FATAL CONFIG FILE ERROR (Redis 7.2.6) ***
            Reading the configuration file, at line 4
            >>> 'user bob off'
            nobody
            """);
  }

  @Test
  void sentinelKeepsItsDirectivesAndPort() {
    Config config = CommandLine.of("--sentinel").load(null);
    assertThat(config.isSentinel()).isTrue();
    assertThat(config.intOf(Settings.PORT)).isEqualTo(26379);
    assertThat(config.get(Settings.PROTECTED_MODE)).isFalse();
    Config monitor =
        CommandLine.of("--sentinel", "monitor", "m", "127.0.0.1", "1", "2", "--port", "5")
            .load(null);
    assertThat(monitor.directives().get(0).arguments())
        .containsExactly("monitor", "m", "127.0.0.1", "1", "2");
    assertThat(monitor.intOf(Settings.PORT)).isEqualTo(5);
  }

  @Test
  void modulesAreRefused() {
    assertThatThrownBy(() -> Config.parse("\nloadmodule /x.so"))
        .hasMessageContaining("at line 2")
        .hasMessageContaining("Modules");
    assertThatThrownBy(() -> Config.parse("search.timeout 5"))
        .hasMessageContaining("Module Configuration detected");
  }

  @Test
  void defaultsOfWhatIsNotBuiltAreAccepted() {
    List<String> log = new ArrayList<>();
    Config.parse(
            """
            aclfile ""
            tls-port 0
            replicaof no one
            cluster-enabled no
            save ""
            appendonly no
            daemonize no
            supervised no
            user default on nopass sanitize-payload ~* &* +@all
            """)
        .warned()
        .logTo((level, text) -> log.add(text));
    Config.of().warned().logTo((level, text) -> log.add(text)); // whose save isn't empty
    assertThat(log).isEmpty();
  }

  @Test
  void whatIsIgnoredAndMayBeMissedIsToldOnce() {
    Config config =
        CommandLine.of("--supervised", "upstart", "--syslog-enabled", "yes").load(null).warned();
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text.substring(0, text.indexOf(" has no"))));
    assertThat(log).containsExactlyInAnyOrder("#supervised upstart", "#syslog-enabled yes");
    log.clear();
    Config other = Config.of("supervised", "upstart", "min-replicas-to-write", "1").warned();
    other.logTo((level, text) -> log.add(text));
    assertThat(log).hasSize(1);
    set(other, "min-replicas-to-write", "2", "timeout", "5");
    assertThat(log).hasSize(1);
  }

  @Test
  void defaultsOfAnInstallationAreChangedLikeAnyOtherAndNotWritten() throws Exception {
    Path defaults =
        Files.writeString(
            directory.resolve("defaults.conf"), "# ours\nprotected-mode no\nshutdown-timeout 5\n");
    Path file = Files.writeString(directory.resolve("redis.conf"), "timeout 7\n");
    Config config = CommandLine.of(file.toString()).load(null, defaults);
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text));
    assertThat(log)
        .containsExactly(
            "*Defaults of this installation ("
                + defaults
                + "): protected-mode no, shutdown-timeout 5");
    assertThat(config.get(Settings.PROTECTED_MODE)).isFalse();
    assertThat(config.isGiven(Settings.PROTECTED_MODE)).isFalse();
    assertThat(config.get(Settings.SHUTDOWN_TIMEOUT)).isEqualTo(5);
    config.rewrite(List.of());
    assertThat(Files.readString(file))
        .contains("timeout 7")
        .doesNotContain("protected-mode", "shutdown-timeout");
    set(config, "protected-mode", "yes");
    config.rewrite(List.of());
    assertThat(Files.readString(file)).contains("protected-mode yes");
    Config asked = CommandLine.of("--protected-mode", "yes", "--port", "1").load(null, defaults);
    assertThat(asked.get(Settings.PROTECTED_MODE)).isTrue();
    assertThat(asked.get(Settings.SHUTDOWN_TIMEOUT)).isEqualTo(5);
  }

  @Test
  void aWrongLineOfTheDefaultsOfAnInstallationIsNamed() throws Exception {
    Path defaults = Files.writeString(directory.resolve("defaults.conf"), "\nno-such x\n");
    assertThatThrownBy(() -> CommandLine.of("--port", "1").load(null, defaults))
        .hasMessageContaining("at line 2")
        .hasMessageContaining("no-such x");
  }

  @Test
  void aCommentBehindAValueIsRefusedWithAHint() {
    assertThatThrownBy(() -> Config.parse("port 6380 # mine"))
        .hasMessageEndingWith(
            ">>> 'port 6380 # mine'\nwrong number of arguments\n"
                + "A comment must be a line of its own.\n");
    assertThatThrownBy(() -> Config.parse("port 6380 mine"))
        .hasMessageEndingWith(">>> 'port 6380 mine'\nwrong number of arguments\n");
  }

  @Test
  void aFileThatCanNotBeOpenedIsNamed() throws Exception {
    ConfigError error =
        catchThrowableOfType(
            ConfigError.class, () -> CommandLine.of(directory + "/none.conf").load(null));
    assertThat(error.kind()).isEqualTo(ConfigError.Kind.FATAL);
    assertThat(error)
        .hasMessage(
            "Fatal error, can't open config file '"
                + directory
                + "/none.conf': No such file or directory");
    assertThatThrownBy(() -> CommandLine.of(directory.toString()).load(null))
        .hasMessageContaining("Is a directory");
    assertThatThrownBy(() -> Config.parse("include " + directory + "/none.conf"))
        .hasMessage(
            "Fatal error, can't open config file '"
                + directory
                + "/none.conf': No such file or directory");
  }

  @Test
  void includesAreBounded() throws Exception {
    Path file =
        Files.writeString(directory.resolve("loop.conf"), "include " + directory + "/loop.conf\n");
    assertThatThrownBy(() -> CommandLine.of(file.toString()).load(null))
        .hasMessageContaining("Too many nested includes");
    for (int i = 0; i < 30; i++)
      Files.writeString(
          directory.resolve(i + ".conf"),
          ("include " + directory + "/" + (i + 1) + ".conf\n").repeat(2));
    Files.writeString(directory.resolve("30.conf"), "");
    assertThatThrownBy(() -> CommandLine.of(directory + "/0.conf").load(null))
        .hasMessageContaining("Too many configuration files");
  }

  @Test
  void patternsIncludeInOrderOfNames() throws Exception {
    Files.createDirectories(directory.resolve("b.d"));
    Files.createDirectories(directory.resolve("a.d"));
    Files.writeString(directory.resolve("a.d/2.conf"), "timeout 1\n");
    Files.writeString(directory.resolve("b.d/1.conf"), "timeout 2");
    Files.writeString(directory.resolve("b.d/2.conf"), "\ntcp-keepalive 3\n");
    Files.writeString(directory.resolve("b.d/.hidden.conf"), "bogus\n");
    Files.writeString(directory.resolve("b.d/x.cnf"), "bogus\n");
    Config config = Config.parse("dir " + directory + "\ninclude ?.d/*[!x].conf\n");
    assertThat(config.get(Settings.TIMEOUT)).isEqualTo(2);
    assertThat(config.get(Settings.TCP_KEEPALIVE)).isEqualTo(3);
  }

  @Test
  void bytesThatAreNoUtf8Survive() throws Exception {
    Path file = directory.resolve("redis.conf");
    Files.write(
        file,
        "masterauth \u00ff\u00fe\nlogfile ''\nmasteruser \u00c3\u00a4\n"
            .getBytes(StandardCharsets.ISO_8859_1));
    Config config = CommandLine.of(file.toString()).load(null);
    assertThat(config.bytes(Settings.MASTERAUTH)).containsExactly(0xff, 0xfe);
    assertThat(config.text(Settings.MASTERUSER)).isEqualTo("\u00e4");
    config.rewrite(List.of());
    assertThat(Files.readString(file))
        .startsWith("masterauth \"\\xff\\xfe\"\nlogfile \"\"\nmasteruser \"\\xc3\\xa4\"\n");
  }

  @Test
  void zeroBytesEndALine() {
    assertThat(Config.parse("timeout 5\0 6\nhz 20").get(Settings.TIMEOUT)).isEqualTo(5);
  }

  @Test
  void theCommandLineSaysWhatIsWanted() {
    assertThat(CommandLine.of().isEmpty()).isTrue();
    assertThat(CommandLine.of().load(null).intOf(Settings.PORT)).isEqualTo(6379);
    assertThat(CommandLine.of("-v").act()).isEqualTo(CommandLine.Act.VERSION);
    assertThat(CommandLine.of("--version", "x").act()).isEqualTo(CommandLine.Act.VERSION);
    assertThat(CommandLine.of("-h").act()).isEqualTo(CommandLine.Act.HELP);
    assertThat(CommandLine.of("--help").act()).isEqualTo(CommandLine.Act.HELP);
    assertThat(CommandLine.of("--check-system").act()).isEqualTo(CommandLine.Act.CHECK_SYSTEM);
    assertThat(CommandLine.of("--test-memory", "5").megabytes()).isEqualTo("5");
    assertThat(CommandLine.of("--test-memory").megabytes()).isNull();
    assertThat(CommandLine.of("--port", "-v").act()).isEqualTo(CommandLine.Act.RUN);
    assertThat(CommandLine.of("x.conf", "-").fromInput()).isTrue();
    assertThat(CommandLine.of("--masteruser", "-", "--port", "1").fromInput()).isFalse();
    assertThat(CommandLine.of("../x/./r.conf", "--port", "1").file()).isEqualTo("../x/./r.conf");
  }

  @Test
  void whatHappenedBeforeTheLogIsToldLater() {
    Config config =
        CommandLine.of("-", "--cluster-enabled", "yes")
            .load(new java.io.ByteArrayInputStream(new byte[0]));
    List<String> log = new ArrayList<>();
    config.logTo((level, text) -> log.add(level + text));
    assertThat(log)
        .containsExactly(
            "*Reading config from stdin",
            "#WARNING: Changing databases number from 16 to 1 since we are in cluster mode");
    assertThat(config.get(Settings.DATABASES)).isEqualTo(1);
  }

  // ── CONFIG REWRITE's failures ──

  @Test
  void whatOthersKnowBetterIsAskedOfThem() throws Exception {
    Path file = directory.resolve("replica.conf");
    Files.writeString(file, "port 6380\nslaveof old 1\ntimeout 7\n");
    Config config = CommandLine.of(file.toString()).load(null);
    AtomicReference<ReplicaOf> primary = new AtomicReference<>(new ReplicaOf("new", 2));
    config.live(Settings.REPLICAOF, primary::get);
    assertThat(config.matching(List.of("slaveof"))).containsExactly("slaveof", "new 2");
    config.rewrite(List.of());
    assertThat(Files.readString(file)).startsWith("port 6380\nreplicaof new 2\ntimeout 7\n");
    primary.set(ReplicaOf.NONE);
    assertThat(config.matching(List.of("replicaof"))).containsExactly("replicaof", "");
    config.rewrite(List.of());
    assertThat(Files.readString(file)).doesNotContain("replicaof");
    primary.set(new ReplicaOf("again", 3));
    config.rewrite(List.of());
    assertThat(Files.readString(file)).contains("replicaof again 3\n");
  }

  @Test
  void rewriteNeedsAFile() {
    assertThat(reply(() -> Config.of().rewrite(List.of())))
        .isEqualTo("ERR The server is running without a config file");
  }

  @Test
  void aFileThatVanishedIsWrittenAnew() throws Exception {
    Path file = Files.writeString(directory.resolve("redis.conf"), "timeout 5\n");
    Config config = CommandLine.of(file.toString()).load(null);
    Files.delete(file);
    config.rewrite(List.of("user default on"));
    assertThat(Files.readString(file))
        .startsWith("# Generated by CONFIG REWRITE\n")
        .contains("timeout 5\n")
        .endsWith("user default on\n");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .startsWith("rw-r");
  }

  @Test
  void aFailedRewriteLeavesTheOldFile() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("folder"));
    Path file = Files.writeString(folder.resolve("redis.conf"), "timeout 5\n");
    Config config = CommandLine.of(file.toString()).load(null);
    set(config, "timeout", "6");
    // A directory in the place of the file can't be read, and nothing can be renamed over it.
    Files.delete(file);
    Files.createDirectories(file.resolve("occupied"));
    assertThat(reply(() -> config.rewrite(List.of())))
        .isEqualTo("ERR Rewriting config file: Is a directory");
    assertThat(file.resolve("occupied")).isDirectory();
    // A folder that is gone.
    Files.delete(file.resolve("occupied"));
    Files.delete(file);
    Files.delete(folder);
    assertThat(reply(() -> config.rewrite(List.of())))
        .isEqualTo("ERR Rewriting config file: No such file or directory");
    try (var files = Files.list(directory)) {
      assertThat(files.toList()).isEmpty();
    }
  }

  @Test
  void aDraftThatCanNotTakeTheNameIsRemoved() throws Exception {
    Path file = Files.writeString(directory.resolve("redis.conf"), "timeout 5\n");
    ConfigRewrite rewrite = ConfigRewrite.of(file);
    Path occupied = Files.createDirectories(directory.resolve("target/below")).getParent();
    assertThatThrownBy(() -> rewrite.replace(occupied)).isInstanceOf(java.io.IOException.class);
    try (var files = Files.list(directory)) {
      assertThat(files.toList()).containsExactlyInAnyOrder(file, occupied);
    }
  }

  @Test
  void nothingThatIsWrittenBecomesAnotherLine() throws Exception {
    Path file = Files.writeString(directory.resolve("redis.conf"), "port 7\n");
    Config config = CommandLine.of(file.toString()).load(null);
    config.put(Settings.REPLICAOF, new ReplicaOf("a\nport 8", 1));
    set(config, "bind", "b\nport 9 c");
    config.rewrite(List.of());
    assertThat(Files.readString(file))
        .contains("\nreplicaof \"a\\nport 8\" 1\n")
        .contains("\nbind \"b\\nport\" 9 c\n");
    assertThat(CommandLine.of(file.toString()).load(null).intOf(Settings.PORT)).isEqualTo(7);
  }

  @Test
  void usersThatAreGoneVanishFromTheFile() throws Exception {
    Path file =
        Files.writeString(
            directory.resolve("redis.conf"),
            "user alice on >secret ~*\nport 7\nuser default on nopass\ninclude /none*.conf\n");
    CommandLine.of(file.toString()).load(null).rewrite(List.of("user default on nopass ~*"));
    assertThat(Files.readString(file))
        .startsWith("user default on nopass ~*\nport 7\n\ninclude /none*.conf\n");
  }

  @Test
  void usersOfAFileOfTheirOwnAreNotWritten() throws Exception {
    Path file =
        Files.writeString(
            directory.resolve("redis.conf"), "aclfile users.acl\nuser bob on\nport 7\n");
    CommandLine.of(file.toString()).load(null).rewrite(List.of("user default on"));
    assertThat(Files.readString(file))
        .startsWith("aclfile \"users.acl\"\n\nport 7\n")
        .doesNotContain("\nuser ");
  }

  private static void set(Config config, String... pairs) {
    config.set(List.of(pairs), true, false);
  }

  private static String error(Config config, String... pairs) {
    return reply(() -> set(config, pairs));
  }

  private static String reply(Runnable act) {
    ConfigError error = catchThrowableOfType(ConfigError.class, act::run);
    assertThat(error).isNotNull();
    assertThat(error.kind()).isEqualTo(ConfigError.Kind.REPLY);
    return error.getMessage();
  }
}
