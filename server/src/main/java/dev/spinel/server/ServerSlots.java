package dev.spinel.server;

import dev.spinel.client.Pause;
import dev.spinel.cluster.ClusterFamily;
import dev.spinel.cluster.ClusterView;
import dev.spinel.cluster.SlotData;
import dev.spinel.cluster.SlotSet;
import dev.spinel.engine.Call;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Reply;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The slots of this server, as its cluster sees them.
final class ServerSlots implements SlotData, ClusterFamily.SlotKeys {
  private final Pause pause;
  private final Loops loops;
  private @Nullable Engine engine; // before the first session

  ServerSlots(Pause pause, Loops loops) {
    this.pause = pause;
    this.loops = loops;
  }

  void of(Engine made) {
    engine = made;
  }

  private Engine engine() {
    return Objects.requireNonNull(engine);
  }

  @Override
  public void show(ClusterView view, Dispatcher stopped) {}

  @Override
  public int count(int slot, Dispatcher stopped) {
    return 0;
  }

  @Override
  public void dropKeys(SlotSet slots, Dispatcher stopped) {}

  @Override
  public void flush(Dispatcher stopped) {
    engine().flushAll(stopped, true);
  }

  @Override
  public void dropChannels(SlotSet slots, Dispatcher stopped) {}

  @Override
  public void deliver(byte[] channel, byte[] message, boolean sharded) {}

  @Override
  public void pauseWrites(long millis, Dispatcher stopped) {
    if (millis > 0) {
      pause.begin(Pause.Reason.CLUSTER, Pause.Extent.WRITES, engine().clock.millis() + millis);
    } else {
      pause.end(Pause.Reason.CLUSTER);
    }
  }

  @Override
  public boolean isAlive(long millis) {
    return loops.haveTurned(millis);
  }

  @Override
  public long count(Call call, int slot) {
    return 0;
  }

  @Override
  public void some(Call call, int slot, int count, Reply reply) {
    reply.array(0);
  }
}
