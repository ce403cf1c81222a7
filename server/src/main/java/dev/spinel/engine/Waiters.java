package dev.spinel.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Predicate;

/// The calls that wait for one thing, each with how much it needs of it: what a [Condition] keeps
/// them in. They are tried again in the order in which they came. Any thread.
public final class Waiters<K> {
  private final LinkedHashMap<Waiting, K> waiting = new LinkedHashMap<>(); // monitor
  private volatile boolean isAwaited; // some call waits; written under the monitor

  public Waiters() {}

  public void add(Waiting call, K needs) {
    synchronized (waiting) {
      waiting.put(call, needs);
      isAwaited = true;
    }
  }

  public void remove(Waiting call) {
    synchronized (waiting) {
      waiting.remove(call);
      isAwaited = !waiting.isEmpty();
    }
  }

  /// Has the calls tried again whose needs may be met now.
  public void wake(Predicate<K> mayBeMet) {
    if (!isAwaited) {
      return;
    }
    List<Waiting> ready = new ArrayList<>();
    synchronized (waiting) {
      waiting.forEach(
          (call, needs) -> {
            if (mayBeMet.test(needs)) {
              ready.add(call);
            }
          });
    }
    for (Waiting call : ready) {
      call.again();
      remove(call); // only now: if that fails, it is woken again
    }
  }
}
