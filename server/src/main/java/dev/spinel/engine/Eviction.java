package dev.spinel.engine;

import dev.spinel.config.Config;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.keyspace.Seat;
import dev.spinel.memory.Heap;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// The gate of `maxmemory`: a command that may need memory makes room first, by evicting keys as
/// the policy says, or is refused.
///
/// What counts is what the heap has given out ([Heap#liveBytes]), the account of INFO's
/// `used_memory`, less what is kept for a snapshot alone: an evicted key that the walk still needs
/// gives nothing back before the walk has come by, so more evictions would not help. Beyond the
/// walk's budget nothing is evicted, since writers wait then. Keys are evicted before the command
/// locks anything, one slot at a time, by its own thread ([Evictor]), for as long as
/// `maxmemory-eviction-tenacity` allows; then the command runs, and the keeper goes on. Several
/// loops may be beyond the limit together by what their commands under way need.
///
/// Looking at the account takes some hundred nanoseconds; as long as a megabyte is left, only every
/// 16th command does.
public final class Eviction implements Gate {
  private static final CommandError OUT_OF_MEMORY =
      new CommandError("OOM command not allowed when used memory > 'maxmemory'.");

  private static final long NEAR_BYTES = 1 << 20;
  static final int FAR_COMMANDS = 16;
  private static final long BACKGROUND_NANOS = 25_000_000;
  private static final long REAPER_NANOS = 100_000;

  /// What to evict, and which keys may be.
  enum Policy {
    NOEVICTION(false),
    VOLATILE_LRU(true),
    VOLATILE_LFU(true),
    VOLATILE_RANDOM(true),
    VOLATILE_TTL(true),
    ALLKEYS_LRU(false),
    ALLKEYS_LFU(false),
    ALLKEYS_RANDOM(false);

    final boolean onlyExpiring;

    Policy(boolean onlyExpiring) {
      this.onlyExpiring = onlyExpiring;
    }

    boolean random() {
      return this == VOLATILE_RANDOM || this == ALLKEYS_RANDOM;
    }
  }

  private final Engine engine;
  private final Heap heap;

  // Settings: written when the configuration changes, read by all threads.
  private volatile long limitBytes;
  private volatile Policy policy = Policy.NOEVICTION;
  private volatile int samples = 5;
  private volatile long sliceNanos = 500_000;

  private final LongAdder evicted = new LongAdder();
  private @Nullable Evictor background; // keeper's thread

  /// Follows the configuration.
  public Eviction(Engine engine, Config config) {
    this.engine = engine;
    this.heap = engine.keyspace.heap();
    read(config);
    for (Setting<?> setting :
        List.of(
            Settings.MAXMEMORY,
            Settings.MAXMEMORY_POLICY,
            Settings.MAXMEMORY_SAMPLES,
            Settings.MAXMEMORY_EVICTION_TENACITY)) {
      config.onChange(setting, this::read);
    }
  }

  private void read(Config config) {
    limit(config.get(Settings.MAXMEMORY));
    policy(config.text(Settings.MAXMEMORY_POLICY));
    samples = config.intOf(Settings.MAXMEMORY_SAMPLES);
    tenacity(config.intOf(Settings.MAXMEMORY_EVICTION_TENACITY));
  }

  /// Bytes; 0 = no limit.
  private void limit(long bytes) {
    limitBytes = bytes;
    engine.gates.closed(this, bytes != 0);
  }

  private void policy(String name) {
    policy = Policy.valueOf(name.toUpperCase(java.util.Locale.ROOT).replace('-', '_'));
  }

  /// From 0, at once, to 100, for as long as it takes: how long a command may be held up. 10 is
  /// half a millisecond.
  private void tenacity(int of) {
    if (of <= 10) {
      sliceNanos = 50_000L * of;
    } else if (of < 100) {
      sliceNanos = (long) (500_000 * Math.pow(1.15, of - 10));
    } else {
      sliceNanos = Long.MAX_VALUE;
    }
  }

  Policy policy() {
    return policy;
  }

  int samples() {
    return samples;
  }

  /// Keys evicted since the start, or since CONFIG RESETSTAT.
  public long evicted() {
    return evicted.sum();
  }

  public void resetStatistics() {
    evicted.reset();
  }

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public boolean concerns(Command command) {
    return command.is(Command.DENYOOM) || command == engine.exec || !command.is(Command.IN_MULTI);
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    Dispatcher dispatcher = call.dispatcher();
    Command command = call.command;
    long limit = limitBytes;
    boolean queued = call.session.multi && !command.is(Command.IN_MULTI);
    if (limit == 0 || !queued && !command.is(Command.DENYOOM) && command != engine.exec) {
      return null;
    }
    Evictor evictor = dispatcher.evictor;
    if (evictor == null) {
      dispatcher.evictor = evictor = new Evictor(engine, this, dispatcher.seat());
    }
    if (evictor.unseen > 0 && evictor.unseenLimit == limit) {
      evictor.unseen--;
      return null;
    }
    long used = usedBytes();
    if (used <= limit) {
      evictor.unseen = limit - used > NEAR_BYTES ? FAR_COMMANDS - 1 : 0;
      evictor.unseenLimit = limit;
      return null;
    }
    return makeRoom(evictor, limit, sliceNanos, true) || !queued && !mayGrow(call.session, command)
        ? null
        : OUT_OF_MEMORY;
  }

  private long usedBytes() {
    return heap.liveBytes() - engine.keyspace.walk().preservedBytes();
  }

  /// Whether the command needs memory; EXEC does if one of its commands does.
  private static boolean mayGrow(Session session, Command command) {
    Queue queue = session.queue;
    return command.is(Command.DENYOOM) || queue != null && (queue.flags() & Command.DENYOOM) != 0;
  }

  /// Evicts until enough is free or the time is over. False if there is nothing to evict.
  ///
  /// @param patient whether to wait, within the time, for what the reaper is about to free
  private boolean makeRoom(Evictor evictor, long limit, long nanos, boolean patient) {
    long began = System.nanoTime();
    while (usedBytes() > limit) {
      if (engine.keyspace.walk().overBudget()) {
        return true;
      }
      if (policy == Policy.NOEVICTION) {
        return false;
      }
      if (!evictor.evictOne()) {
        return patient && awaitReaper(evictor, limit, nanos, began);
      }
      evicted.increment();
      if (System.nanoTime() - began > nanos) {
        return true;
      }
    }
    return true;
  }

  /// What is being freed is on its way. Whether enough was in time.
  private boolean awaitReaper(Evictor evictor, long limit, long nanos, long began) {
    while (engine.keyspace.keeper().pending() > 0 && System.nanoTime() - began < nanos) {
      evictor.rest(Math.min(nanos, REAPER_NANOS));
      if (usedBytes() <= limit) {
        return true;
      }
    }
    return false;
  }

  /// Goes on where commands had no time to. The keeper's thread, its seat not taken.
  void inBackground(Seat seat) {
    long limit = limitBytes;
    if (limit == 0 || policy == Policy.NOEVICTION || usedBytes() <= limit) {
      return;
    }
    Evictor evictor = background;
    if (evictor == null) {
      background = evictor = new Evictor(engine, this, seat);
    }
    seat.enter();
    try {
      makeRoom(evictor, limit, BACKGROUND_NANOS, false);
    } finally {
      seat.leave();
    }
  }
}
