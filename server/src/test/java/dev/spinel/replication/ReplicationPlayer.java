package dev.spinel.replication;

import dev.spinel.peer.Address;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/// Plays scripts on one [ReplicationMachine]: a line becomes an event, its actions become lines.
/// What a shell would do is reduced to a few numbers: how long the stream is, and what of it is
/// kept.
///
/// Ids are `aaaa…`, `bbbb…`, in the order in which the machine takes them; scripts write `a*` for
/// the first one.
final class ReplicationPlayer implements Function<String, List<String>> {
  private final List<String> out = new ArrayList<>();
  private final Map<String, String> policy = new TreeMap<>();
  private final ReplicationMachine machine;
  private char nextId = 'a';
  private long now = 1_000_000_000_000L;
  private long last;
  private long first = 1;
  private boolean isEmpty;
  private int attempt;

  ReplicationPlayer() {
    machine =
        new ReplicationMachine(
            ReplicationPolicy.DEFAULT,
            new ReplicationMachine.Offsets() {
              @Override
              public long last() {
                return last;
              }

              @Override
              public long first() {
                return first;
              }

              @Override
              public boolean isEmpty() {
                return isEmpty;
              }

              @Override
              public long keys(int database) {
                return isEmpty ? 0 : 100;
              }
            },
            () -> String.valueOf(nextId++).repeat(40));
  }

  ReplicationMachine machine() {
    return machine;
  }

  @Override
  public List<String> apply(String line) {
    out.clear();
    String[] words = line.split(" ");
    String rest = line.contains(" ") ? line.substring(line.indexOf(' ') + 1) : "";
    if (words[0].matches("\\d+")) {
      ofReplica(Long.parseLong(words[0]), rest.split(" "));
    } else {
      ofServer(words[0], rest, rest.split(" "));
    }
    return out;
  }

  private void ofServer(String verb, String rest, String[] words) {
    switch (verb) {
      case "policy" -> configure(words);
      case "replicaof" ->
          step(
              rest.equals("no one")
                  ? new ReplicationEvent.PromotionAsked()
                  : new ReplicationEvent.PrimaryNamed(address(words), "", false));
      case "started" ->
          step(
              new ReplicationEvent.Started(
                  words[0].equals("primary") ? null : address(words),
                  words.length > 3 ? id(words[2]) : "",
                  words.length > 3 ? Long.parseLong(words[3]) : -1,
                  !words[words.length - 1].equals("incomplete")));
      case "seconds" -> {
        for (int i = 1; i <= Integer.parseInt(words[0]); i++) {
          now += 1000;
          int before = out.size();
          step(new ReplicationEvent.Second());
          for (int j = before; j < out.size() && Integer.parseInt(words[0]) > 1; j++) {
            out.set(j, "after " + i + ": " + out.get(j));
          }
        }
      }
      case "unread-seconds" -> {
        for (int i = 0; i < Integer.parseInt(words[0]); i++) {
          now += 1000;
          step(new ReplicationEvent.PrimaryUnread());
          step(new ReplicationEvent.Second());
        }
      }
      case "failover" -> failover(words);
      case "save" ->
          step(
              new ReplicationEvent.SaveRuns(
                  ReplicationEvent.Save.valueOf(words[0].toUpperCase(java.util.Locale.ROOT))));
      case "write" -> last += machine.hasBacklog() ? Long.parseLong(words[0]) : 0;
      case "empty" -> isEmpty = true;
      case "keeps-from" -> first = Long.parseLong(words[0]);

      case "connected" -> step(new ReplicationEvent.Connected(attempt));
      case "<" -> receive(rest + "\r\n");
      case "<<" -> receive(rest.replace("\\n", "\n").replace("\\r", "\r").replace("\\0", "\0"));
      case "lost" -> step(new ReplicationEvent.LinkEnded(attempt, rest));
      case "lost-before" -> step(new ReplicationEvent.LinkEnded(attempt - 1, rest));
      case "payload-failed" -> step(new ReplicationEvent.PayloadFailed(rest));
      case "world-stopped" -> step(new ReplicationEvent.WorldStopped());
      case "loaded" -> step(new ReplicationEvent.Loaded());
      case "load-failed" -> step(new ReplicationEvent.LoadFailed(rest, rest, false));
      case "load-failed-before" -> step(new ReplicationEvent.LoadFailed(rest, rest, true));
      case "applied" -> {
        last = Long.parseLong(rest);
        step(new ReplicationEvent.Applied(last));
      }
      case "fsynced" -> step(new ReplicationEvent.Fsynced(Long.parseLong(rest)));
      case "getack" -> step(new ReplicationEvent.AckAsked());
      case "stream-failed" -> step(new ReplicationEvent.StreamFailed(rest));

      case "sync-began" -> step(new ReplicationEvent.SyncBegan(last));
      case "sync-refused" -> step(new ReplicationEvent.SyncRefused());
      case "sync-ended" -> step(new ReplicationEvent.SyncEnded(rest.equals("ok")));
      case "show" -> show();
      default -> throw new IllegalArgumentException("no such line: " + verb + " " + rest);
    }
  }

