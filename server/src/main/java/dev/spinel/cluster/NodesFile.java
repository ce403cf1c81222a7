package dev.spinel.cluster;

import dev.spinel.wire.Numbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// `nodes.conf`: what a node knows of its cluster, in Redis's format.
///
/// ```
/// <id> <ip>:<port>@<bus port>,<hostname>,tls-port=0,nodename=<name>,shard-id=<id> <flags> <primary or ->
///      <ping sent> <pong received> <epoch> <connected or disconnected> <slots> [<slot>->-<id>] [<slot>-<-<id>]
/// vars currentEpoch <n> lastVoteEpoch <n> [spinelWonEpoch <n>] [spinelOtherData 1] [spinelMoves …]
/// ```
///
/// It is written whole and takes the old one's place at once, so a file without its last line is no
/// file of ours: whoever reads it would forget a vote. What can't be read is refused with the
/// number of the line and what was expected there, and nothing is guessed.
public final class NodesFile {
  private static final String NO_ID = "-";

  /// Names in the line `vars` that other servers don't know and skip.
  private static final String MOVES = "spinelMoves";

  private static final String WON_EPOCH = "spinelWonEpoch";

  private static final String OTHER_DATA = "spinelOtherData";

  private NodesFile() {}

  /// What the file says.
  ///
  /// @param migrating slots of this node that go elsewhere: slot → id
  /// @param importing slots that come to this node: slot → id
  /// @param wonEpoch for which epoch this node was elected: see [Elections#hasWon]; 0: for none
  /// @param otherData whether this node's data may be of another shard than the node: see
  ///   [ClusterMachine#hasOtherData]
  /// @param moves slots that move whole, as [SlotMoves] writes them; empty: none
  public record Contents(
      List<NodeView> nodes,
      SortedMap<Integer, String> migrating,
      SortedMap<Integer, String> importing,
      long currentEpoch,
      long lastVoteEpoch,
      long wonEpoch,
      boolean otherData,
      String moves) {}

  /// A file that can't be read.
  public static final class Corrupt extends Exception {
    private static final long serialVersionUID = 1;
    private final int line;
    private final boolean isTorn;

    Corrupt(int line, String expected, boolean isTorn) {
      super(expected);
      this.line = line;
      this.isTorn = isTorn;
    }

    /// Whether a part of the file isn't there, as a loss of power may leave it; else somebody has
    /// written something wrong.
    public boolean isTorn() {
      return isTorn;
    }

    /// Beginning with 1.
    public int line() {
      return line;
    }

    /// For whoever starts the server: which file, which line, what was expected, what can be done.
    public String explain(String path) {
      return path
          + ":"
          + line
          + ": "
          + getMessage()
          + ". Nothing was changed. Put a good copy of the file in its place; or remove it: the"
          + " node then starts as a new one, without slots, and the others have to forget the old"
          + " one (CLUSTER FORGET).";
    }
  }

  // ── what may stand in it ──

  /// 40 digits and small letters.
  public static boolean isId(String text) {
    if (text.length() != 40) {
      return false;
    }
    for (int i = 0; i < 40; i++) {
      char c = text.charAt(i);
      if (!(c >= '0' && c <= '9' || c >= 'a' && c <= 'z')) {
        return false;
      }
    }
    return true;
  }

  /// An address or the name of a host, or empty.
  static boolean isHost(String text) {
    return consistsOf(text, "._:-%");
  }

  static boolean isHostname(String text) {
    return !text.isEmpty() && text.length() <= 256 && consistsOf(text, ".-");
  }

  /// `cluster-announce-human-nodename`: no character that separates fields.
  static boolean isHumanName(String text) {
    return !text.isEmpty() && text.length() <= 256 && isPlain(text);
  }

