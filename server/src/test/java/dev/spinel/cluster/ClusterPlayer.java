package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.peer.SimNetwork;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/// Plays scripts on a cluster in a simulated network: a line says what happens, and under it stands
/// what all logs said meanwhile, with the milliseconds since the line began. Ids are written as the
/// names of their nodes, hosts as `@n0`.
///
/// ```
/// start 6 timeout=1000     n0 to n5 start
/// form 3                   n0 to n2 share the slots, the others are their replicas; logs are quiet
/// n0 cluster meet n1       a command, and its reply
/// n0 set NAME VALUE        a setting that is changed
/// n0 silent · n0 speaks    its data stands still, and goes on
/// run 3000                 time goes on, in milliseconds
/// kill n0 · power-cut n0 · start n0 [moved] [empty] · pause n0 · go-on n0
/// part n0 n1 · isolate n0 · heal
/// show                     each node's role, slots, epoch, and whether it takes writes
/// ```
final class ClusterPlayer implements Function<String, List<String>> {
  private final SimCluster cluster = new SimCluster(1, SimNetwork.Conditions.GOOD, true);
  private final List<String> out = new ArrayList<>();
  private final Map<String, String> names = new java.util.LinkedHashMap<>();
  private final Map<ToyNode, List<String>> settings = new HashMap<>();
  private long timeout = 1000;

  @Override
  public List<String> apply(String line) {
    out.clear();
    int told = cluster.story.size();
    long began = cluster.network.now();
    String[] words = line.split(" ");
    boolean quiet = false;
    switch (words[0]) {
      case "start" -> start(words);
      case "form" -> {
        cluster.form(Integer.parseInt(words[1]));
        quiet = true;
      }
      case "run" -> cluster.run(Long.parseLong(words[1]));
      case "kill" -> kill(node(words[1]));
      case "power-cut" -> cluster.crash(node(words[1]), true);
      case "pause" -> cluster.host(node(words[1])).pause();
      case "go-on" -> cluster.host(node(words[1])).goOn();
      case "part" ->
          cluster.network.part(cluster.hostName(node(words[1])), cluster.hostName(node(words[2])));
      case "isolate" -> cluster.network.isolate(cluster.hostName(node(words[1])));
      case "heal" -> cluster.network.heal();
      case "write" -> node(words[1]).write(Integer.parseInt(words[2]));
      case "keys" -> node(words[1]).keys().add(Integer.parseInt(words[2]));
      case "offset" -> node(words[1]).setOffset(Long.parseLong(words[2]));
      case "incomplete" -> node(words[1]).setComplete(false);
      case "overlap-allowed" -> cluster.checksOverlap = false;
      case "copy-files" -> node(words[2]).setNodesConf(node(words[1]).nodesConf());
      case "show" -> show();
      default -> ofNode(node(words[0]), Arrays.copyOfRange(words, 1, words.length));
    }
    learnIds();
    if (!quiet) {
      List<String> lines = new ArrayList<>();
      for (String told1 : cluster.story.subList(told, cluster.story.size())) {
        int space = told1.indexOf(' ');
        long at = Long.parseLong(told1.substring(0, space)) - began;
        lines.add("+" + at + told1.substring(space));
      }
      out.addAll(0, lines);
    }
    out.replaceAll(this::readable);
    return out;
  }

  private void start(String[] words) {
    if (words[1].startsWith("n")) {
      ToyNode node = node(words[1]);
      List<String> how = Arrays.asList(words).subList(2, words.length);
      if (how.contains("moved")) {
        cluster.move(node);
      }
      cluster.start(node, how.contains("empty"));
      return;
    }
    for (String word : words) {
      if (word.startsWith("timeout=")) {
        timeout = Long.parseLong(word.substring(8));
      }
    }
    for (int i = Integer.parseInt(words[1]); i > 0; i--) {
      cluster.add(SimCluster.policy(timeout, List.of()));
    }
  }

  /// Its connections end, as the system closes them.
  private void kill(ToyNode node) {
    for (ToyNode other : cluster.nodes) {
      cluster.network.breakLinks(cluster.hostName(node), cluster.hostName(other));
    }
    cluster.crash(node, false);
  }

