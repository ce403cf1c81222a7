package dev.spinel.sentinel;

import dev.spinel.peer.Address;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.peer.SimNetwork;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

/// Plays scripts on Sentinels and toy servers in a simulated network: a line says what happens, and
/// under it stands what all logs said meanwhile, with the milliseconds since the line began. Ids
/// are written as the names of their Sentinels, other ids as `ID`.
///
/// ```
/// start sentinels=3 servers=3 quorum=2 [down-after=2000 …]   s0 to s2 watch r0, followed by r1, r2
/// form …                                                     the same, and nothing of it is told
/// directive failover-timeout m 5000                          before that: for all Sentinels
/// run 3000 · quietly 3000           time goes on, in milliseconds; the second tells nothing
/// s0 sentinel ckquorum m            a command, and its reply
/// kill r0 · start r0 · pause r0 · go-on r0 · part a b · isolate a · heal
/// r1 priority=50 · offset=1000 · incomplete · loads · stubborn · stuck · foreign · follows r2 · leads
/// s0 clock 5000 · disk full · disk well · dies · file · script 1 ends 0 · script 1 dies 9
/// move r0 r9                        it is down; its name means another host from now on
/// show                              each server's role, and where each Sentinel knows the primary
/// ```
final class SentinelPlayer implements Function<String, List<String>> {
  private static final Pattern ID = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern TIMED =
      Pattern.compile(
          "(last-(?:ping-sent|ok-ping-reply|ping-reply|hello-message)|s-down-time|o-down-time"
              + "|info-refresh|role-reported-time|link-pending-commands): \\d+");

  private final SimNetwork network = new SimNetwork(1, SimNetwork.Conditions.GOOD);
  private final Map<String, ToyRedis> servers = new LinkedHashMap<>();
  private final Map<String, ToySentinel> sentinels = new LinkedHashMap<>();
  private final Map<String, Requests> clients = new HashMap<>();
  private final List<String> directives = new ArrayList<>();
  private final Map<String, String> ids = new LinkedHashMap<>();
  private final List<String> out = new ArrayList<>();
  private ToySentinel.Ledger ledger = new ToySentinel.Ledger(0, List.of());

  @Override
  public List<String> apply(String line) {
    out.clear();
    int told = ledger.story.size();
    long began = network.now();
    String[] words = line.split(" ");
    switch (words[0]) {
      case "directive" -> directives.add(line.substring("directive ".length()));
      case "start", "form" -> start(words);
      case "run", "quietly" -> network.run(Long.parseLong(words[1]));
      case "kill" -> kill(words[1]);
      case "pause" -> network.host(words[1]).pause();
      case "go-on" -> network.host(words[1]).goOn();
      case "part" -> network.part(words[1], words[2]);
      case "isolate" -> network.isolate(words[1]);
      case "heal" -> network.heal();
      case "move" -> servers.get(words[1]).moveTo(words[2]);
      case "show" -> show();
      default -> {
        if (servers.containsKey(words[0])) {
          server(servers.get(words[0]), Arrays.copyOfRange(words, 1, words.length));
        } else {
          sentinel(words[0], Arrays.copyOfRange(words, 1, words.length));
        }
      }
    }
    for (ToySentinel each : sentinels.values()) {
      ids.put(each.machine.id, each.name);
    }
    List<String> lines = new ArrayList<>();
    List<String> story = ledger.story;
    for (String said : story.subList(Math.min(told, story.size()), story.size())) {
      int space = said.indexOf(' ');
      lines.add("+" + (Long.parseLong(said.substring(0, space)) - began) + said.substring(space));
    }
    if (!words[0].equals("quietly") && !words[0].equals("form")) {
      out.addAll(0, lines);
    }
    out.replaceAll(this::readable);
    return out;
  }

  private String readable(String line) {
    String text = line;
    for (Map.Entry<String, String> id : ids.entrySet()) {
      text = text.replace(id.getKey(), id.getValue());
    }
    text = ID.matcher(text).replaceAll("ID");
    text = text.replaceAll("(I will not start a failover before) .*", "$1 …"); // a local time
    return TIMED.matcher(text).replaceAll("$1: …");
  }

  private void start(String[] words) {
    if (words.length == 2) {
      if (servers.containsKey(words[1])) {
        servers.get(words[1]).restart();
      } else {
        clients.remove(words[1]);
        sentinels.get(words[1]).restart();
      }
      return;
    }
    Map<String, String> how = new LinkedHashMap<>();
    for (String word : Arrays.asList(words).subList(1, words.length)) {
      how.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
    }
    int count = Integer.parseInt(how.getOrDefault("sentinels", "3"));
    List<ToyRedis> all = new ArrayList<>();
    ledger = new ToySentinel.Ledger(count, all);
    for (int i = 0; i < Integer.parseInt(how.getOrDefault("servers", "3")); i++) {
      ToyRedis server = new ToyRedis(network, "r" + i, i == 0 ? null : "r0");
      servers.put(server.name, server);
      all.add(server);
    }
    network.run(1000);
    for (int i = 0; i < count; i++) {
      List<String> lines =
          new ArrayList<>(
              List.of(
                  "sentinel resolve-hostnames yes",
                  "sentinel announce-hostnames yes",
                  "sentinel monitor m r0 6379 " + how.getOrDefault("quorum", "2"),
                  "sentinel down-after-milliseconds m " + how.getOrDefault("down-after", "2000"),
                  "sentinel announce-ip s" + i));
      directives.forEach(each -> lines.add("sentinel " + each));
      sentinels.put("s" + i, new ToySentinel(network, "s" + i, ledger, lines));
      network.run(100);
    }
    network.run(15_000);
  }

