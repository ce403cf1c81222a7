package dev.spinel.server;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// INFO debug: how the event loops spend their time, in microseconds, all of them together. They
/// never write the append-only file themselves, so that takes none of it.
final class LoopSection implements Section {
  private static final String LAYOUT =
      """
      eventloop_duration_aof_sum:0
      eventloop_duration_cron_sum:0
      eventloop_duration_max:0
      eventloop_cmd_per_cycle_max:0
      """;

  private final Loops loops;

  LoopSection(Loops loops) {
    this.loops = loops;
  }

  @Override
  public String title() {
    return "Debug";
  }

  @Override
  public boolean standard() {
    return false;
  }

  @Override
  public boolean hidden() {
    return true;
  }

  @Override
  public String layout() {
    return LAYOUT;
  }

  @Override
  public void tell(Call call, Fields out) {
    long cronNanos = 0, longestNanos = 0, mostCommands = 0;
    for (LoopSide side : loops.sides()) {
      cronNanos += side.cronNanos();
      longestNanos = Math.max(longestNanos, side.loop.counts().longestTurnNanos());
      mostCommands = Math.max(mostCommands, side.mostCommands());
    }
    out.field("eventloop_duration_cron_sum", cronNanos / 1000);
    out.field("eventloop_duration_max", longestNanos / 1000);
    out.field("eventloop_cmd_per_cycle_max", mostCommands);
  }

  @Override
  public void reset() {
    loops.sides().forEach(LoopSide::forgetCounts);
  }
}
