package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Waiting;
import org.jspecify.annotations.Nullable;

/// Holds up all calls from the moment at which the data was saved for the last time: what they
/// would change is not saved any more, so nobody may be told that it has changed. Their connections
/// are closed soon.
public final class EndGate implements Gate {
  private static final CommandError ENDING = new CommandError("ERR The server is shutting down");

  private static final Condition NEVER =
      new Condition() {
        @Override
        public void begin(Waiting call) {}

        @Override
        public boolean isAskedFor() {
          return false;
        }
      };

  private volatile boolean closed;

  public EndGate() {}

  /// Stopped world.
  void close(Engine engine) {
    closed = true;
    engine.gates.closed(this, true);
    engine.ends();
  }

  @Override
  public Rank rank() {
    return Rank.END;
  }

  /// What the primary sends isn't in the file any more, and would go on to replicas of this server.
  @Override
  public boolean holdsPrimary() {
    return true;
  }

  @Override
  public boolean concerns(Command command) {
    return true;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    return !closed || call.await(NEVER, Call.FOR_EVER) ? null : ENDING;
  }
}