  private void failover(String[] words) {
    if (words[0].equals("abort")) {
      step(new ReplicationEvent.FailoverAborted(1));
      return;
    }
    Address target = null;
    long timeout = 0;
    for (int i = 0; i < words.length; i++) {
      switch (words[i]) {
        case "to" -> target = new Address(words[i + 1], Integer.parseInt(words[i + 2]));
        case "timeout" -> timeout = Long.parseLong(words[i + 1]);
        default -> {}
      }
    }
    boolean forced = Arrays.asList(words).contains("force");
    step(new ReplicationEvent.FailoverAsked(1, target, forced, timeout));
  }

  private void ofReplica(long client, String[] words) {
    String host = "10.0.0." + client;
    List<String> arguments = Arrays.asList(words).subList(1, words.length);
    switch (words[0]) {
      case "replconf" -> step(new ReplicationEvent.Conf(client, host, arguments));
      case "sync" -> step(new ReplicationEvent.Sync(client, host));
      case "psync" ->
          step(
              new ReplicationEvent.Psync(
                  client,
                  host,
                  id(words[1]),
                  words[2].equals("x") ? null : Long.valueOf(words[2]),
                  words.length > 3 ? "client " + client : null));
      case "alive" -> step(new ReplicationEvent.Alive(client));
      case "gone" -> step(new ReplicationEvent.ReplicaGone(client));
      case "transferred" -> step(new ReplicationEvent.Transferred(client));
      case "transfer-failed" ->
          step(new ReplicationEvent.TransferFailed(client, String.join(" ", arguments)));
      case "pending" -> step(pending(client, words));
      default -> throw new IllegalArgumentException("no such line: " + words[0]);
    }
  }

  /// `pending 10`: of its copy; `pending stream 10`: of the stream, `pending stream lost`.
  private static ReplicationEvent.Pending pending(long client, String[] words) {
    if (!words[1].equals("stream")) {
      return new ReplicationEvent.Pending(client, Long.parseLong(words[1]), 0);
    }
    return words[2].equals("lost")
        ? ReplicationEvent.Pending.lost(client)
        : new ReplicationEvent.Pending(client, 0, Long.parseLong(words[2]));
  }

  private static Address address(String[] words) {
    return new Address(words[0], Integer.parseInt(words[1]));
  }

  /// `a*` is forty times a.
  private static String id(String text) {
    return text.length() == 2 && text.endsWith("*") ? text.substring(0, 1).repeat(40) : text;
  }

  private static String shortened(String text) {
    return text.replaceAll("(\\w)\\1{39}", "$1*");
  }

  private void receive(String text) {
    byte[] bytes =
        text.replaceAll("\\b(\\w)\\*", "$1".repeat(40)).getBytes(StandardCharsets.ISO_8859_1);
    step(new ReplicationEvent.Received(attempt, bytes, 0, bytes.length));
  }

  private void configure(String[] words) {
    for (String word : words) {
      policy.put(word.split("=")[0], word.split("=")[1]);
    }
    ReplicationPolicy usual = ReplicationPolicy.DEFAULT;
    step(
        new ReplicationEvent.Configured(
            new ReplicationPolicy(
                policy.getOrDefault("user", ""),
                policy.getOrDefault("password", ""),
                number("port", 6379),
                policy.getOrDefault("ip", ""),
                number("timeout", 60),
                number("ping", 10),
                policy.getOrDefault("diskless", "yes").equals("yes"),
                number("delay", 5),
                number("delay-replicas", 0),
                switch (policy.getOrDefault("load", "file")) {
                  case "file" -> ReplicationPolicy.Load.FROM_FILE;
                  case "link" -> ReplicationPolicy.Load.FROM_LINK_IF_EMPTY;
                  default -> ReplicationPolicy.Load.BESIDE;
                },
                policy.getOrDefault("keeps", "no").equals("yes"),
                number("backlog", 1 << 20),
                number("ttl", 3600),
                number("hard", 256 << 20),
                number("soft", 64 << 20),
                usual.softSeconds())));
  }

  private int number(String name, int otherwise) {
    return Integer.parseInt(policy.getOrDefault(name, Integer.toString(otherwise)));
  }

