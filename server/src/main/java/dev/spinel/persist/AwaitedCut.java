package dev.spinel.persist;

import dev.spinel.engine.Condition;
import dev.spinel.engine.Waiting;
import java.util.ArrayList;
import java.util.List;

/// That the data of a snapshot is settled: what changes afterwards is not in it. BGSAVE and
/// BGREWRITEAOF wait for that.
///
/// Any thread.
final class AwaitedCut implements Condition {
  private final List<Waiting> awaiting = new ArrayList<>(); // monitor
  private boolean isOver; // monitor

  @Override
  public void begin(Waiting call) {
    synchronized (this) {
      if (!isOver) {
        awaiting.add(call);
        return;
      }
    }
    call.again();
  }

  @Override
  public synchronized void end(Waiting call) {
    awaiting.remove(call);
  }

  @Override
  public boolean isAskedFor() {
    return false;
  }

  /// It has come, or never will. Once or more.
  void over() {
    List<Waiting> all;
    synchronized (this) {
      isOver = true;
      all = List.copyOf(awaiting);
      awaiting.clear();
    }
    all.forEach(Waiting::again);
  }
}
