package dev.spinel.client;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Keeps to `tracking-table-max-keys`: before a call runs, keys are invalidated that are too many
/// to be remembered. It refuses nothing.
public final class TrackingLimit implements Gate {
  private @Nullable Engine engine; // before the first session

  /// Once it is made.
  public void of(Engine made, Config config) {
    engine = made;
    made.tracking().onCrowded(this::look);
    config.onChange(Settings.TRACKING_TABLE_MAX_KEYS, changed -> look());
  }

  /// Any thread.
  private void look() {
    Engine of = Objects.requireNonNull(engine);
    of.gates.closed(this, of.tracking().isCrowded());
  }

  /// Some ten times a second: does the same where no call comes. On the dispatcher's thread,
  /// seated.
  public void look(Dispatcher by) {
    Engine of = Objects.requireNonNull(engine);
    if (of.tracking().isCrowded()) {
      of.tracking().makeRoom(by);
      look();
    }
  }

  @Override
  public Rank rank() {
    return Rank.TRACKING;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    look(call.dispatcher());
    call.session().receiveInvalidations();
    return null;
  }
}
