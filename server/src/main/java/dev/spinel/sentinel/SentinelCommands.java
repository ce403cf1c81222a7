package dev.spinel.sentinel;

import static dev.spinel.sentinel.Texts.bulk;
import static dev.spinel.sentinel.Texts.error;

import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.Glob;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What clients and other Sentinels ask: SENTINEL with all its subcommands, PUBLISH of hellos,
/// ROLE, and the section of INFO.
final class SentinelCommands {
  private static final Map<String, Integer> ARITIES = arities();

  private final SentinelMachine machine;
  private final SentinelOptions options;

  SentinelCommands(SentinelMachine machine) {
    this.machine = machine;
    this.options = new SentinelOptions(machine);
  }

  private static Map<String, Integer> arities() {
    Map<String, Integer> arities = new LinkedHashMap<>();
    arities.put("ckquorum", 3);
    arities.put("config", -4);
    arities.put("debug", -2);
    arities.put("failover", -3);
    arities.put("flushconfig", 2);
    arities.put("get-master-addr-by-name", 3);
    arities.put("help", 2);
    arities.put("info-cache", -3);
    arities.put("is-master-down-by-addr", 6);
    arities.put("master", 3);
    arities.put("masters", 2);
    arities.put("monitor", 6);
    arities.put("myid", 2);
    arities.put("pending-scripts", 2);
    arities.put("remove", 3);
    arities.put("replicas", 3);
    arities.put("reset", 3);
    arities.put("sentinels", 3);
    arities.put("set", -5);
    arities.put("simulate-failure", -3);
    arities.put("slaves", 3);
    return arities;
  }

  void asked(long client, List<String> words) {
    RespValue reply;
    try {
      reply =
          switch (words.getFirst().toLowerCase(Locale.ROOT)) {
            case "sentinel" -> sentinel(client, words);
            case "publish" -> publish(words);
            case "role" -> role();
            default -> error("ERR unknown command");
          };
    } catch (SentinelError e) {
      reply = error(e.text());
    }
    if (reply != null) {
      machine.reply(client, reply);
    }
  }

  private RespValue publish(List<String> words) {
    if (!words.get(1).equals(Hello.CHANNEL)) {
      return error("ERR Only HELLO messages are accepted by Sentinel instances.");
    }
    machine.hellos.take(words.get(2));
    return new RespValue.Int(1);
  }

  private RespValue role() {
    List<RespValue> names = machine.primaries.keySet().stream().map(Texts::bulk).toList();
    return new RespValue.Array(List.of(bulk("sentinel"), new RespValue.Array(names)));
  }

