package dev.spinel.cli.cluster;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A line of CLUSTER NODES: `id host:port@bus[,more] flags primary ping pong epoch link slot…`.
///
/// `slotWords` are the slots as they stand there, without those that are migrated or imported.
public record NodeLine(
    String id,
    String address,
    String host,
    int port,
    int busPort,
    List<String> flags,
    String primaryId,
    long epoch,
    String link,
    List<String> slotWords,
    BitSet slots,
    Map<Integer, String> migrating,
    Map<Integer, String> importing) {

  public boolean has(String flag) {
    return flags.contains(flag);
  }

  public boolean isMyself() {
    return has("myself");
  }

  /// Where clients find the node: `host:port`.
  public String place() {
    return host + ":" + port;
  }

  /// Whether whoever said this has no link to the node, or not yet.
  public boolean isUnlinked() {
    return !isMyself()
        && (has("disconnected") || link.contains("disconnected") || has("handshake"));
  }

  /// All lines of a reply; null if one of them can't be read.
  public static @Nullable List<NodeLine> parse(String reply) {
    List<NodeLine> lines = new ArrayList<>();
    for (String text : reply.split("\n")) {
      if (text.isEmpty()) continue;
      NodeLine line = of(text);
      if (line == null) return null;
      lines.add(line);
    }
    return lines;
  }

  private static @Nullable NodeLine of(String text) {
    String[] words = text.trim().split(" ");
    if (words.length < 8) return null;
    HostPort at = HostPort.parse(words[1]);
    if (at == null) return null;
    List<String> slotWords = new ArrayList<>();
    BitSet slots = new BitSet(ManagedNode.SLOTS);
    Map<Integer, String> migrating = new LinkedHashMap<>();
    Map<Integer, String> importing = new LinkedHashMap<>();
    try {
      for (int i = 8; i < words.length; i++) {
        String word = words[i];
        if (word.isEmpty()) continue;
        if (word.startsWith("[")) {
          open(word, migrating, importing);
          continue;
        }
        slotWords.add(word);
        int dash = word.indexOf('-');
        int from = Integer.parseInt(dash < 0 ? word : word.substring(0, dash));
        int to = dash < 0 ? from : Integer.parseInt(word.substring(dash + 1));
        if (from < 0 || to >= ManagedNode.SLOTS) return null;
        slots.set(from, to + 1);
      }
      return new NodeLine(
          words[0],
          words[1],
          at.host(),
          at.port(),
          at.busPort(),
          List.of(words[2].split(",")),
          words[3],
          Long.parseLong(words[6]),
          words[7],
          slotWords,
          slots,
          migrating,
          importing);
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /// `[5798->-id]` or `[5798-<-id]`
  private static void open(
      String word, Map<Integer, String> migrating, Map<Integer, String> importing) {
    String inside = word.substring(1, word.endsWith("]") ? word.length() - 1 : word.length());
    int to = inside.indexOf("->-");
    int from = inside.indexOf("-<-");
    if (to >= 0) migrating.put(Integer.parseInt(inside.substring(0, to)), inside.substring(to + 3));
    else if (from >= 0) {
      importing.put(Integer.parseInt(inside.substring(0, from)), inside.substring(from + 3));
    }
  }

  /// Who has which slots, in a form in which equal configurations are equal texts; null if nobody
  /// has any.
  public static @Nullable String signature(List<NodeLine> lines) {
    TreeSet<String> nodes = new TreeSet<>();
    for (NodeLine line : lines) {
      if (line.slotWords.isEmpty()) continue;
      nodes.add(line.id + ":" + String.join(",", line.slotWords.stream().sorted().toList()));
    }
    return nodes.isEmpty() ? null : String.join("|", nodes);
  }
}