  private ToyNode node(String name) {
    return cluster.nodes.stream()
        .filter(node -> node.name.equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no such line: " + name));
  }

  private void learnIds() {
    for (ToyNode node : cluster.nodes) {
      if (node.isRunning()) {
        names.put(node.id(), node.name);
      }
      names.put(cluster.hostName(node), "@" + node.name);
    }
  }

  private void ofNode(ToyNode node, String[] words) {
    switch (words[0]) {
      case "cluster" -> {
        String[] arguments = Arrays.copyOfRange(words, 1, words.length);
        for (int i = 0; i < arguments.length; i++) {
          arguments[i] = argument(arguments[i]);
        }
        if (arguments[0].equals("meet") && arguments.length == 2) {
          arguments = new String[] {"meet", arguments[1], Integer.toString(SimCluster.PORT)};
        }
        long client = node.ask(arguments);
        cluster.run(10);
        String reply = node.reply(client);
        out.add(reply == null ? "(no reply yet)" : reply.strip());
      }
      case "nodes" -> out.addAll(node.view().nodesText().lines().toList());
      case "info" ->
          out.addAll(
              node.view().infoText().lines().filter(line -> !line.contains("_messages_")).toList());
      case "shards" ->
          node.view().shards().forEach(shard -> out.add(shard.slots() + " " + ids(shard.nodes())));
      case "file" ->
          out.addAll(
              new String(node.nodesConf(), java.nio.charset.StandardCharsets.ISO_8859_1)
                  .lines()
                  .toList());
      case "set" -> {
        List<String> all = settings.computeIfAbsent(node, any -> new ArrayList<>());
        all.addAll(List.of(words[1], words[2]));
        node.configure(policy(all));
      }
      case "silent", "speaks" -> node.step(new ClusterEvent.Silenced(words[0].equals("silent")));
      case "publish" -> {
        node.publish(words[1], words[2], words.length > 3);
        cluster.run(10);
        for (ToyNode other : cluster.nodes) {
          if (!other.delivered.isEmpty()) {
            out.add(other.name + " has " + other.delivered);
            other.delivered.clear();
          }
        }
      }
      default -> throw new IllegalArgumentException("no such line: " + words[0]);
    }
  }

  private ClusterPolicy policy(List<String> settings) {
    List<String> all = new ArrayList<>(List.of("cluster-node-timeout", "" + timeout));
    all.addAll(List.of("repl-ping-replica-period", "1"));
    all.addAll(settings);
    return ClusterPolicy.of(Config.of(all.toArray(String[]::new)), SimCluster.BUS);
  }

  private static String ids(List<NodeView> nodes) {
    return String.join(" ", nodes.stream().map(NodeView::id).toList());
  }

  /// `n3` is its id, `@n3` its host.
  private String argument(String word) {
    if (word.matches("@n\\d+")) {
      return cluster.hostName(node(word.substring(1)));
    }
    return word.matches("n\\d+") ? node(word).id() : word;
  }

  private void show() {
    for (ToyNode node : cluster.nodes) {
      if (!node.isRunning()) {
        out.add(node.name + " is down");
        continue;
      }
      ClusterView view = node.view();
      NodeView myself = view.myself();
      String role =
          myself.isReplica()
              ? "replica of " + myself.primary()
              : String.format(
                  Locale.ROOT,
                  "primary of %s, epoch %d",
                  myself.slots().isEmpty() ? "nothing" : myself.slots(),
                  myself.configEpoch());
      int slot = myself.slots().next(0);
      String failed = ids(view.nodes().stream().filter(other -> other.hasFailed()).toList());
      String suspected = ids(view.nodes().stream().filter(other -> other.mayHaveFailed()).toList());
      out.add(
          node.name
              + " "
              + (view.isUp() ? "up" : "down")
              + ": "
              + role
              + (slot >= 0 && node.takesWrites(slot) ? ", takes writes" : "")
              + (failed.isEmpty() ? "" : ", fail: " + failed)
              + (suspected.isEmpty() ? "" : ", fail?: " + suspected));
    }
  }

  private String readable(String line) {
    String text = line.replace(" ()", "");
    for (var name : names.entrySet()) {
      text =
          text.replaceAll(
              "(?<![0-9a-z.])" + java.util.regex.Pattern.quote(name.getKey()) + "(?![0-9])",
              name.getValue());
    }
    return text;
  }
}
