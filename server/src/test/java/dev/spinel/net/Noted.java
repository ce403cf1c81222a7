package dev.spinel.net;

import java.io.IOException;
import java.util.Queue;
import java.util.function.Consumer;

/// Incidents that a test looks at: failures, and what was done without (addresses, options).
record Noted(Queue<Throwable> failures, Consumer<String> skipped) implements Incidents {
  @Override
  public void uncaught(Throwable cause, Connection connection) {
    failures.add(cause);
  }

  @Override
  public void loopEnded(Loop loop) {
    failures.add(new AssertionError("loop " + loop.index() + " has ended"));
  }

  @Override
  public void acceptFailed(Listener listener, IOException cause) {
    failures.add(cause);
  }

  @Override
  public void addressSkipped(String message) {
    skipped.accept(message);
  }

  @Override
  public void optionRefused(String message) {
    skipped.accept(message);
  }
}
