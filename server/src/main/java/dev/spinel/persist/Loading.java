package dev.spinel.persist;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Waiters;
import dev.spinel.engine.Waiting;

/// How far the loading of a data set has come, for INFO and the gate. Written by whoever loads; any
/// thread may ask.
///
/// **Brief loading.** While a server that starts, or that gets the data of its primary, has read
/// less than `loading-process-events-interval-bytes`, calls that need data wait instead of being
/// refused: as Redis serves nobody before that. So no client of a server with little data is told
/// of the loading.
public final class Loading {
  private final Clock clock;
  private final Waiters<Loading> waiting = new Waiters<>(); // for the end of what is brief
  private volatile long briefBytes = Settings.LOADING_PROCESS_EVENTS_INTERVAL_BYTES.defaultValue();
  private volatile boolean isBrief;
  private volatile boolean underWay;
  private volatile boolean beside; // data is loaded beside what there is, which is served
  private volatile boolean cancelled;
  private volatile long startSeconds;
  private volatile long totalBytes;
  private volatile long bytes;
  private volatile long usedMemory; // that whoever made the file had
  private volatile long keysLoaded;
  private volatile long keysExpired;

  public Loading(Clock clock) {
    this.clock = clock;
  }

  /// From the configuration, which is followed.
  void of(Config config) {
    briefBytes = config.get(Settings.LOADING_PROCESS_EVENTS_INTERVAL_BYTES);
    config.onChange(
        Settings.LOADING_PROCESS_EVENTS_INTERVAL_BYTES,
        changed -> briefBytes = config.get(Settings.LOADING_PROCESS_EVENTS_INTERVAL_BYTES));
  }

  /// Something is going to be loaded; nothing of it is read yet.
  void announce() {
    isBrief = true;
  }

  /// It begins, or will soon: commands that need the data are refused from here on.
  void begin(long ofBytes) {
    startSeconds = clock.millis() / 1000;
    totalBytes = ofBytes;
    bytes = 0;
    usedMemory = 0;
    underWay = true;
  }

  void end() {
    underWay = false;
    takesLonger();
  }

  private void takesLonger() {
    if (isBrief) {
      isBrief = false;
      waiting.wake(any -> true);
    }
  }

  /// Whether calls are to wait for [#longer], as it may soon be over.
  boolean isBrief() {
    return isBrief;
  }

  /// That it has ended, or takes longer.
  Condition longer() {
    return new Condition() {
      @Override
      public void begin(Waiting call) {
        waiting.add(call, Loading.this);
        if (!isBrief) {
          waiting.wake(any -> true);
        }
      }

      @Override
      public void end(Waiting call) {
        waiting.remove(call);
      }

      @Override
      public boolean isAskedFor() {
        return false;
      }
    };
  }

  /// Data is loaded beside what there is, or not any more: only commands that would disturb it are
  /// refused.
  void beside(boolean on) {
    beside = on;
  }

  boolean isBeside() {
    return beside;
  }

  /// Has it given up: the server is to end.
  void cancel() {
    cancelled = true;
  }

  boolean isCancelled() {
    return cancelled;
  }

  boolean isUnderWay() {
    return underWay;
  }

  synchronized void bytes(long now) {
    bytes = now;
    look();
  }

  /// So much more is read.
  synchronized void more(long read) {
    bytes = bytes + read;
    look();
  }

  private void look() {
    if (isBrief && bytes >= briefBytes) {
      takesLonger();
    }
  }

  void usedMemory(long then) {
    usedMemory = then;
  }

  void keys(long loaded, long expired) {
    keysLoaded = loaded;
    keysExpired = expired;
  }

  /// INFO persistence.
  void tell(Fields out) {
    out.field("rdb_last_load_keys_expired", keysExpired);
    out.field("rdb_last_load_keys_loaded", keysLoaded);
    out.field("async_loading", beside ? 1 : 0);
    if (!underWay) {
      return;
    }
    out.field("loading", 1);
    long total = totalBytes;
    long done = Math.min(bytes, total);
    long elapsed = clock.millis() / 1000 - startSeconds;
    double percent = total == 0 ? 0 : 100.0 * done / total;
    long eta = elapsed == 0 ? 1 : (long) ((double) elapsed * (total - done) / (done + 1));
    out.field("loading_start_time", startSeconds);
    out.field("loading_total_bytes", total);
    out.field("loading_rdb_used_mem", usedMemory);
    out.field("loading_loaded_bytes", done);
    out.field("loading_loaded_perc", Fields.decimal(percent));
    out.field("loading_eta_seconds", eta);
  }
}
