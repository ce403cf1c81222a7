package dev.spinel.cli.benchmark;

import dev.spinel.cli.Exit;
import dev.spinel.cli.Figures;
import dev.spinel.cli.Screen;
import dev.spinel.cli.Unreachable;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Which servers are loaded: the one that is named, or the primaries of its cluster; and how they
/// keep their data.
final class Targets {
  /// How a server keeps its data.
  record Keeping(String save, String appendOnly) {}

  private final BenchmarkOptions options;
  private final Screen screen;
  final List<TargetNode> nodes = new ArrayList<>(); // of a cluster
  final List<@Nullable Keeping> keeping = new ArrayList<>(); // of each, or of the one
  private boolean asking; // guarded by this

  Targets(BenchmarkOptions options, Screen screen) {
    this.options = options;
    this.screen = screen;
  }

  /// Asks the servers. Ends the program if there is none.
  void find() {
    if (!options.cluster) {
      Keeping kept = keeping(options.host, options.port, options.socket);
      if (kept == null) screen.errLine("WARNING: Could not fetch server CONFIG");
      keeping.add(kept);
      return;
    }
    String where = options.socket == null ? options.host + ":" + options.port : options.socket;
    try (Client client = connect(options.host, options.port, options.socket)) {
      RespValue reply = client.command("CLUSTER", "NODES");
      if (reply instanceof RespValue.Error e) {
        screen.errLine("Cluster node " + where + " replied with error:\n" + e.text());
        throw fails("Failed to fetch cluster configuration from " + where);
      }
      for (String line : text(reply).split("\n", -1)) take(line);
    } catch (IOException e) {
      throw fails("Failed to fetch cluster configuration from " + where);
    }
    if (nodes.size() <= 1) throw fails("Invalid cluster: " + nodes.size() + " node(s).");
    screen.out("Cluster has " + nodes.size() + " master nodes:\n\n");
    for (int i = 0; i < nodes.size(); i++) {
      TargetNode node = nodes.get(i);
      screen.out("Master " + i + ": " + node.id + " " + node.address() + "\n");
      Keeping kept = keeping(node.host, node.port, null);
      if (kept == null) screen.errLine("WARNING: Could not fetch node CONFIG " + node.address());
      keeping.add(kept);
    }
    screen.out("\n");
  }

  /// A line of CLUSTER NODES: `id host:port@bus,… flags primary - - epoch link slots…`.
  private void take(String line) {
    String[] words = line.split(" ", -1);
    if (words.length < 8 || words[2].contains("slave") || !words[3].startsWith("-")) return;
    String address = words[1].split("[@,]", 2)[0];
    int colon = address.lastIndexOf(':');
    String host = address.substring(0, Math.max(colon, 0));
    if (host.isEmpty()) host = options.host;
    int port = Figures.atoi(address.substring(colon + 1));
    List<Integer> slots = new ArrayList<>();
    for (int i = 8; i < words.length; i++) {
      if (words[i].startsWith("[")) continue;
      String[] ends = words[i].split("-", 2);
      int last = Figures.atoi(ends[ends.length - 1]);
      for (int slot = Figures.atoi(ends[0]); slot <= last; slot++) slots.add(slot);
    }
    if (slots.isEmpty()) {
      screen.errLine("WARNING: Master node " + host + ":" + port + " has no slots, skipping...");
      return;
    }
    nodes.add(new TargetNode(words[0], host, port, array(slots)));
  }

  private static int[] array(List<Integer> slots) {
    return slots.stream().mapToInt(Integer::intValue).toArray();
  }

  /// A slot isn't where it was: asks again, unless somebody does so already. Any thread.
  void refresh() {
    synchronized (this) {
      if (asking) return;
      asking = true;
    }
    screen.errLine("WARNING: Cluster slots configuration changed, fetching new one...");
    try (Client client = connect(nodes.getFirst().host, nodes.getFirst().port, null)) {
      Map<String, List<Integer>> owned = new HashMap<>();
      for (RespValue range : client.command("CLUSTER", "SLOTS").elements()) {
        List<RespValue> parts = range.elements();
        List<Integer> slots =
            owned.computeIfAbsent(text(parts.get(2).elements().get(2)), any -> new ArrayList<>());
        int last = Figures.atoi(text(parts.get(1)));
        for (int slot = Figures.atoi(text(parts.get(0))); slot <= last; slot++) slots.add(slot);
      }
      for (TargetNode node : nodes) {
        List<Integer> slots = owned.get(node.id);
        if (slots != null) node.slots(array(slots));
      }
    } catch (IOException | RuntimeException e) {
      throw fails("Failed to update cluster slots configuration: " + e.getMessage());
    } finally {
      synchronized (this) {
        asking = false;
      }
    }
  }

  private @Nullable Keeping keeping(String host, int port, @Nullable String socket) {
    String where = socket == null ? host + ":" + port : socket;
    try (Client client = connect(host, port, socket)) {
      RespValue save = client.command("CONFIG", "GET", "save");
      RespValue append = client.command("CONFIG", "GET", "appendonly");
      if (save instanceof RespValue.Error e && e.text().startsWith("NOAUTH")) {
        throw fails("Node " + where + " replied with error:\n" + e.text());
      }
      if (save.isError() || append.isError()) return null;
      return new Keeping(text(save.elements().get(1)), text(append.elements().get(1)));
    } catch (IOException | RuntimeException e) {
      if (e instanceof Exit exit) throw exit;
      return null;
    }
  }

  /// Connects and logs in, or ends the program.
  private Client connect(String host, int port, @Nullable String socket) throws IOException {
    String where = socket == null ? host + ":" + port : socket;
    Client client;
    try {
      client =
          socket == null ? options.tls.connect(host, port) : Client.connectUnix(Path.of(socket));
    } catch (IOException | RuntimeException e) {
      throw fails("Could not connect to Redis at " + where + ": " + Unreachable.reason(e));
    }
    String password = options.password;
    if (password != null) {
      RespValue reply =
          options.user == null
              ? client.command("AUTH", password)
              : client.command("AUTH", options.user, password);
      if (reply instanceof RespValue.Error e) {
        client.close();
        throw fails("Node " + where + " replied with error:\n" + e.text());
      }
    }
    return client;
  }

  private static String text(RespValue value) {
    return String.valueOf(value.text());
  }

  private Exit fails(String message) {
    screen.errLine(message);
    return new Exit(1);
  }
}
