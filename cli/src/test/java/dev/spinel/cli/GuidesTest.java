package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.Spinel;
import dev.spinel.SpinelReplication;
import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What the guides tell their reader to type: each program, command, option and setting is there,
/// and the commands of the guides to topologies are run, in their order, on servers of ours.
@Timeout(300)
class GuidesTest {
  /// What the guides use of others.
  private static final Set<String> OTHERS = Set.of("cp", "export", "tar", "debootstrap", "jcmd");

  @TempDir Path directory;
  private static Set<String> settings;

  @BeforeAll
  static void askForSettings() throws IOException {
    try (Spinel server = Spinel.start();
        Client client = Client.connect("127.0.0.1", server.port())) {
      settings = new HashSet<>();
      var all = client.command("CONFIG", "GET", "*").elements();
      for (int i = 0; i < all.size(); i += 2) settings.add(all.get(i).text());
      settings.add("include");
    }
  }

  // ── whether it is there ──

  @Test
  void whatTheGuidesNameIsThere() throws IOException {
    int found = 0;
    for (String file : GuideLine.all()) {
      for (GuideLine line : GuideLine.code(file)) {
        check(line);
        found++;
      }
      for (GuideLine line : GuideLine.inline(file)) {
        check(line);
        found++;
      }
    }
    assertThat(found).isGreaterThan(100);
  }

  private static void check(GuideLine line) throws IOException {
    List<String> words = line.words();
    List<String> rest = words.subList(1, words.size());
    switch (words.getFirst()) {
      case "redis-cli" -> checkClient(line, rest);
      case "spinel", "./spinel" -> checkSpinel(line, rest);
      case "docker" -> {
        int image = rest.indexOf("spinel");
        if (rest.getFirst().equals("run") && image > 0) checkSettings(line, rest, image + 1);
      }
      case "sentinel" ->
          assertThat(sources("server/src/main/java/dev/spinel/sentinel"))
              .as(line.toString())
              .contains("\"" + rest.getFirst() + "\"");
      default -> {
        if (!OTHERS.contains(words.getFirst())) {
          assertThat(settings).as(line.toString()).contains(words.getFirst());
        }
      }
    }
  }

  private static void checkClient(GuideLine line, List<String> words) throws IOException {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    Screen screen = GuideLine.screen(said, Map.of());
    Options options;
    try {
      options = Options.parse(screen, words);
    } catch (Exit e) {
      throw new AssertionError(line + ": " + said, e);
    }
    if (options.cluster.command != null) {
      assertThat(Ours.run("", Map.of(), List.of("--cluster", "help")).out())
          .as(line.toString())
          .contains("\n  " + options.cluster.command + " ");
    } else if (!options.command.isEmpty()) {
      checkCommand(line, options.command);
    }
  }

  private static void checkCommand(GuideLine line, List<String> command) {
    String name = command.getFirst().toUpperCase(java.util.Locale.ROOT);
    if (name.equals("SENTINEL")) return; // of other servers than the list's
    assertThat(CommandDocs.builtIn(null))
        .as(line.toString())
        .anyMatch(entry -> entry.words().getFirst().equals(name));
  }

  private static void checkSpinel(GuideLine line, List<String> words) throws IOException {
    String verb = words.getFirst();
    String script = Files.readString(GuideLine.ROOT.resolve("spinel"));
    assertThat(script)
        .as(line.toString())
        .containsPattern("(?m)^ +([a-z-]+ \\| )*" + Pattern.quote(verb) + "( \\| [-a-z]+)*\\) ");
    String options =
        switch (verb) {
          case "cluster" -> String.join("\n", sources("cli/src/main/java/dev/spinel/cli"));
          case "up", "status", "kill", "restart", "down" ->
              String.join("\n", sources("launcher/src/main/java/dev/spinel/launcher"));
          case "dist", "image" ->
              Files.readString(GuideLine.ROOT.resolve("dist/make"))
                  + Files.readString(GuideLine.ROOT.resolve("docker/make"));
          default -> script;
        };
    if (verb.equals("server") || verb.equals("sentinel")) {
      checkSettings(line, words, 1);
      return;
    }
    for (String word : words) {
      if (!word.startsWith("--") || word.contains("…")) continue;
      String option = word.replaceFirst("[]=].*", "");
      assertThat(options).as(line.toString()).containsPattern(option + "[ \")]");
    }
    if (verb.equals("cluster")) {
      Set<String> known = clusterCommands();
      List<String> given = new ArrayList<>(words.subList(1, words.size()));
      while (!given.isEmpty() && given.getFirst().startsWith("-")) {
        given.subList(0, Math.min(2, given.size())).clear();
      }
      if (given.isEmpty() || given.getFirst().startsWith("[")) return;
      assertThat(known)
          .as(line.toString())
          .containsAll(Arrays.asList(given.getFirst().split("\\|", -1)));
    }
  }

