package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Gate;
import org.jspecify.annotations.Nullable;

/// Refuses all commands that need data, until it is loaded; or has them wait, if that won't be
/// long. While data is loaded beside what there is, which is served, it refuses only those that
/// would disturb that.
public final class LoadingGate implements Gate {
  private static final CommandError LOADING =
      new CommandError("LOADING Redis is loading the dataset in memory");

  private final Loading loading;

  public LoadingGate(Loading loading) {
    this.loading = loading;
  }

  @Override
  public Rank rank() {
    return Rank.LOADING;
  }

  @Override
  public boolean concerns(Command command) {
    return !command.is(Command.LOADING) || command.is(Command.NO_ASYNC_LOADING);
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (loading.isBeside() && call.does(Command.NO_ASYNC_LOADING)) {
      return LOADING;
    }
    if (!loading.isUnderWay() || !call.lacks(Command.LOADING)) {
      return null;
    }
    return loading.isBrief() && call.await(loading.longer(), Call.FOR_EVER) ? null : LOADING;
  }
}