  /// Null if the reply comes otherwise.
  private @Nullable RespValue sentinel(long client, List<String> words) {
    if (words.size() < 2) {
      return error("ERR wrong number of arguments for 'sentinel' command");
    }
    String name = words.get(1).toLowerCase(Locale.ROOT);
    Integer arity = ARITIES.get(name);
    if (arity == null) {
      String shown = words.get(1).substring(0, Math.min(128, words.get(1).length()));
      return error("ERR unknown subcommand '" + shown + "'. Try SENTINEL HELP.");
    }
    boolean fits = arity >= 0 ? words.size() == arity : words.size() >= -arity;
    if (!fits || (name.equals("failover") && words.size() > 4)) {
      return error("ERR wrong number of arguments for 'sentinel|" + name + "' command");
    }
    switch (name) {
      case "masters" -> {
        return all(machine.primaries.values());
      }
      case "master" -> {
        return describe(primary(words.get(2)));
      }
      case "slaves", "replicas" -> {
        return all(
            primary(words.get(2)).replicas.values().stream()
                .filter(replica -> replica.isAnnounced)
                .toList());
      }
      case "sentinels" -> {
        return all(primary(words.get(2)).sentinels.values());
      }
      case "myid" -> {
        return bulk(machine.id);
      }
      case "is-master-down-by-addr" -> {
        return isDown(client, words);
      }
      case "reset" -> {
        return reset(words.get(2));
      }
      case "get-master-addr-by-name" -> {
        WatchedPrimary primary = machine.primaries.get(words.get(2));
        if (primary == null) {
          return new RespValue.Nil();
        }
        SentinelAddress at = primary.currentAddress();
        return new RespValue.Array(List.of(bulk(machine.shown(at)), bulk(at.port())));
      }
      case "failover" -> {
        return failover(client, words);
      }
      case "pending-scripts" -> {
        return machine.scripts.reply(machine.now());
      }
      case "monitor" -> {
        return monitor(client, words);
      }
      case "flushconfig" -> {
        save(client);
        return null;
      }
      case "remove" -> {
        WatchedPrimary primary = primary(words.get(2));
        machine.event(Level.WARNING, "-monitor", primary, "");
        machine.remove(primary);
        save(client);
        return null;
      }
      case "ckquorum" -> {
        return checkQuorum(primary(words.get(2)));
      }
      case "set" -> {
        return options.set(client, primary(words.get(2)), words.subList(3, words.size()));
      }
      case "config" -> {
        return options.config(client, words);
      }
      case "info-cache" -> {
        return infoCache(words.subList(2, words.size()));
      }
      case "simulate-failure" -> {
        return simulateFailure(words.subList(2, words.size()));
      }
      case "debug" -> {
        if (words.size() == 2) {
          List<RespValue> map = new ArrayList<>();
          machine
              .periods
              .all()
              .forEach(
                  (period, millis) -> {
                    map.add(bulk(period));
                    map.add(bulk(millis));
                  });
          return new RespValue.Map(map);
        }
        String wrong = machine.periods.set(words.subList(2, words.size()));
        return wrong == null ? Texts.OK : error(wrong);
      }
      default -> {
        return help();
      }
    }
  }

  private WatchedPrimary primary(String name) {
    WatchedPrimary primary = machine.primaries.get(name);
    if (primary == null) {
      throw new SentinelError("ERR No such master with that name");
    }
    return primary;
  }

  /// Saves, and replies whether it has worked.
  void save(long client) {
    machine.save();
    machine.act(
        new SentinelAction.ReplyIfSaved(
            client, Texts.OK, error("ERR Failed to save config file. Check server logs.")));
  }

  // ── the subcommands ──

  private @Nullable RespValue isDown(long client, List<String> words) {
    Long port = Texts.number(words.get(3));
    Long epoch = Texts.number(words.get(4));
    if (port == null || epoch == null) {
      return error("ERR value is not an integer or out of range");
    }
    WatchedPrimary primary = null;
    SentinelAddress at =
        port < 0 || port > 65535
            ? null
            : machine.addressOrNull(words.get(2), port.intValue(), true);
    for (WatchedPrimary each : machine.primaries.values()) {
      if (at != null && each.address.isSame(at)) {
        primary = each;
        break;
      }
    }
    boolean down = primary != null && primary.isDown && !machine.isTilted;
    if (primary == null || words.get(5).equals("*")) {
      return answer(down, null, 0);
    }
    boolean saves = machine.leadership.vote(primary, epoch, words.get(5));
    if (primary.voteIsUnsaved && !saves) {
      machine.save(); // the last time it didn't work
    }
    RespValue vote = answer(down, primary.leader, primary.leaderEpoch);
    if (!saves && !primary.voteIsUnsaved) {
      return vote;
    }
    machine.act(new SentinelAction.ReplyIfSaved(client, vote, answer(down, null, 0)));
    return null;
  }

  private static RespValue answer(boolean down, @Nullable String leader, long epoch) {
    return new RespValue.Array(
        List.of(
            new RespValue.Int(down ? 1 : 0),
            bulk(leader == null ? "*" : leader),
            new RespValue.Int(epoch)));
  }

  private RespValue reset(String pattern) {
    int reset = 0;
    for (WatchedPrimary primary : machine.primaries.values()) {
      if (Glob.matches(Texts.bytes(pattern), Texts.bytes(primary.name))) {
        machine.reset(primary, false);
        machine.event(Level.WARNING, "+reset-master", primary, "");
        reset++;
      }
    }
    return new RespValue.Int(reset);
  }

