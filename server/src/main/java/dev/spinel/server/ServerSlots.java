package dev.spinel.server;

import dev.spinel.client.Pause;
import dev.spinel.cluster.Cluster;
import dev.spinel.cluster.ClusterView;
import dev.spinel.cluster.Redirect;
import dev.spinel.cluster.ServedSlots;
import dev.spinel.cluster.SlotData;
import dev.spinel.cluster.SlotKeys;
import dev.spinel.cluster.SlotPurge;
import dev.spinel.cluster.SlotSet;
import dev.spinel.config.Config;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Recorder;
import dev.spinel.pubsub.PubSub;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The slots of this server, as its cluster sees them.
final class ServerSlots implements SlotData {
  private final Pause pause;
  private final Loops loops;
  private final PubSub pubSub;
  private final Redirect redirect;
  private @Nullable Engine engine; // before the first session
  private @Nullable SlotKeys keys; // likewise
  private @Nullable ServedSlots served; // likewise
  private @Nullable SlotPurge purge; // likewise
  private @Nullable Cluster cluster; // likewise; null for good in a server without one
  private @Nullable Recorder recorder; // of what other nodes publish; the links' thread

  ServerSlots(Config config, Pause pause, Loops loops, PubSub pubSub) {
    this.pause = pause;
    this.loops = loops;
    this.pubSub = pubSub;
    redirect = new Redirect(config, this::view, this::leaseUntilNanos);
  }

  void of(Engine made) {
    engine = made;
    keys = new SlotKeys(made);
  }

  /// The server is a node of a cluster.
  void of(Cluster made) {
    cluster = made;
    redirect.of(engine());
    ServedSlots shown = new ServedSlots(engine(), redirect);
    served = shown;
    purge = new SlotPurge(engine(), keys(), shown::isPurged, made::warn);
    pubSub.broadcast(
        (channel, message, sharded) -> made.publish(channel.copy(), message.copy(), sharded));
  }

  Redirect redirect() {
    return redirect;
  }

  SlotKeys keys() {
    return Objects.requireNonNull(keys);
  }

  private Engine engine() {
    return Objects.requireNonNull(engine);
  }

  /// The newest picture of the cluster, or null: there is none.
  @Nullable ClusterView view() {
    Cluster made = cluster;
    return made == null ? null : made.view();
  }

  private long leaseUntilNanos() {
    Cluster made = cluster;
    return made == null ? Long.MAX_VALUE : made.leaseUntilNanos();
  }

  @Override
  public void show(ClusterView view, Dispatcher stopped) {
    Objects.requireNonNull(served).show(view, stopped);
  }

  @Override
  public void leaseRenewed() {
    redirect.leaseRenewed();
  }

  @Override
  public int count(int slot, Dispatcher stopped) {
    return keys().count(stopped.seat(), slot);
  }

  @Override
  public void dropKeys(SlotSet slots, Dispatcher stopped) {
    keys().drop(slots, stopped);
  }

  @Override
  public void flush(Dispatcher stopped) {
    engine().flushAll(stopped, true);
  }

  @Override
  public void dropChannels(SlotSet slots, Dispatcher stopped) {
    pubSub.dropChannels(slots::contains, stopped.recorder());
  }

  @Override
  public void deliver(byte[] channel, byte[] message, boolean sharded) {
    Recorder own = recorder;
    if (own == null) {
      recorder = own = engine().recorder();
    }
    pubSub.deliver(channel, message, sharded, own);
  }

  @Override
  public void pauseWrites(long millis, Dispatcher stopped) {
    if (millis > 0) {
      pause.begin(Pause.Reason.CLUSTER, Pause.Extent.WRITES, millis);
    } else {
      pause.end(Pause.Reason.CLUSTER);
    }
  }

  @Override
  public void pauseSlots(String move, SlotSet slots, Dispatcher stopped) {
    Objects.requireNonNull(served).pause(move, slots);
  }

  @Override
  public void holdWriters(String move, SlotSet slots, Dispatcher stopped) {
    Objects.requireNonNull(served).holdWriters(move, slots, stopped);
  }

  @Override
  public void pausedTooLong(String move) {
    redirect.pausedTooLong(move);
  }

  @Override
  public void resumeSlots(String move, Dispatcher stopped) {
    Objects.requireNonNull(served).resume(move, stopped);
  }

  @Override
  public void purge(SlotSet slots, Consumer<SlotSet> whenDone) {
    Objects.requireNonNull(purge).add(slots, whenDone);
  }

  /// No keys of slots are deleted any more.
  void close() {
    SlotPurge made = purge;
    if (made != null) {
      made.close();
    }
  }

  @Override
  public boolean isAlive(long millis) {
    return engine().keyspace.world().isBusy() || loops.haveTurned(millis);
  }
}
