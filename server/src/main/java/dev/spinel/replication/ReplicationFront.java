package dev.spinel.replication;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigLog;
import dev.spinel.config.ReplicaOf;
import dev.spinel.config.Settings;
import dev.spinel.engine.Arrival;
import dev.spinel.engine.Call;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Family;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Section;
import dev.spinel.peer.Address;
import dev.spinel.persist.Persistence;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What clients see of replication: its commands, its gates and what INFO tells. Made before the
/// engine is, which has them; what they all go by is the [Standing].
public final class ReplicationFront {
  /// Pauses of clients' writes.
  public interface Pauses {
    /// Whether they are paused, for whatever reason. Any thread.
    boolean areOn();

    /// The end of the server is wanted (in a stopped world), or isn't any more (on any thread).
    void beforeEnd(boolean wanted);
  }

  private final Config config;
  private final RoleGates gates;
  private final RoleCommands roles;
  private final SyncCommands syncs;
  private final WaitCommands waits;
  private final LastWrites lastWrites;
  private @Nullable Replication replication; // before the first session

  /// @param describes a call's client, as CLIENT LIST does, for the log
  public ReplicationFront(
      Config config, ConfigLog log, Function<Call, String> describes, Pauses pauses) {
    this.config = config;
    gates = new RoleGates(this, config, log);
    roles = new RoleCommands(this, log, describes);
    syncs = new SyncCommands(this, describes);
    waits = new WaitCommands(this, pauses::areOn);
    lastWrites = new LastWrites(this, config, log, pauses);
  }

  /// Once they are made.
  public void of(Replication made, Engine engine, Persistence persistence) {
    replication = made;
    gates.of(engine);
    made.onRole(gates::changed);
    waits.of(persistence);
    persistence.beforeEnd(lastWrites);
    made.onStanding(waits::look);
    config.live(Settings.REPLICAOF, this::followed);
    Config.ChangeListener changed = now -> configured();
    ReplicationPolicy.SETTINGS.forEach(setting -> config.onChange(setting, changed));
  }

  /// The configuration has changed.
  public void configured() {
    replication().tell(new ReplicationEvent.Configured(ReplicationPolicy.of(config)));
  }

  private ReplicaOf followed() {
    Address primary = standing().primary();
    return primary == null ? ReplicaOf.NONE : new ReplicaOf(primary.host(), primary.port());
  }

  Replication replication() {
    return Objects.requireNonNull(replication);
  }

  Standing standing() {
    return replication().standing();
  }

  /// Tells what a call has asked for. What is to be said to its client is said then.
  void tell(Call call, ReplicationEvent event) {
    replication().tell(event, call.seat().stopsWorld() ? call.dispatcher() : null);
  }

  /// The address of a call's client, without its port.
  static String host(Call call) {
    String address = call.session().outlet.address();
    int colon = address.lastIndexOf(':');
    String host = colon < 0 ? address : address.substring(0, colon);
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  // ── for the assembly ──

  /// What a call waits for that has written a key of another node: a replica's acknowledgement; or
  /// null, if there is no replica.
  public @Nullable Arrival arrival() {
    return waits.arrival();
  }

  /// The commands.
  public List<Family> families() {
    return List.of(roles, syncs, waits);
  }

  /// The gates, and others.
  public Gate[] gates(Gate... others) {
    Gate[] own = gates.all();
    Gate[] all = Arrays.copyOf(others, others.length + own.length);
    System.arraycopy(own, 0, all, others.length, own.length);
    return all;
  }

  /// What INFO tells.
  public Section section() {
    return new ReplicationSection(this, config);
  }

  /// What it tells of the server, as that ends.
  public Section ending() {
    return lastWrites;
  }

  /// What it tells of memory.
  public Section memory() {
    return new ReplicationMemory(this, config);
  }

  /// What it tells among the statistics.
  public Section statistics() {
    return new ReplicationStatistics(this);
  }

  /// Clients' writes don't wait any more. Any thread.
  public void resumed() {
    waits.resumed();
  }
}
