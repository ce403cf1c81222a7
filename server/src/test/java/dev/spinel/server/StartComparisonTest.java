package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.spinel.RealRedis;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.config.Status;
import dev.spinel.engine.Clock;
import dev.spinel.net.BindException;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each setting that is in force at its extremes, beside a real server: given in a file, what
/// starts there starts here and takes a client, and what is refused is refused in the same words;
/// given to CONFIG SET, the replies are the same, and both take clients afterwards.
///
/// Starts are compared by sample, with a seed that is printed (`-Dstart.seed`); `-Dstart.all=true`
/// compares them all, which takes minutes.
class StartComparisonTest {
  private static final int SAMPLE = 120;

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "1",
          "-1",
          "2",
          "100",
          "101",
          "1023",
          "1025",
          "32767",
          "32768",
          "65535",
          "65536",
          "2147483647",
          "2147483648",
          "4294967295",
          "4294967296",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551615",
          "18446744073709551616",
          "777",
          "778",
          "1k",
          "1mb",
          "1gb",
          "1000tb",
          "50%",
          "-1mb",
          "1.5",
          "0x10",
          "",
          "a");

  private static final List<String> TEXTS =
      List.of(
          "",
          "a",
          "yes",
          "no",
          "\u00c3\u00a9", // é in UTF-8
          "\u00e9\u00ff", // nothing in UTF-8
          "no-such-folder/x",
          "x".repeat(200),
          "x".repeat(5000),
          "a b",
          "50%",
          "\\",
          "\"",
          "'",
          "#",
          "-",
          "--port");

  /// Ours, or those that real servers don't survive in all the forms compared, or that end the
  /// comparison.
  private static final Set<String> LEFT_OUT =
      Set.of(
          "event-loops",
          "io-transport",
          "maxmemory-eviction-tenacity", // of no effect on a start
          "port",
          "dir",
          "daemonize");

  /// Certificates or users that aren't there, which the log tells.
  private static final List<String> REFUSED =
      List.of("Failed to configure TLS.", "Aborting Redis startup because of ACL errors");

  @TempDir Path directory;

  private record Case(Setting<?> setting, String value) {
    boolean isSurvived() {
      // A table of 131 GB; a million times the descriptors that there are.
      return !(setting == Settings.DATABASES || setting == Settings.MAXCLIENTS)
          || value.length() < 7;
    }

    /// Whether an older server, which gives this answer, knows other words for the setting, or
    /// doesn't know it.
    boolean isOther(String answer) {
      return setting == Settings.LOGLEVEL
          || answer.contains("Bad directive")
          || answer.startsWith("ERR Unknown option");
    }

    /// The JVM knows names of files as text only.
    boolean canBeHere() {
      return !value.equals("\u00e9\u00ff")
          || !Set.of("unixsocket", "pidfile", "logfile").contains(setting.name());
    }
  }

  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    String only = System.getProperty("start.only");
    for (int i = 0; i < Settings.count(); i++) {
      Setting<?> setting = Settings.at(i);
      if (setting.status() != Status.IN_FORCE
          || LEFT_OUT.contains(setting.name())
          || (only != null && !only.equals(setting.name()))) {
        continue;
      }
      for (String value : values(setting)) {
        Case here = new Case(setting, value);
        if (here.isSurvived() && here.canBeHere()) {
          cases.add(here);
        }
      }
    }
    return cases;
  }

  private static Set<String> values(Setting<?> setting) {
    Set<String> values = new LinkedHashSet<>();
    Object standard = setting.defaultValue();
    if (standard instanceof Long) {
      values.addAll(NUMBERS);
    } else if (standard instanceof Boolean) {
      values.addAll(List.of("yes", "no", "", "1", "YES", "maybe"));
    } else {
      values.addAll(TEXTS);
    }
    return values;
  }

  @Test
  void whatStartsThereStartsHereAndTakesAClient() throws Exception {
    Path binary = RealRedis.binary();
    assumeTrue(binary != null, "no redis-server to compare with");
    String version = RealRedis.version(binary);
    List<Case> cases = cases();
    if (!Boolean.getBoolean("start.all")) {
      long seed = Long.getLong("start.seed", System.nanoTime());
      System.out.println("start.seed=" + seed);
      Collections.shuffle(cases, new Random(seed));
      cases = cases.subList(0, Math.min(SAMPLE, cases.size()));
    }
    List<String> differences = new ArrayList<>();
    for (Case here : cases) {
      String difference = startBoth(binary, version, here);
      if (difference != null) { // the port may have become somebody else's meanwhile
        difference = startBoth(binary, version, here);
      }
      if (difference != null) {
        differences.add(here.setting.name() + " '" + here.value + "': " + difference);
      }
    }
    assertThat(differences).as("ours / real").isEmpty();
  }

  /// Null if nothing differs.
  private String startBoth(Path binary, String version, Case here) throws Exception {
    // A folder of its own for each start: a log's file by the name of a dump would be loaded.
    Path folder = Files.createTempDirectory(directory, "start");
    Path file = folder.resolve("redis.conf");
    int port = RealRedis.freePort();
    String text =
        "port %d\nsave \"\"\ndir \"%s\"\n%s %s\n"
            .formatted(port, folder, here.setting.name(), Octets.quoted(here.value));
    Files.writeString(file, text, StandardCharsets.ISO_8859_1);
    String real = real(binary, folder, port, file).replace(version, Config.REDIS_VERSION);
    String ours = ours(port, file);
    boolean unknown = !version.startsWith("7.2") && here.isOther(real);
    return ours.equals(real) || unknown ? null : ours + " / " + real;
  }

  private static String ours(int port, Path file) {
    Config config;
    try {
      config = CommandLine.of(file.toString()).load(null).warned();
    } catch (ConfigError e) {
      return Octets.of(e.bytes());
    }
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    try (Server server = new Server(config, new Log(config, log), Clock.SYSTEM)) {
      server.start();
      return server.port() == 0 ? "doesn't start" : answer(port);
    } catch (BindException e) {
      return "doesn't start";
    } catch (IOException e) {
      if (REFUSED.stream().anyMatch(String.valueOf(e.getMessage())::startsWith)) {
        return "doesn't start";
      }
      return e + " " + log.toString(StandardCharsets.UTF_8);
    }
  }

  private static String answer(int port) throws IOException {
    try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
      return client.command("PING").text();
    }
  }

  private static String real(Path binary, Path folder, int port, Path file) throws Exception {
    try (RealRedis real = RealRedis.start(binary, folder, port, "", List.of(file.toString()))) {
      if (real.answers()) {
        return String.valueOf(real.call("PING"));
      }
      String error = real.errorOutput();
      return error.contains("FATAL CONFIG FILE") ? error : "doesn't start";
    } catch (IOException e) {
      return "doesn't start"; // its TCP port was open when another address failed
    }
  }

  @Test
  void configSetRepliesTheSameAndClientsAreTakenAfterwards() throws Exception {
    try (RealRedis real = RealRedis.ready(directory, "--dir", directory.toString())) {
      int port = RealRedis.freePort();
      Config config =
          Config.of("port", "" + port, "bind", "127.0.0.1", "dir", directory.toString());
      try (Server server =
          new Server(config, new Log(config, new ByteArrayOutputStream()), Clock.SYSTEM)) {
        server.start();
        try (Client client = Client.connect("127.0.0.1", port).timeoutMillis(20_000)) {
          List<String> differences = new ArrayList<>();
          boolean keeps = false;
          for (Case here : cases()) {
            if (Set.of("bind", "requirepass", "maxclients").contains(here.setting.name())) {
              keeps = true; // they let nobody in, or depend on the machine
              continue;
            }
            String name = here.setting.name();
            byte[][] command = {
              Server.ascii("CONFIG"),
              Server.ascii("SET"),
              Server.ascii(name),
              Server.ascii(here.value)
            };
            String ours = client.command(command).text();
            String theirs = String.valueOf(real.call("CONFIG", "SET", name, here.value));
            String answer = answer(port);
            boolean other = !real.isSeven2() && here.isOther(theirs);
            if (!answer.equals("PONG") || !ours.equals(theirs) && !other) {
              differences.add(
                  name + " '" + here.value + "': " + ours + ", " + answer + " / " + theirs);
            }
          }
          assertThat(keeps).isTrue();
          assertThat(differences).as("ours / real").isEmpty();
        }
      }
    }
  }
}
