package dev.spinel.persist;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Family;
import dev.spinel.engine.Reply;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// BGREWRITEAOF.
public final class AofCommands implements Family {
  private static final int BGREWRITEAOF = 0;
  private static final String STARTED = "Background append only file rewriting started";

  private @Nullable Aof aof;

  public AofCommands() {}

  /// Once it is made, before the first call.
  void of(Aof log) {
    aof = log;
  }

  Aof aof() {
    return Objects.requireNonNull(aof);
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        BGREWRITEAOF,
        "BGREWRITEAOF",
        "server 1.0.0 admin noscript no_async_loading",
        """
        Has the append-only file rewritten in the background.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case BGREWRITEAOF -> rewrite(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  private void rewrite(Call call, Reply reply) {
    if (call.waitedFor() != null) {
      reply.simple(STARTED);
      return;
    }
    switch (aof().rewrite(call.inMulti())) {
      case STARTED -> {
        Condition cut = aof().cut();
        if (cut == null || !call.await(cut, Call.FOR_EVER)) {
          reply.simple(STARTED);
        }
      }
      case SCHEDULED -> reply.simple("Background append only file rewriting scheduled");
      default ->
          throw new CommandError("ERR Background append only file rewriting already in progress");
    }
  }
}