  private static Set<String> clusterCommands() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ClusterTool.run(GuideLine.screen(out, Map.of()), List.of("help"));
    Set<String> known = new HashSet<>();
    Matcher m =
        Pattern.compile("(?m)^  ([a-z][a-z-]*) ").matcher(out.toString(StandardCharsets.UTF_8));
    while (m.find()) known.add(m.group(1));
    return known;
  }

  private static void checkSettings(GuideLine line, List<String> words, int from) {
    for (String word : words.subList(from, words.size())) {
      if (!word.startsWith("--") || word.equals("--sentinel") || word.contains("option")) continue;
      assertThat(settings).as(line.toString()).contains(word.substring(2));
    }
  }

  private static List<String> sources(String folder) throws IOException {
    try (Stream<Path> files = Files.list(GuideLine.ROOT.resolve(folder))) {
      List<String> words = new ArrayList<>();
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        Matcher m = Pattern.compile("\"[^\"\\n]*\"|--[a-z-]+ ").matcher(Files.readString(file));
        while (m.find()) words.add(m.group());
      }
      return words;
    }
  }

  // ── whether it runs ──

  /// The settings of a block of lines, as the servers take them.
  private static List<String> settingsOf(List<GuideLine> lines, Function<String, String> places) {
    List<String> all = new ArrayList<>();
    for (GuideLine line : lines) {
      List<String> words = Quoting.split(places.apply(line.text()));
      if (words == null || !settings.contains(words.getFirst())) continue;
      all.add(words.getFirst());
      all.add(String.join(" ", words.subList(1, words.size())));
    }
    return all;
  }

  @Test
  void theGuideToReplicationRuns() throws Exception {
    List<GuideLine> lines = GuideLine.code("docs/guides/replication.md");
    List<GuideLine> common = lines.stream().filter(l -> !l.text().startsWith("replicaof")).toList();
    List<String> first = settingsOf(common, Function.identity());
    first.addAll(List.of("dir", Files.createDirectory(directory.resolve("1")).toString()));
    try (Spinel primary = Spinel.start(first.toArray(new String[0]))) {
      List<String> second =
          settingsOf(
              lines, text -> text.replace("primary.example 6379", "127.0.0.1 " + primary.port()));
      assertThat(second).contains("replicaof");
      second.addAll(List.of("dir", Files.createDirectory(directory.resolve("2")).toString()));
      try (Spinel replica = Spinel.start(second.toArray(new String[0]))) {
        await()
            .atMost(30, TimeUnit.SECONDS)
            .until(
                () ->
                    GuideLine.ask(primary.port(), "INFO", "replication").contains("state=online"));
        for (GuideLine line : lines) {
          if (line.isRunnable()) line.run(primary.port(), Function.identity());
        }
        await()
            .atMost(30, TimeUnit.SECONDS)
            .until(
                () -> GuideLine.ask(replica.port(), "INFO", "replication").contains("role:master"));
      }
    }
  }

  @Test
  void theGuideToSentinelRuns() throws Exception {
    try (SpinelReplication store =
        Spinel.replication(2).sentinels(3).password("a-password").start()) {
      int sentinel = store.sentinels().getFirst().port();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(
              () -> GuideLine.ask(sentinel, "INFO", "sentinel").contains("slaves=2,sentinels=3"));
      int primary = store.primary().port();
      for (GuideLine line : GuideLine.code("docs/guides/sentinel.md")) {
        if (!line.isRunnable()) continue;
        line.run(sentinel, text -> text.replace("-p 26379", "-p " + sentinel));
      }
      await().atMost(30, TimeUnit.SECONDS).until(() -> store.primary().port() != primary);
    }
  }

  @Test
  void theGuideToOperationsRuns() throws Exception {
    try (Own servers = new Own(directory)) {
      int port = servers.server("--requirepass", "a-password");
      for (GuideLine line : GuideLine.code("docs/operations.md")) {
        if (line.isRunnable()) line.run(port, Function.identity());
      }
    }
  }

  @Test
  void theGuideToClustersRuns() throws Exception {
    List<GuideLine> lines = GuideLine.code("docs/guides/cluster.md");
    List<String> block = settingsOf(lines, Function.identity());
    assertThat(block).contains("cluster-enabled", "masterauth");
    List<String> options = new ArrayList<>();
    for (int i = 0; i < block.size(); i += 2) {
      if (List.of("appendonly", "cluster-seeds").contains(block.get(i))) continue;
      options.addAll(List.of("--" + block.get(i), block.get(i + 1)));
    }
    Map<String, String> places = new LinkedHashMap<>();
    try (Own servers = new Own(directory)) {
      int[] ports = new int[8];
      for (int i = 0; i < ports.length; i++) {
        ports[i] = servers.server(options.toArray(new String[0]));
        places.put("10.0.0." + (i + 1) + ":6379", "127.0.0.1:" + ports[i]);
      }
      places.put("-h 10.0.0.1", "-p " + ports[0]);
      places.put("ID-OF-THE-SEVENTH", GuideLine.ask(ports[6], "CLUSTER", "MYID"));
      places.put("ID-OF-THE-EIGHTH", GuideLine.ask(ports[7], "CLUSTER", "MYID"));
      Function<String, String> here =
          text -> {
            String placed = text;
            for (var e : places.entrySet()) placed = placed.replace(e.getKey(), e.getValue());
            // 4096 slots on their way take longer than a test may: what would move is shown
            if (text.contains("rebalance")) placed += " --cluster-simulate";
            return placed;
          };
      for (GuideLine line : lines) {
        if (!line.isRunnable()) continue;
        boolean failover = line.text().endsWith("cluster failover");
        if (line.text().matches("spinel cluster .* (grow|shrink) .*"))
          continue; // they move slots, too
        line.run(failover ? replicaOf(ports) : ports[0], here);
        settle(ports);
      }
      assertThat(GuideLine.ask(ports[0], "CLUSTER", "INFO")).contains("cluster_known_nodes:6\r");
    }
  }

  private static int replicaOf(int[] ports) throws IOException {
    for (int port : ports) {
      String info = GuideLine.ask(port, "INFO", "replication");
      if (info.contains("role:slave") && info.contains("master_link_status:up")) return port;
    }
    throw new AssertionError("no replica is linked");
  }

  /// Waits until all nodes know the same ones, and find that the cluster serves.
  private static void settle(int[] ports) {
    await()
        .atMost(60, TimeUnit.SECONDS)
        .until(
            () -> {
              Set<String> seen = new HashSet<>();
              for (int port : ports) {
                String nodes = GuideLine.ask(port, "CLUSTER", "NODES");
                if (nodes.lines().count() == 1) continue; // not in it, or not any more
                if (nodes.contains("handshake") || nodes.contains("fail")) return false;
                if (!GuideLine.ask(port, "CLUSTER", "INFO").contains("cluster_state:ok"))
                  return false;
                String info = GuideLine.ask(port, "INFO", "replication");
                if (info.contains("master_link_status:down")) return false;
                seen.add(nodes.lines().map(l -> l.split(" ")[0]).sorted().toList().toString());
              }
              return seen.size() == 1;
            });
  }
}
