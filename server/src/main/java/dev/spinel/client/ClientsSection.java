package dev.spinel.client;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.engine.Session;
import java.util.function.IntSupplier;

/// INFO clients: how many are connected, and how many wait.
public final class ClientsSection implements Section {
  /// Its fields, each with the value that it has where nobody counts.
  public static final String LAYOUT =
      """
      connected_clients:0
      cluster_connections:0
      maxclients:0
      client_recent_max_input_buffer:0
      client_recent_max_output_buffer:0
      blocked_clients:0
      tracking_clients:0
      clients_in_timeout_table:0
      total_blocking_keys:0
      total_blocking_keys_on_nokey:0
      """;

  private final Config config;
  private final IntSupplier connected;

  /// @param connected how many clients there are
  public ClientsSection(Config config, IntSupplier connected) {
    this.config = config;
    this.connected = connected;
  }

  @Override
  public String title() {
    return "Clients";
  }

  @Override
  public String layout() {
    return LAYOUT;
  }

  @Override
  public void tell(Call call, Fields out) {
    Engine engine = call.engine();
    long input = 0;
    long output = 0;
    int clients = connected.getAsInt(); // as Redis counts: with the primary, without replicas
    for (Session session : engine.sessions()) {
      input = Math.max(input, session.outlet.inputBytes());
      output = Math.max(output, session.outlet.pendingBytes());
      clients += session.isPrimary ? 1 : session.isReplica ? -1 : 0;
    }
    out.field("connected_clients", clients);
    out.field("maxclients", config.get(Settings.MAXCLIENTS));
    out.field("client_recent_max_input_buffer", input);
    out.field("client_recent_max_output_buffer", output);
    out.field("blocked_clients", engine.blockedCalls());
    out.field("tracking_clients", engine.tracking().clients());
    out.field("total_blocking_keys", engine.parkedKeys());
    out.field("total_blocking_keys_on_nokey", engine.parkedKeysOrGone());
  }
}