  /// Its connections end, as the system closes them.
  private void kill(String name) {
    for (String other : servers.keySet()) {
      network.breakLinks(name, other);
    }
    for (String other : sentinels.keySet()) {
      network.breakLinks(name, other);
    }
    ToyRedis server = servers.get(name);
    if (server == null) {
      sentinels.get(name).crashNow();
    } else {
      server.crash();
    }
  }

  private void server(ToyRedis server, String[] words) {
    for (String word : words) {
      String value = word.substring(word.indexOf('=') + 1);
      switch (word.replaceAll("=.*", "")) {
        case "priority" -> server.priority = Integer.parseInt(value);
        case "offset" -> server.offset = Long.parseLong(value);
        case "incomplete" -> server.isWhole = false;
        case "complete" -> server.isWhole = true;
        case "loads" -> server.isLoading = true;
        case "stubborn" -> server.isStubborn = true;
        case "willing" -> server.isStubborn = false;
        case "stuck" -> server.isStuck = true;
        case "fluent" -> server.isStuck = false;
        case "foreign" -> server.forget();
        case "leads" -> server.follow(null);
        case "follows" -> server.follow(new Address(words[words.length - 1], ToyRedis.PORT));
        default -> {
          if (!words[0].equals("follows")) {
            throw new IllegalArgumentException("no such line: " + word);
          }
        }
      }
    }
  }

  private void sentinel(String name, String[] words) {
    ToySentinel sentinel = sentinels.get(name);
    if (sentinel == null) {
      throw new IllegalArgumentException("no such line: " + name);
    }
    switch (words[0]) {
      case "clock" -> sentinel.clockOffset += Long.parseLong(words[1]);
      case "disk" -> sentinel.diskFails = words[1].equals("full");
      case "dies" -> sentinel.dies = true;
      case "file" -> out.addAll(sentinel.file());
      case "script" -> {
        int number = Integer.parseInt(words[3]);
        boolean signal = words[2].equals("dies");
        sentinel.tell(
            new SentinelEvent.ScriptEnded(
                Integer.parseInt(words[1]), signal ? 0 : number, signal ? number : 0));
      }
      default -> ask(name, words);
    }
  }

  private void ask(String name, String[] words) {
    Requests client = clients.get(name);
    if (client == null || !client.isOpen()) {
      client = new Requests(network.host("client"), ReplyReader.ReplyLimits.USUAL);
      client.dial(new Address(name, ToySentinel.PORT), new Peers.Dialling(1000));
      clients.put(name, client);
    }
    List<RespValue> replies = new ArrayList<>();
    client.ask(
        5000,
        new Requests.Answer() {
          @Override
          public void replied(RespValue reply) {
            replies.add(reply);
          }

          @Override
          public void failed(String reason) {
            replies.add(new RespValue.Simple("(" + reason + ")"));
          }
        },
        words);
    network.runUntil(() -> !replies.isEmpty(), 6000);
    for (RespValue reply : replies) {
      tell(reply, "");
    }
  }

  private void tell(RespValue reply, String indent) {
    if (!(reply instanceof RespValue.Array array)) {
      String text = reply.isNil() ? "(nil)" : String.valueOf(reply.text());
      text.strip().lines().forEach(line -> out.add(indent + (reply.isError() ? "-" : "") + line));
      return;
    }
    List<RespValue> all = array.elements();
    boolean flat = all.stream().noneMatch(each -> each instanceof RespValue.Array);
    if (all.isEmpty()) {
      out.add(indent + "(none)");
    } else if (flat && all.size() < 6) {
      out.add(indent + String.join(" ", all.stream().map(RespValue::text).toList()));
    } else if (flat) {
      for (int i = 0; i + 1 < all.size(); i += 2) {
        out.add(indent + all.get(i).text() + ": " + all.get(i + 1).text());
      }
    } else {
      for (int i = 0; i < all.size(); i++) {
        if (i > 0 && all.get(i) instanceof RespValue.Array) {
          out.add(indent + "·");
        }
        tell(all.get(i), indent);
      }
    }
  }

  private void show() {
    servers.values().forEach(each -> out.add(each.describe()));
    for (ToySentinel each : sentinels.values()) {
      if (!each.isUp()) {
        out.add(each.name + " is down");
        continue;
      }
      WatchedPrimary primary = each.primary();
      out.add(
          each.name
              + " knows "
              + primary.currentAddress().host()
              + ", configuration "
              + primary.configEpoch
              + ", epoch "
              + each.machine.epoch
              + (primary.isFailingOver() ? ", " + primary.state.word() : ""));
    }
  }
}
