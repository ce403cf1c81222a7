package dev.spinel.eviction;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.util.concurrent.atomic.LongAdder;

/// What INFO stats tells about keys that were evicted.
public final class EvictionStatistics implements Section {
  private final LongAdder evicted = new LongAdder();

  void evictedOne() {
    evicted.increment();
  }

  /// Keys evicted since the start, or since CONFIG RESETSTAT.
  public long evicted() {
    return evicted.sum();
  }

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("evicted_keys", evicted());
  }

  @Override
  public void reset() {
    evicted.reset();
  }
}