  private @Nullable RespValue failover(long client, List<String> words) {
    WatchedPrimary primary = primary(words.get(2));
    boolean coordinated = words.size() == 4;
    if (coordinated && !words.get(3).equalsIgnoreCase("coordinated")) {
      return error("ERR syntax error");
    }
    if (primary.isFailingOver()) {
      return error("INPROG Failover already in progress");
    }
    if (machine.failover.select(primary) == null) {
      return error("NOGOODSLAVE No suitable replica to promote");
    }
    if (coordinated && (primary.isDown || primary.link.isDisconnected)) {
      return error("MASTERDOWN The master can't hand over, as it doesn't answer");
    }
    machine.log(Level.NOTICE, "Executing user requested FAILOVER of '" + primary.name + "'");
    machine.failover.start(primary);
    primary.isForced = true;
    primary.isCoordinated = coordinated;
    if (coordinated) {
      primary.coordinatedFor = client;
    }
    machine.act(primary);
    return coordinated ? null : Texts.OK;
  }

  private @Nullable RespValue monitor(long client, List<String> words) {
    Long quorum = Texts.number(words.get(5));
    Long port = Texts.number(words.get(4));
    if (quorum == null) {
      return error("ERR Invalid quorum");
    }
    if (port == null) {
      return error("ERR Invalid port");
    }
    if (quorum <= 0) {
      return error("ERR Quorum must be 1 or greater.");
    }
    if (machine.ip(words.get(3)) == null) {
      return error("ERR Invalid IP address or hostname specified");
    }
    int number = port < 0 || port > 65535 ? -1 : port.intValue();
    WatchedPrimary primary;
    try {
      primary =
          machine.addPrimary(
              words.get(2), words.get(3), number, (int) Math.min(quorum, Integer.MAX_VALUE));
    } catch (SentinelError e) {
      return error("ERR " + e.text());
    }
    save(client);
    machine.event(Level.WARNING, "+monitor", primary, " quorum " + primary.quorum);
    return null;
  }

  private RespValue checkQuorum(WatchedPrimary primary) {
    int usable = primary.usable();
    boolean quorum = usable >= primary.quorum;
    boolean majority = usable >= primary.voters() / 2 + 1;
    if (quorum && majority) {
      String lack = SentinelMachine.lack(primary);
      return new RespValue.Simple(
          "OK "
              + usable
              + " usable Sentinels. Quorum and failover authorization can be reached"
              + (lack.isEmpty() ? "" : ". Too few Sentinels: " + lack));
    }
    return error(
        "NOQUORUM "
            + usable
            + " usable Sentinels. "
            + (quorum
                ? ""
                : "Not enough available Sentinels to reach the specified quorum for this master")
            + (quorum || majority ? "" : ". ")
            + (majority
                ? ""
                : "Not enough available Sentinels to reach the majority and authorize a"
                    + " failover"));
  }

  private RespValue infoCache(List<String> names) {
    List<RespValue> all = new ArrayList<>();
    for (WatchedPrimary primary : machine.primaries.values()) {
      if (names.contains(primary.name)) {
        List<RespValue> infos = new ArrayList<>();
        infos.add(cached(primary));
        primary.replicas.values().forEach(replica -> infos.add(cached(replica)));
        all.add(bulk(primary.name));
        all.add(new RespValue.Array(infos));
      }
    }
    return new RespValue.Array(all);
  }

  private RespValue cached(WatchedServer server) {
    return new RespValue.Array(
        List.of(
            new RespValue.Int(server.infoAt == 0 ? 0 : machine.now() - server.infoAt),
            server.info == null ? new RespValue.Nil() : bulk(server.info)));
  }

  private RespValue simulateFailure(List<String> words) {
    machine.crashesElected = false;
    machine.crashesPromoted = false;
    for (String word : words) {
      switch (word.toLowerCase(Locale.ROOT)) {
        case "crash-after-election" -> {
          machine.crashesElected = true;
          machine.log(
              Level.WARNING,
              "Failure simulation: this Sentinel will crash after being successfully elected as"
                  + " failover leader");
        }
        case "crash-after-promotion" -> {
          machine.crashesPromoted = true;
          machine.log(
              Level.WARNING,
              "Failure simulation: this Sentinel will crash after promoting the selected replica"
                  + " to master");
        }
        case "help" -> {
          return new RespValue.Array(
              List.of(bulk("crash-after-election"), bulk("crash-after-promotion")));
        }
        default -> {
          return error("ERR Unknown failure simulation specified");
        }
      }
    }
    return Texts.OK;
  }

