package dev.spinel.server;

import dev.spinel.client.ClientLine;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Command;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Session;
import dev.spinel.net.Connection;
import dev.spinel.net.Incidents;
import dev.spinel.net.Listener;
import dev.spinel.net.Loop;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// What goes wrong with clients, commands and loops, as lines of the log. What the server can't go
/// on after stops it. Any thread.
final class IncidentLog implements Incidents, Engine.Faults {
  private static final long ATTACK_PAUSE_MILLIS = 60_000; // between lines about attacks

  private final Log log;
  private final Clock clock;
  private final Stop stop;
  private final AtomicLong lastAttackMillis = new AtomicLong(Long.MIN_VALUE);

  IncidentLog(Log log, Clock clock, Stop stop) {
    this.log = log;
    this.clock = clock;
    this.stop = stop;
  }

  // ── clients ──

  void protocolError(ClientConnection client, String error) {
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose("Protocol error (" + error + ") from client: " + client.address());
    }
  }

  void queryBufferExceeded(ClientConnection client) {
    log.warning("Closing client that reached max query buffer length: " + named(client));
  }

  void outOfMemory(ClientConnection client, OutOfMemoryError cause) {
    log.warning(
        "Closing client "
            + named(client)
            + ", as there was no memory for its request: "
            + cause.getMessage());
  }

  void outputExceeded(ClientConnection client, long pendingBytes) {
    log.warning(
        "Client "
            + named(client)
            + " omem="
            + pendingBytes
            + " scheduled to be closed ASAP for overcoming of output buffer limits.");
  }

  void closed(ClientConnection client) {
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose(
          "Client closed connection " + ClientLine.ofClosed(client.session, clock.millis()));
    }
  }

  private static String named(ClientConnection client) {
    return "id=" + client.session.id + " addr=" + client.address();
  }

  // ── Engine.Faults ──

  @Override
  public void bug(String where, Throwable bug) {
    log.warning("A bug, " + where + ": " + trace(bug));
  }

  @Override
  public void diverged(Command command, Throwable cause) {
    log.warning(
        "What "
            + command.name
            + " did couldn't be recorded, so that replicas and files would not have it: the"
            + " server stops. "
            + trace(cause));
    stop.fail();
  }

  @Override
  public void refusedValue(Session session, String why) {
    if (log.isOn(Log.Level.VERBOSE)) {
      log.verbose("A value from " + session.outlet.address() + " was refused: " + why);
    }
  }

  @Override
  public void crossProtocol(Session session) {
    long now = clock.millis();
    long last = lastAttackMillis.get();
    if (now - ATTACK_PAUSE_MILLIS >= last && lastAttackMillis.compareAndSet(last, now)) {
      log.warning(
          "Possible SECURITY ATTACK detected: a client sends POST or Host:, as a browser does"
              + " that a web page uses to reach this server (cross-protocol scripting)."
              + " Connection from "
              + session.outlet.address()
              + " aborted.");
    }
  }

  @Override
  public void repliedToReplica(Session session) {
    log.warning(
        "Replica generated a reply to command '"
            + nameOf(session.lastCommand)
            + "', disconnecting it: "
            + ClientLine.ofClosed(session, clock.millis()));
  }

  @Override
  public void unexpectedError(boolean toReplica, @Nullable Command command, String error) {
    log.warning(
        "== CRITICAL == This "
            + (toReplica
                ? "master is sending an error to its replica: '"
                : "replica is sending an error to its master: '")
            + (error.startsWith("ERR ") ? error.substring(4) : "-" + error)
            + "' after processing the command '"
            + nameOf(command)
            + "'");
  }

  private static String nameOf(@Nullable Command command) {
    return command == null ? "<unknown>" : command.name;
  }

  // ── Incidents of loops ──

  @Override
  public void uncaught(Throwable cause, @Nullable Connection connection) {
    log.warning("A bug: " + trace(cause));
  }

  @Override
  public void loopEnded(Loop loop) {
    log.warning("Event loop " + loop.index() + " has ended by an error. Stopping the server.");
    stop.fail();
  }

  @Override
  public void acceptFailed(Listener listener, IOException cause) {
    log.warning("Accepting client connection: " + cause.getMessage());
  }

  @Override
  public void addressSkipped(String message) {
    log.warning("Warning: " + message);
  }

  @Override
  public void optionRefused(String message) {
    log.warning("A connection's socket does without an option: " + message);
  }

  private static String trace(Throwable bug) {
    StringBuilder text = new StringBuilder(bug.toString());
    for (Throwable cause = bug; cause != null; cause = cause.getCause()) {
      for (StackTraceElement element : cause.getStackTrace()) {
        text.append("\n    at ").append(element);
      }
    }
    return text.toString();
  }
}