  private void show() {
    History history = machine.history();
    out.add(
        "id "
            + shortened(history.id())
            + ", second "
            + shortened(history.secondId())
            + " up to "
            + history.secondOffset()
            + ", offset "
            + last);
    out.add(
        "link " + machine.replicaSide().state().word() + ", at " + machine.replicaSide().offset());
    for (PrimarySide.Replica replica : machine.primarySide().replicas()) {
      out.add(
          "replica "
              + replica.client()
              + " "
              + replica.shownHost()
              + ":"
              + replica.port()
              + " "
              + replica.state().word()
              + ", acknowledged "
              + replica.ackOffset());
    }
  }

  private void step(ReplicationEvent event) {
    for (ReplicationAction action : machine.step(now, event)) {
      out.add(shortened(text(action)));
    }
  }

  private String text(ReplicationAction action) {
    return switch (action) {
      case ReplicationAction.Log log ->
          (log.level() == ReplicationAction.Level.WARNING ? "log#: " : "log: ") + log.text();
      case ReplicationAction.LogAs as -> as.replica() ? "log as replica" : "log as primary";
      case ReplicationAction.Dial dial -> {
        attempt = dial.attempt();
        yield "dial " + dial.primary();
      }
      case ReplicationAction.HangUp end -> "hang up: " + end.reason();
      case ReplicationAction.Send send -> "> " + command(send.text());
      case ReplicationAction.Pause _ -> "pause";
      case ReplicationAction.Resume _ -> "resume";
      case ReplicationAction.PayloadBegins payload -> "payload of " + payload.bytes();
      case ReplicationAction.Payload payload ->
          "payload: "
              + escaped(
                  new String(
                      payload.bytes(),
                      payload.from(),
                      payload.to() - payload.from(),
                      StandardCharsets.ISO_8859_1));
      case ReplicationAction.PayloadEnds _ -> "payload ends";
      case ReplicationAction.PayloadDropped _ -> "payload dropped";
      case ReplicationAction.CopyComplete copy ->
          copy.complete() ? "copy is complete" : "copy isn't complete";
      case ReplicationAction.Load load ->
          switch (load.way()) {
            case INSTEAD -> "load";
            case BEHIND -> "load behind";
            case BESIDE -> "load beside";
          };
      case ReplicationAction.StopWorld _ -> "stop world";
      case ReplicationAction.Swap _ -> "swap";
      case ReplicationAction.Apply apply ->
          "apply after "
              + apply.offset()
              + ": "
              + escaped(
                  new String(
                      apply.bytes(),
                      apply.from(),
                      apply.to() - apply.from(),
                      StandardCharsets.ISO_8859_1));
      case ReplicationAction.ForgetStream _ -> "forget stream";
      case ReplicationAction.SetOffset offset -> {
        last = offset.offset();
        yield "offset is " + last;
      }
      case ReplicationAction.PauseWrites pause -> pause.paused() ? "pause writes" : "writes go on";
      case ReplicationAction.Role role -> role.replica() ? "role replica" : "role primary";
      case ReplicationAction.Reply reply -> reply.replica() + " > " + escaped(reply.text());
      case ReplicationAction.Misplaced reply ->
          reply.replica() + " has no place for " + escaped(reply.text());
      case ReplicationAction.BeginSync sync ->
          "begin sync to "
              + sync.target()
              + (sync.contents().equals(ReplicationAction.Contents.ALL)
                  ? ""
                  : " of " + sync.contents());
      case ReplicationAction.JoinSync join -> join.replica() + " joins sync";
      case ReplicationAction.SendFile send -> send.replica() + " gets file";
      case ReplicationAction.AbandonSync _ -> "abandon sync";
      case ReplicationAction.Keep keep -> keep.replica() + " keep from " + keep.from();
      case ReplicationAction.Stream stream -> stream.replica() + " streams";
      case ReplicationAction.Drop drop -> drop.replica() + " dropped: " + drop.reason();
      case ReplicationAction.Feed feed -> {
        last += feed.text().length();
        yield "feed " + command(feed.text());
      }
      case ReplicationAction.SelectAnew _ -> "select anew";
      case ReplicationAction.CreateBacklog _ -> {
        first = last + 1;
        yield "create backlog";
      }
      case ReplicationAction.FreeBacklog _ -> "free backlog";
    };
  }

  private static String escaped(String text) {
    return text.replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0");
  }

  /// A command without its lengths.
  private static String command(String text) {
    if (!text.startsWith("*")) {
      return escaped(text);
    }
    StringBuilder words = new StringBuilder();
    String[] lines = text.split("\r\n");
    for (int i = 2; i < lines.length; i += 2) {
      words.append(i == 2 ? "" : " ").append(lines[i]);
    }
    return words.toString();
  }
}