  private static RespValue help() {
    List<RespValue> lines = new ArrayList<>();
    for (String line : HELP.split("\n", -1)) {
      lines.add(new RespValue.Simple(line));
    }
    return new RespValue.Array(lines);
  }

  private static final String HELP =
      """
      SENTINEL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
      CKQUORUM <master-name>
          Whether enough Sentinels answer to agree on a failover and to authorize it.
      CONFIG GET <param> [<param> ...]
          Show settings of this Sentinel.
      CONFIG SET <param> <value> [<param> <value> ...]
          Change settings of this Sentinel.
      DEBUG [<param> <value> ...]
          Show the periods that this Sentinel works with, in milliseconds, or change them.
      FAILOVER <master-name> [COORDINATED]
          Promote a replica without asking other Sentinels. COORDINATED: the master hands over.
      FLUSHCONFIG
          Write the configuration file, with the state of now.
      GET-MASTER-ADDR-BY-NAME <master-name>
          Where a master is.
      HELP
          Print this help.
      INFO-CACHE <master-name> [<master-name> ...]
          The last INFO of a master and its replicas.
      IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>
          Whether this Sentinel holds a master for down; with a run id, ask for its vote.
      MASTER <master-name>
          The state of a master.
      MASTERS
          The states of all masters.
      MONITOR <name> <ip> <port> <quorum>
          Begin to watch a master.
      MYID
          The id of this Sentinel.
      PENDING-SCRIPTS
          Scripts that run or are going to.
      REMOVE <master-name>
          Stop watching a master.
      REPLICAS <master-name>
          The states of a master's replicas.
      RESET <pattern>
          Forget what was learnt of the masters whose names match.
      SENTINELS <master-name>
          The states of the other Sentinels that watch a master.
      SET <master-name> <option> <value> [<option> <value> ...]
          Change settings of a master.
      SIMULATE-FAILURE [CRASH-AFTER-ELECTION] [CRASH-AFTER-PROMOTION] [HELP]
          Have this Sentinel crash at a certain point of a failover.\
      """;

  // ── states ──

  private RespValue all(Collection<? extends WatchedNode> nodes) {
    return new RespValue.Array(nodes.stream().map(this::describe).toList());
  }

  private RespValue describe(WatchedNode node) {
    return new NodeDescription(machine, node).reply();
  }

  String info(long now) {
    StringBuilder out = new StringBuilder("# Sentinel\r\n");
    out.append("sentinel_masters:").append(machine.primaries.size()).append("\r\n");
    out.append("sentinel_tilt:").append(machine.isTilted ? 1 : 0).append("\r\n");
    out.append("sentinel_tilt_since_seconds:")
        .append(machine.isTilted ? (now - machine.tiltedAt) / 1000 : -1)
        .append("\r\n");
    out.append("sentinel_running_scripts:").append(machine.scripts.running()).append("\r\n");
    out.append("sentinel_scripts_queue_length:").append(machine.scripts.size()).append("\r\n");
    out.append("sentinel_simulate_failure_flags:")
        .append((machine.crashesElected ? 1 : 0) + (machine.crashesPromoted ? 2 : 0))
        .append("\r\n");
    int i = 0;
    for (WatchedPrimary primary : machine.primaries.values()) {
      out.append("master").append(i++).append(":name=").append(primary.name);
      out.append(",status=")
          .append(primary.isAgreedDown ? "odown" : primary.isDown ? "sdown" : "ok");
      out.append(",address=").append(machine.shown(primary.address));
      out.append(':').append(primary.address.port());
      out.append(",slaves=").append(primary.replicas.size());
      out.append(",sentinels=").append(primary.voters()).append("\r\n");
    }
    return out.toString();
  }
}
