package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import dev.spinel.value.Walk;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// INFO persistence, and what it tells of the dump file. Memory that is "copied on write" is what
/// is kept for a snapshot here; it is told as it is at that moment, so its age is always 0.
public final class SavingSection implements Section {
  private @Nullable Persistence persistence; // before the first session

  public SavingSection() {}

  /// Once it is made.
  void of(Persistence made) {
    persistence = made;
  }

  @Override
  public String title() {
    return "Persistence";
  }

  @Override
  public String layout() {
    return """
    loading:0
    async_loading:0
    current_cow_peak:0
    current_cow_size:0
    current_cow_size_age:0
    current_fork_perc:0.00
    current_save_keys_processed:0
    current_save_keys_total:0
    rdb_changes_since_last_save:0
    rdb_bgsave_in_progress:0
    rdb_last_save_time:0
    rdb_last_bgsave_status:ok
    rdb_last_bgsave_time_sec:-1
    rdb_current_bgsave_time_sec:-1
    rdb_saves:0
    rdb_last_cow_size:0
    rdb_last_load_keys_expired:0
    rdb_last_load_keys_loaded:0
    aof_enabled:0
    aof_rewrite_in_progress:0
    aof_rewrite_scheduled:0
    aof_last_rewrite_time_sec:-1
    aof_current_rewrite_time_sec:-1
    aof_last_bgrewrite_status:ok
    aof_rewrites:0
    aof_rewrites_consecutive_failures:0
    aof_last_write_status:ok
    aof_last_cow_size:0
    module_fork_in_progress:0
    module_fork_last_cow_size:0
    """;
  }

  @Override
  public void tell(Call call, Fields out) {
    Persistence known = Objects.requireNonNull(persistence);
    Saving saving = known.saving;
    BaseFile written = known.written();
    if (written != null) {
      Walk walk = call.engine().keyspace.walk();
      long kept = walk.preservedBytes();
      long keys = written.keys;
      long all = written.allKeys;
      out.field("current_cow_peak", Math.max(kept, walk.peakBytes()));
      out.field("current_cow_size", kept);
      out.field("current_fork_perc", Fields.decimal(all == 0 ? 0 : 100.0 * keys / all));
      out.field("current_save_keys_processed", keys);
      out.field("current_save_keys_total", all);
    }
    long since = known.savingSinceMillis();
    if (since >= 0) {
      out.field("rdb_current_bgsave_time_sec", (call.engine().clock.millis() - since) / 1000);
    }
    out.field("rdb_changes_since_last_save", saving.changes());
    out.field("rdb_bgsave_in_progress", known.isSaving() ? 1 : 0);
    out.field("rdb_last_save_time", saving.lastSaveSeconds());
    out.field("rdb_last_bgsave_status", saving.lastFailed() ? "err" : "ok");
    out.field("rdb_last_bgsave_time_sec", saving.lastSeconds());
    out.field("rdb_saves", saving.saves());
    out.field("rdb_last_cow_size", saving.lastKeptBytes());
    known.loading.tell(out);
  }
}
