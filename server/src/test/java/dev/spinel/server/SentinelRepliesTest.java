package dev.spinel.server;

import dev.spinel.RealRedis;
import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.peer.Script;
import dev.spinel.wire.Client;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a Sentinel replies, type for type and field for field, as a real one of 7.2.6 did. To
/// record anew: `REDIS_SERVER` names a real server, and `-Dspinel.scripts=write
/// -Dspinel.real=true`.
class SentinelRepliesTest {
  /// Fields whose values are times, or depend on when a thing happened.
  private static final Set<String> VARYING =
      Set.of(
          "id",
          "last-ping-sent",
          "last-ok-ping-reply",
          "last-ping-reply",
          "s-down-time",
          "o-down-time",
          "info-refresh",
          "role-reported-time",
          "last-hello-message",
          "link-pending-commands");

  /// Fields of INFO that are Spinel's own.
  private static final Set<String> OWN =
      Set.of("spinel_version", "java_version", "io_transport", "snapshot_delayed_calls");

  /// What they are depends on how far the scripts of an event are by now, or on whether this
  /// machine stood still for two seconds.
  private static final Set<String> CHANCE =
      Set.of(
          "sentinel_running_scripts",
          "sentinel_scripts_queue_length",
          "sentinel_tilt",
          "sentinel_tilt_since_seconds");

  @TempDir private Path folder;

  @Test
  void repliesAreThoseOfARealOne() throws Exception {
    int port = RealRedis.freePort();
    Path file =
        Files.writeString(
            folder.resolve("sentinel.conf"),
            "port "
                + port
                + "\ndir \""
                + folder
                + "\"\nsentinel myid 00000000000000000000000000000000000000aa\n"
                + "sentinel monitor m 127.0.0.1 1 2\n"
                + "sentinel known-replica m 127.0.0.1 2\n"
                + "sentinel known-sentinel m 127.0.0.1 3 00000000000000000000000000000000000000bb\n"
                + "sentinel deny-scripts-reconfig no\n");
    try (AutoCloseable sentinel = start(file, port);
        Player player = new Player(port)) {
      Script.check(getClass(), "sentinel-replies-7.2.6.txt", player);
      assert sentinel != null;
    }
  }

  private AutoCloseable start(Path file, int port) throws Exception {
    if (Boolean.getBoolean("spinel.real")) {
      List<String> words = List.of(file.toString(), "--sentinel");
      RealRedis real = RealRedis.start(RealRedis.binary(), folder, port, "", words);
      if (!real.answers()) {
        throw new AssertionError(real.errorOutput());
      }
      return real;
    }
    Config config = CommandLine.of(file.toString(), "--sentinel").load(System.in);
    return SentinelServer.start(config, new Log(config, new ByteArrayOutputStream()), () -> {});
  }

  /// Sends each line as a command, over one connection; `connect` begins a new one.
  private static final class Player implements Function<String, List<String>>, AutoCloseable {
    private static final String PENDING = "SENTINEL pending-scripts";

    private final int port;
    private final List<String> out = new ArrayList<>();
    private Client client;

    Player(int port) throws IOException {
      this.port = port;
      this.client = connect();
    }

    private Client connect() throws IOException {
      return Client.connect("127.0.0.1", port).timeoutMillis(20_000);
    }

    @Override
    public List<String> apply(String line) {
      out.clear();
      try {
        if (line.equals("connect")) {
          client.close();
          client = connect();
          return List.of();
        }
        List<String> words = Quoting.split(line);
        if (words == null) {
          throw new IllegalArgumentException(line);
        }
        String[] command = words.toArray(new String[0]);
        RespValue reply = client.command(command);
        // Each change of a setting runs a script for its event, and that takes its time.
        for (int i = 0; line.equals(PENDING) && !reply.elements().isEmpty() && i < 300; i++) {
          TimeUnit.MILLISECONDS.sleep(100);
          reply = client.command(command);
        }
        if (words.getFirst().equalsIgnoreCase("info") && reply.text() != null) {
          out.add(reply.getClass().getSimpleName() + ", and its fields:");
          infoFields(String.valueOf(reply.text()));
        } else {
          tell(reply, "", "");
          if (line.equals("COMMAND LIST")) {
            out.sort(null);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return List.copyOf(out);
    }

    private void infoFields(String text) {
      for (String line : text.split("\r\n", -1)) {
        int colon = line.indexOf(':');
        String name = colon < 0 ? line : line.substring(0, colon);
        boolean tells = name.startsWith("sentinel_") || name.startsWith("master");
        if (!OWN.contains(name)) out.add(tells && !CHANCE.contains(name) ? line : name);
      }
    }

    private void tell(RespValue reply, String indent, String field) {
      String mark =
          switch (reply) {
            case RespValue.Simple _ -> "+";
            case RespValue.Error _ -> "-";
            case RespValue.Int _ -> ":";
            case RespValue.Bulk _ -> "$";
            case RespValue.Verbatim _ -> "=";
            case RespValue.Array all -> "*" + all.elements().size();
            case RespValue.Map all -> "%" + all.keysAndValues().size() / 2;
            case RespValue.Set all -> "~" + all.elements().size();
            case RespValue.Push all -> ">" + all.elements().size();
            case RespValue.Nil _ -> "(nil)";
            default -> "?";
          };
      if (mark.length() > 1 && !mark.equals("(nil)")) {
        out.add(indent + mark);
        String before = "";
        for (RespValue each : reply.elements()) {
          tell(each, indent + "  ", before);
          before = each instanceof RespValue.Bulk bulk ? bulk.text() : "";
        }
        return;
      }
      String text = reply.isNil() ? "" : String.valueOf(reply.text());
      boolean varies = VARYING.contains(field);
      // Whether a dead server is being connected to at this moment is chance.
      String shown = text.replace("" + port, "PORT").replace(",disconnected", "").strip();
      out.add(indent + mark + (varies ? "…" : shown));
    }

    @Override
    public void close() {
      client.close();
    }
  }
}
