package dev.spinel.server;

import dev.spinel.net.Connection;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import java.io.IOException;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/// Notes whatever goes wrong on a test's loops, for the test to find at its end.
///
/// @param failures where to; loops add to it
record NotedIncidents(Collection<String> failures) implements Incidents {
  @Override
  public void uncaught(Throwable t, @Nullable Connection connection) {
    failures.add(t.toString());
  }

  @Override
  public void loopEnded(Loop ended) {
    failures.add("loop ended");
  }

  @Override
  public void acceptFailed(Listener listener, IOException cause) {
    failures.add(cause.toString());
  }

  @Override
  public void addressSkipped(String message) {
    failures.add(message);
  }
}
