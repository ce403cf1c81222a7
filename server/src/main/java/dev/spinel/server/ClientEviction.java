package dev.spinel.server;

import dev.spinel.client.ClientLine;
import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Section;
import dev.spinel.engine.Session;
import dev.spinel.wire.Args;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// Keeps what all clients take of memory below `maxmemory-clients`, by closing those that take
/// most.
///
/// Each connection reports what it takes whenever that may have grown: after it has run, before it
/// writes, ten times a second. The sum of all reports is one number, so that it is known at once
/// when it is too much. Then whoever has reported looks at all clients and closes the largest: by
/// powers of two, as Redis does, so that who is a little smaller isn't spared each time. What a
/// closed client took counts as given back from that moment on; it is no session any more, and its
/// own thread closes the connection.
///
/// As a gate it looks at a call before it runs: its arguments count, too. Where there is no limit
/// nobody reports anything.
final class ClientEviction implements Gate, Section {
  /// A smaller limit would leave no room even to talk to the server.
  private static final long LEAST_BYTES = 128 * 1024;

  /// A call with fewer bytes is looked at when it has run.
  private static final long MANY_BYTES = 16 * 1024;

  private static final CommandError EVICTED =
      new CommandError("ERR clients take too much memory: this connection is closed");

  private final Log log;
  private final LongAdder evicted = new LongAdder();
  private final AtomicLong takenBytes = new AtomicLong(); // as reported
  private volatile long limitBytes = Long.MAX_VALUE;
  private @Nullable Engine engine; // before the first session

  ClientEviction(Log log) {
    this.log = log;
  }

  /// Once the engine is made. Follows the configuration.
  void of(Engine made, Config config) {
    engine = made;
    limit(config);
    config.onChange(Settings.MAXMEMORY_CLIENTS, this::follow);
    config.onChange(Settings.MAXMEMORY, this::follow);
  }

  private void follow(Config config) {
    limit(config);
    if (isOn()) {
      for (Session session : engine().sessions()) {
        if (session.outlet instanceof ClientConnection client) {
          count(client);
        }
      }
      look();
    }
  }

  private void limit(Config config) {
    long wanted = config.get(Settings.MAXMEMORY_CLIENTS);
    long most = config.get(Settings.MAXMEMORY);
    long bytes = wanted >= 0 ? wanted : (long) ((double) most * -wanted / 100);
    limitBytes = bytes == 0 ? Long.MAX_VALUE : Math.max(LEAST_BYTES, bytes);
    engine().gates.closed(this, isOn());
  }

  private Engine engine() {
    return Objects.requireNonNull(engine);
  }

  private boolean isOn() {
    return limitBytes != Long.MAX_VALUE;
  }

  // ── reports ──

  /// What the client takes may have grown. Any thread.
  void report(ClientConnection client) {
    if (isOn()) {
      count(client);
      look();
    }
  }

  private void count(ClientConnection client) {
    Session session = client.session;
    boolean counts = !session.closing && !session.isReplica && !session.isPrimary;
    account(client, counts ? session.memoryBytes() : 0);
    if (session.closing) { // perhaps since it was looked at
      account(client, 0);
    }
  }

  private void account(ClientConnection client, long bytes) {
    takenBytes.addAndGet(bytes - client.reportedBytes.getAndSet(bytes));
  }

  /// The client is gone. Its thread.
  void closed(ClientConnection client) {
    account(client, 0);
  }

  private void look() {
    if (takenBytes.get() >= limitBytes) {
      evict();
    }
  }

  /// Closes clients, from the largest on, until what is left is below the limit.
  private synchronized void evict() {
    Comparator<ClientConnection> bySize =
        Comparator.comparingInt(ClientEviction::sizeClass).reversed();
    List<ClientConnection> largestFirst =
        engine().sessions().stream()
            .map(session -> session.outlet)
            .filter(ClientConnection.class::isInstance)
            .map(ClientConnection.class::cast)
            .sorted(bySize.thenComparingLong(client -> client.session.id))
            .toList();
    for (ClientConnection client : largestFirst) {
      if (takenBytes.get() < limitBytes) {
        return;
      }
      Session session = client.session;
      if (client.reportedBytes.get() != 0 && !session.noEvict && !session.closing) {
        log.notice("Evicting client: " + ClientLine.ofClosed(session, engine().clock.millis()));
        engine().expel(session);
        account(client, 0);
        evicted.increment();
        client.post(client::kill);
      }
    }
    if (takenBytes.get() >= limitBytes) {
      log.warning("Over client maxmemory after evicting all evictable clients");
    }
  }

  private static int sizeClass(ClientConnection client) {
    return 64 - Long.numberOfLeadingZeros(client.reportedBytes.get());
  }

  // ── the gate ──

  @Override
  public Rank rank() {
    return Rank.CLIENTS;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    Args args = call.args();
    Session session = call.session();
    if (!(session.outlet instanceof ClientConnection client) || args.bytes() < MANY_BYTES) {
      return null;
    }
    count(client);
    account(client, client.reportedBytes.get() + args.bytes());
    look();
    return session.closing ? EVICTED : null;
  }

  // ── INFO ──

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("evicted_clients", evicted.sum());
  }

  @Override
  public void reset() {
    evicted.reset();
  }
}
