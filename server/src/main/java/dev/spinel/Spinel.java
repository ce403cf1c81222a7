package dev.spinel;

import dev.spinel.cluster.ClusterView;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.persist.Ending;
import dev.spinel.persist.Persistence;
import dev.spinel.replication.Standing;
import dev.spinel.server.Log;
import dev.spinel.server.Server;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;

/// A whole Spinel server inside this JVM.
///
/// ```java
/// try (Spinel spinel = Spinel.start("databases", "4");
///     RedisClient jedis = RedisClient.create("127.0.0.1", spinel.port())) {
///   jedis.set("key", "value");
/// }
/// ```
///
/// Any number of them may run side by side; they share nothing. After [#close] their threads are
/// gone and their memory is freed (glibc gives it back to the system at once if the JVM was started
/// with `MALLOC_MMAP_THRESHOLD_=131072` in the environment, else it keeps some for later). Nothing
/// is printed; nothing is written but what the configuration asks for.
///
/// Several that belong together are a [Topology]: [#replication], [#cluster], [#store].
///
/// **Files.** Without a `dir`, `save` or `appendonly` among its settings a server keeps its data in
/// memory only. With one of them it is as `redis-server` is: it loads what is in `dir` before
/// [#start] returns, saves by its save points, and when it is closed.
public final class Spinel implements AutoCloseable {
  private static final long POLL_NANOS = 20_000_000;
  private static final long REWRITE_NANOS = 10_000_000_000L;

  private final Server server;
  private final boolean keeps;

  private Spinel(Server server, boolean keeps) {
    this.server = server;
    this.keeps = keeps;
  }

  /// Starts a server with the given settings: name, value, name, value, … as in `redis.conf`.
  /// Without a `port` it finds a free one; without a `bind` it listens at 127.0.0.1; it starts no
  /// processes, but for a `save-process yes`.
  ///
  /// Errors: [IllegalArgumentException] for a bad setting, one whose feature isn't built or one
  /// that is null, which it names, or if the server would listen nowhere; [UncheckedIOException] if
  /// an address or port can't be had.
  public static Spinel start(String... settings) {
    return start(OutputStream.nullOutputStream(), settings);
  }

  /// The same, with the log written to `log`.
  public static Spinel start(OutputStream log, String... settings) {
    Objects.requireNonNull(log, "log");
    Objects.requireNonNull(settings, "settings");
    String[] own = {"port", "0", "bind", "127.0.0.1", "save-process", "no"};
    String[] all = Arrays.copyOf(own, own.length + settings.length);
    System.arraycopy(settings, 0, all, own.length, settings.length);
    boolean keeps = keeps(settings);
    Server server;
    try {
      Config config = Config.of(keeps ? all : withoutSaving(all)).warned();
      if (config.get(Settings.BIND).isEmpty() && config.get(Settings.UNIXSOCKET).isEmpty()) {
        throw new IllegalArgumentException(
            "bind is empty and there is no unixsocket: the server would listen nowhere");
      }
      server = new Server(config, new Log(config, log), Clock.SYSTEM);
    } catch (ConfigError e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    try {
      if (keeps) {
        server.announceData();
      }
      server.startAtAnyPort();
      if (keeps) {
        server.load();
      }
    } catch (IOException e) {
      server.close();
      throw new UncheckedIOException(e.getMessage(), e);
    }
    Thread.startVirtualThread(() -> closeWhenStopped(server));
    return new Spinel(server, keeps);
  }

  // ── several that belong together ──

  /// A plan of a cluster of so many primaries, and so many replicas, which are dealt out to them in
  /// turn.
  ///
  /// @param primaries at least 3: fewer can't agree on who failed. 0: as many as the folder holds,
  ///   or 3
  /// @param replicas in all; -1: as many as the folder holds, or one for each primary
  public static SpinelCluster.Plan cluster(int primaries, int replicas) {
    return SpinelCluster.of(primaries, replicas);
  }

  /// A plan of a primary with so many replicas: 0 to 99; -1: as many as the folder holds, or 2.
  /// Sentinels may watch them.
  public static SpinelReplication.Plan replication(int replicas) {
    return SpinelReplication.of(replicas);
  }

  /// A plan of a single server, named `store`, that can be killed and started again as those of a
  /// topology. Its data is in the directory itself.
  public static SpinelReplication.Plan store() {
    return SpinelReplication.store();
  }

  /// Whether files are wanted.
  private static boolean keeps(String[] settings) {
    for (int i = 0; i < settings.length; i += 2) {
      switch (String.valueOf(settings[i]).toLowerCase(Locale.ROOT)) {
        case "dir", "save", "appendonly" -> {
          return true;
        }
        default -> {}
      }
    }
    return false;
  }

  private static String[] withoutSaving(String[] settings) {
    String[] all = new String[settings.length + 2];
    all[0] = "save";
    all[1] = "";
    System.arraycopy(settings, 0, all, 2, settings.length);
    return all;
  }

  /// A client may say SHUTDOWN.
  private static void closeWhenStopped(Server server) {
    try {
      server.awaitStop();
    } catch (InterruptedException e) {
      return; // nobody has a reason to
    }
    server.close();
  }

  /// The TCP port that it listens at.
  public int port() {
    return server.port();
  }

  /// `127.0.0.1:PORT`.
  public String address() {
    return "127.0.0.1:" + port();
  }

  // ── for topologies ──

  Standing standing() {
    return server.replication.standing();
  }

  /// Of the stream of changes, now.
  long offset() {
    return server.replication.offset();
  }

  /// The cluster as this node sees it.
  ClusterView clusterView() {
    return server.clusterView();
  }

  void onStanding(Runnable listener) {
    server.replication.onStanding(listener);
  }

  boolean hasEnded() {
    return server.hasEnded();
  }

  /// Waits until a client says SHUTDOWN (upon which it closes by itself) or somebody closes it.
  public void awaitStop() throws InterruptedException {
    server.awaitStop();
  }

  /// A server that has just copied a primary's data can't end before its append-only file has them.
  private boolean shutDown() {
    long end = System.nanoTime() + REWRITE_NANOS;
    boolean ends = server.shutDown(Ending.DEFAULT);
    while (!ends
        && server.persistence.work() == Persistence.Work.REWRITE
        && System.nanoTime() - end < 0) {
      LockSupport.parkNanos(POLL_NANOS);
      ends = server.shutDown(Ending.DEFAULT);
    }
    return ends;
  }

  /// Ends it as if its process had crashed: its connections break off at once, nothing is said to
  /// replicas, nothing is saved but what was written to its append-only file already.
  public void kill() {
    server.close();
  }

  /// Ends it. If it has save points its data is saved; [UncheckedIOException]: it can't be, and the
  /// server is closed all the same.
  @Override
  public void close() {
    boolean saved = !keeps || server.hasEnded() || shutDown();
    server.close();
    if (!saved) {
      throw new UncheckedIOException(new IOException("the data can't be saved, as the log says"));
    }
  }
}
