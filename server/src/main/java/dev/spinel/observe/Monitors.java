package dev.spinel.observe;

import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Onlooker;
import dev.spinel.engine.Recorder;
import dev.spinel.engine.Session;
import dev.spinel.wire.Args;
import dev.spinel.wire.Output;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// The sessions that said MONITOR: they are shown every command that runs. This is also the gate
/// that refuses them, and replicas of this server, commands that touch data.
///
/// A line is a message like those of channels: it comes in the order in which calls took effect,
/// where replies are bound it waits as they do, and it is part of the [dev.spinel.engine.Pressure]
/// that holds up clients that send faster than monitors read. A monitor's own commands are shown to
/// it right behind their replies, those of its transaction behind EXEC's.
public final class Monitors implements Gate, Onlooker {
  private static final CommandError NO_KEYSPACE =
      new CommandError("ERR Replica can't interact with the keyspace");

  private final Clock clock;
  private final CopyOnWriteArrayList<Session> monitors = new CopyOnWriteArrayList<>();

  public Monitors(Clock clock) {
    this.clock = clock;
  }

  /// From now on the session is shown all commands. False if it was already, or is a replica.
  synchronized boolean add(Session session, Engine engine) {
    if (session.monitors || session.isReplica) {
      return false;
    }
    monitors.add(session);
    session.monitors = true;
    session.gatesChanged();
    engine.onlooker(this);
    return true;
  }

  /// The session is closed, or said RESET. Its own thread.
  public synchronized void end(Session session, Engine engine) {
    if (session.monitors) {
      session.monitors = false;
      session.gatesChanged();
      monitors.remove(session);
      engine.onlooker(monitors.isEmpty() ? null : this);
    }
  }

  // ── the gate ──

  @Override
  public Rank rank() {
    return Rank.MONITOR;
  }

  private static final int TOUCHES = Command.WRITE | Command.READONLY | Command.MAY_REPLICATE;

  @Override
  public boolean concerns(Command command) {
    return (command.flags() & TOUCHES) != 0;
  }

  @Override
  public boolean concerns(Session session) {
    return session.monitors || session.isReplica;
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    return concerns(call.session()) && call.does(TOUCHES) ? NO_KEYSPACE : null;
  }

  // ── what is shown ──

  /// What runs others is shown before them, though it is declared as not to be shown, as in Redis.
  @Override
  public void ran(Session session, Command command, Args args, Recorder by) {
    boolean shows = !command.is(Command.SKIP_MONITOR) || command.is(Command.SCRIPTED);
    if (command.is(Command.ADMIN) || !shows) {
      return;
    }
    byte[] line = line(session, command, args).getBytes(StandardCharsets.ISO_8859_1);
    for (Session monitor : monitors) {
      by.push(new Session[] {monitor}, line, Monitors::show);
    }
  }

  private static void show(Session monitor, byte[] line, long position) {
    if (monitor.monitors && !monitor.closing && monitor.repliesNow()) {
      Output output = monitor.outlet.output();
      output.write(line, 0, line.length);
      if (position != 0) {
        output.mark(position);
      }
      monitor.outlet.flush();
    }
  }

  private String line(Session session, Command command, Args args) {
    long micros = clock.micros();
    String fraction = Long.toString(1_000_000 + micros % 1_000_000).substring(1);
    String address = session.outlet.address();
    StringBuilder text = new StringBuilder(100);
    text.append('+').append(micros / 1_000_000).append('.').append(fraction);
    text.append(" [").append(session.database).append(' ');
    if (address.startsWith("/")) {
      text.append("unix:").append(address, 0, address.lastIndexOf(':'));
    } else {
      text.append(address);
    }
    text.append(']');
    for (int i = 0; i < args.count(); i++) {
      text.append(' ').append(word(command, args, i));
    }
    return text.append("\r\n").toString();
  }

  private static String word(Command command, Args args, int i) {
    if (SlowLog.isSecret(command, args, i)) {
      return "\"(redacted)\"";
    }
    Slice word = args.at(i);
    return word.node == 0
        ? Octets.quoted(Octets.of(word.copy()))
        : "\"(" + word.length + " bytes)\"";
  }
}