  private static boolean consistsOf(String text, String more) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean fits =
          c >= '0' && c <= '9'
              || c >= 'a' && c <= 'z'
              || c >= 'A' && c <= 'Z'
              || more.indexOf(c) >= 0;
      if (!fits) {
        return false;
      }
    }
    return true;
  }

  private static boolean isPlain(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c <= ' ' || c > 126 || "!#$%&()*+:;<>?@[]^{|}~,=\"'\\".indexOf(c) >= 0) {
        return false;
      }
    }
    return true;
  }

  // ── writing ──

  /// @param encrypted whether the bus, and so the first port of a node, is for TLS
  public static byte[] write(Contents contents, boolean encrypted) {
    var text = new StringBuilder();
    for (NodeView node : contents.nodes()) {
      line(
          text,
          node,
          contents.migrating(),
          contents.importing(),
          node.port(),
          encrypted ? "tcp-port" : "tls-port");
      text.append('\n');
    }
    text.append("vars currentEpoch ")
        .append(Long.toUnsignedString(contents.currentEpoch()))
        .append(" lastVoteEpoch ")
        .append(Long.toUnsignedString(contents.lastVoteEpoch()));
    if (contents.wonEpoch() != 0) {
      text.append(' ')
          .append(WON_EPOCH)
          .append(' ')
          .append(Long.toUnsignedString(contents.wonEpoch()));
    }
    if (contents.otherData()) {
      text.append(' ').append(OTHER_DATA).append(" 1");
    }
    if (!contents.moves().isEmpty()) {
      text.append(' ').append(MOVES).append(' ').append(contents.moves());
    }
    text.append('\n');
    return text.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /// A node's line.
  ///
  /// @param port the one that is shown
  /// @param otherPort what the other one is called; empty: without the fields that clients aren't
  ///   shown
  static void line(
      StringBuilder text,
      NodeView node,
      Map<Integer, String> migrating,
      Map<Integer, String> importing,
      int port,
      String otherPort) {
    boolean persisted = !otherPort.isEmpty();
    text.append(node.id())
        .append(' ')
        .append(node.ip())
        .append(':')
        .append(port)
        .append('@')
        .append(node.busPort());
    if (!node.hostname().isEmpty() || persisted) {
      text.append(',').append(node.hostname());
    }
    if (persisted) {
      text.append(',').append(otherPort).append('=').append(node.otherPort());
      if (!node.humanName().isEmpty()) {
        text.append(",nodename=").append(node.humanName());
      }
      if (!node.shard().isEmpty()) {
        text.append(",shard-id=").append(node.shard());
      }
    }
    text.append(' ')
        .append(NodeFlags.text(node.flags()))
        .append(' ')
        .append(node.primary().isEmpty() ? NO_ID : node.primary())
        .append(' ')
        .append(node.pingSent())
        .append(' ')
        .append(node.pongReceived())
        .append(' ')
        .append(Long.toUnsignedString(node.configEpoch()))
        .append(node.connected() ? " connected" : " disconnected");
    if (!node.slots().isEmpty()) {
      text.append(' ').append(node.slots());
    }
    if (node.isMyself()) {
      var open = new TreeMap<Integer, String>();
      importing.forEach((slot, id) -> open.put(slot, "-<-" + id));
      migrating.forEach((slot, id) -> open.put(slot, "->-" + id));
      open.forEach((slot, id) -> text.append(" [").append(slot).append(id).append(']'));
    }
  }

  // ── reading ──

  public static Contents read(byte[] bytes) throws Corrupt {
    return new Reading().all(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  /// One reading of one file. The greater one: epochs have no sign.
  static long laterEpoch(long one, long other) {
    return Long.compareUnsigned(one, other) < 0 ? other : one;
  }

  private static final class Reading {
    private final List<NodeView> nodes = new ArrayList<>();
    private final Set<String> ids = new HashSet<>();
    private final SlotSet owned = new SlotSet();
    private final SortedMap<Integer, String> migrating = new TreeMap<>();
    private final SortedMap<Integer, String> importing = new TreeMap<>();
    private long currentEpoch;
    private long lastVoteEpoch;
    private long wonEpoch;
    private boolean otherData;
    private String moves = "";
    private boolean hasVars;
    private boolean hasMyself;
    private int number;

    Contents all(String text) throws Corrupt {
      int at = 0;
      while (at < text.length()) {
        number++;
        int end = text.indexOf('\n', at);
        if (end < 0) {
          throw torn("the line is cut off: the end of the file is missing");
        }
        String line = text.substring(at, end).strip();
        if (line.indexOf('\0') >= 0) {
          throw torn("bytes of zero: a part of the file is missing");
        }
        if (!line.isEmpty()) {
          line(line.split(" +"));
        }
        at = end + 1;
      }
      if (!hasVars) {
        throw torn("there is no line 'vars currentEpoch …': the end of the file is missing");
      }
      if (!hasMyself) {
        throw corrupt("no line has the flag 'myself'");
      }
      for (NodeView node : nodes) {
        currentEpoch = laterEpoch(currentEpoch, node.configEpoch());
      }
      return new Contents(
          nodes, migrating, importing, currentEpoch, lastVoteEpoch, wonEpoch, otherData, moves);
    }

    private Corrupt corrupt(String expected) {
      return new Corrupt(Math.max(1, number), expected, false);
    }

    private Corrupt torn(String expected) {
      return new Corrupt(Math.max(1, number), expected, true);
    }

    private void line(String[] words) throws Corrupt {
      if (words[0].equalsIgnoreCase("vars")) {
        vars(words);
      } else if (hasVars) {
        throw corrupt("a line follows the line 'vars'");
      } else {
        node(words);
      }
    }

    private void vars(String[] words) throws Corrupt {
      if (words.length % 2 == 0) {
        throw corrupt("a name and a number are expected after 'vars'");
      }
      for (int i = 1; i < words.length; i += 2) {
        switch (words[i].toLowerCase(java.util.Locale.ROOT)) {
          case "currentepoch" -> currentEpoch = epoch(words[i + 1]);
          case "lastvoteepoch" -> lastVoteEpoch = epoch(words[i + 1]);
          case "spinelwonepoch" -> wonEpoch = epoch(words[i + 1]);
          case "spinelotherdata" -> otherData = isOne(words[i + 1]);
          case "spinelmoves" -> {
            if (!MoveText.isOfFile(words[i + 1])) {
              throw corrupt("slots that move whole are expected instead of '" + words[i + 1] + "'");
            }
            moves = words[i + 1];
          }
          default -> {} // of a later version
        }
      }
      hasVars = true;
    }

    private void node(String[] words) throws Corrupt {
      if (!isId(words[0])) {
        throw corrupt("a node's id is expected: 40 digits and small letters");
      }
      if (words.length < 8) {
        throw corrupt("8 fields are expected at least, and there are " + words.length);
      }
      if (!ids.add(words[0])) {
        throw corrupt("node " + words[0] + " has a line already");
      }
      String[] address = words[1].split(",", -1);
      int flags = flags(words[2]);
      String primary = words[3].equals(NO_ID) ? "" : words[3];
      if (!primary.isEmpty() && !isId(primary)) {
        throw corrupt("a primary's id or - is expected instead of '" + primary + "'");
      }
      if ((flags & NodeFlags.MYSELF) != 0) {
        if (hasMyself) {
          throw corrupt("two lines have the flag 'myself'");
        }
        hasMyself = true;
      }
      long configEpoch = epoch(words[6]);
      boolean follows = (flags & NodeFlags.REPLICA) != 0 && !primary.isEmpty();
      Fields fields = new Fields(address);
      nodes.add(
          new NodeView(
              words[0],
              fields.ip,
              fields.port,
              fields.busPort,
              fields.hostname,
              fields.humanName,
              fields.otherPort,
              fields.shard,
              flags,
              primary,
              time(words[4]),
              time(words[5]),
              follows ? 0 : configEpoch,
              words[7].equals("connected"),
              slots(words),
              -1));
    }

    private int flags(String words) throws Corrupt {
      int flags = 0;
      for (String word : words.split(",")) {
        int flag = NodeFlags.flag(word);
        if (flag < 0) {
          throw corrupt("there is no flag '" + word + "'");
        }
        flags |= flag;
      }
      return flags;
    }

    private SlotSet slots(String[] words) throws Corrupt {
      SlotSet slots = new SlotSet();
      for (int i = 8; i < words.length; i++) {
        String word = words[i];
        if (word.startsWith("[")) {
          open(word);
          continue;
        }
        int dash = word.indexOf('-');
        int first = slot(dash < 0 ? word : word.substring(0, dash));
        int last = dash < 0 ? first : slot(word.substring(dash + 1));
        if (last < first) {
          throw corrupt("a range of slots is expected instead of '" + word + "'");
        }
        for (int slot = first; slot <= last; slot++) {
          if (owned.contains(slot)) {
            throw corrupt("slot " + slot + " has an owner already");
          }
          owned.add(slot);
          slots.add(slot);
        }
      }
      return slots;
    }

    /// `[93->-<id>]` or `[77-<-<id>]`.
    private void open(String word) throws Corrupt {
      int dash = word.indexOf('-');
      if (dash < 2 || word.length() != dash + 44 || !word.endsWith("]")) {
        throw corrupt("a slot that moves is expected instead of '" + word + "'");
      }
      int slot = slot(word.substring(1, dash));
      String arrow = word.substring(dash, dash + 3);
      String id = word.substring(dash + 3, word.length() - 1);
      if (!isId(id) || !(arrow.equals("->-") || arrow.equals("-<-"))) {
        throw corrupt("a slot that moves is expected instead of '" + word + "'");
      }
      (arrow.equals("->-") ? migrating : importing).put(slot, id);
    }

    private int slot(String word) throws Corrupt {
      long slot = number(word);
      if (slot < 0 || slot >= SlotSet.SLOTS) {
        throw corrupt("a slot is expected instead of '" + word + "'");
      }
      return (int) slot;
    }

    /// Without a sign, as nodes compare them: whatever one of them has heard can be read again.
    private long epoch(String word) throws Corrupt {
      if (!word.isEmpty() && word.chars().allMatch(c -> c >= '0' && c <= '9')) {
        try {
          return Long.parseUnsignedLong(word);
        } catch (NumberFormatException e) {
          // beyond 64 bits
        }
      }
      throw corrupt("an epoch is expected instead of '" + word + "'");
    }

    private boolean isOne(String word) throws Corrupt {
      if (!word.equals("0") && !word.equals("1")) {
        throw corrupt("0 or 1 is expected instead of '" + word + "'");
      }
      return word.equals("1");
    }

    private long time(String word) throws Corrupt {
      if (!isNumber(word)) {
        throw corrupt("a time is expected instead of '" + word + "'");
      }
      return number(word);
    }

    private static boolean isNumber(String word) {
      byte[] bytes = word.getBytes(StandardCharsets.ISO_8859_1);
      return Numbers.isLong(bytes, 0, bytes.length);
    }

    /// -1: it is none.
    private static long number(String word) {
      byte[] bytes = word.getBytes(StandardCharsets.ISO_8859_1);
      return isNumber(word) ? Numbers.parseLong(bytes, 0, bytes.length, -1) : -1;
    }

    /// `ip:port@busport,hostname,name=value,…`
    private final class Fields {
      final String ip;
      final int port;
      final int busPort;
      final String hostname;
      String humanName = "";
      String shard = "";
      int otherPort;

      Fields(String[] fields) throws Corrupt {
        String address = fields[0];
        int colon = address.lastIndexOf(':');
        if (colon < 0) {
          throw corrupt("an address ip:port@busport is expected instead of '" + address + "'");
        }
        ip = address.substring(0, colon);
        String ports = address.substring(colon + 1);
        int at = ports.indexOf('@');
        int clients = port(at < 0 ? ports : ports.substring(0, at));
        busPort = at < 0 ? clients + 10000 : port(ports.substring(at + 1));
        hostname = fields.length > 1 ? fields[1] : "";
        if (!isHost(ip) || !hostname.isEmpty() && !isHostname(hostname)) {
          throw corrupt("an address is expected instead of '" + String.join(",", fields) + "'");
        }
        for (int i = 2; i < fields.length; i++) {
          int equals = fields[i].indexOf('=');
          String value = fields[i].substring(equals + 1);
          switch (equals < 0 ? "" : fields[i].substring(0, equals)) {
            case "shard-id" -> {
              if (!isId(value)) {
                throw corrupt("a shard's id is expected instead of '" + value + "'");
              }
              shard = value;
            }
            case "nodename" -> {
              if (!isHumanName(value)) {
                throw corrupt("a name is expected instead of '" + value + "'");
              }
              humanName = value;
            }
            case "tcp-port", "tls-port" -> otherPort = port(value);
            default -> throw corrupt("no field of a node is called so: '" + fields[i] + "'");
          }
        }
        port = clients;
      }

      private int port(String word) throws Corrupt {
        long port = number(word);
        if (port < 0 || port > 65535) {
          throw corrupt("a port is expected instead of '" + word + "'");
        }
        return (int) port;
      }
    }
  }
}
