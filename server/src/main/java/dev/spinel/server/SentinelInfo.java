package dev.spinel.server;

import dev.spinel.client.ClientsSection;
import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Fields;
import dev.spinel.observe.Identity;
import dev.spinel.observe.Listening;
import dev.spinel.observe.Sections;
import dev.spinel.observe.ServerSection;
import dev.spinel.observe.StatisticsSection;
import dev.spinel.sentinel.SentinelHost.Counts;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// What INFO says of a Sentinel's process, with the fields of a server. What a Sentinel doesn't do
/// or doesn't count is 0. Belongs to the Sentinel's loop.
final class SentinelInfo implements Listening {
  private final Config config;
  private final ServerSection server;

  SentinelInfo(Config config, Identity identity) {
    this.config = config;
    this.server = new ServerSection(identity, config, this);
  }

  /// The sections that are wanted, with an empty line between any two.
  String text(long now, Set<String> wanted, Counts counts) {
    List<String> texts = new ArrayList<>();
    if (wanted.contains("server")) {
      Fields fields = new Fields();
      server.tell(now, "sentinel", fields);
      texts.add(section("Server", fields));
    }
    if (wanted.contains("clients")) {
      Fields fields = new Fields();
      fields.lay(ClientsSection.LAYOUT);
      fields.field("connected_clients", counts.clients());
      fields.field("maxclients", config.get(Settings.MAXCLIENTS));
      texts.add(section("Clients", fields));
    }
    if (wanted.contains("stats")) {
      Fields fields = new Fields();
      fields.lay(StatisticsSection.LAYOUT);
      fields.field("total_connections_received", counts.accepted());
      fields.field("rejected_connections", counts.refused());
      fields.field("total_commands_processed", counts.commands());
      fields.field("pubsub_channels", counts.channels());
      fields.field("pubsub_patterns", counts.patterns());
      texts.add(section("Stats", fields));
    }
    if (wanted.contains("cpu")) {
      Fields fields = new Fields();
      Sections.Cpu.tell(fields);
      texts.add(section("CPU", fields));
    }
    return String.join("\r\n", texts);
  }

  private static String section(String title, Fields fields) {
    StringBuilder text = new StringBuilder("# " + title + "\r\n");
    fields.writeTo(text);
    return text.toString();
  }

  // ── Listening ──

  @Override
  public int port() {
    return config.intOf(Settings.PORT);
  }

  @Override
  public String transport() {
    return "nio";
  }

  @Override
  public List<String> listeners() {
    List<String> lines = new ArrayList<>();
    add(lines, "tcp", config.intOf(Settings.PORT));
    add(lines, "tls", config.intOf(Settings.TLS_PORT));
    return lines;
  }

  private void add(List<String> lines, String kind, int port) {
    if (port != 0) {
      StringBuilder line = new StringBuilder("name=" + kind);
      config.get(Settings.BIND).forEach(address -> line.append(",bind=").append(address));
      lines.add(line.append(",port=").append(port).toString());
    }
  }
}
