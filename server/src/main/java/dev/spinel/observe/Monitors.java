package dev.spinel.observe;

import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Gate;
import dev.spinel.engine.Session;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// The sessions that said MONITOR, and the gate that shows them every command and refuses none.
///
/// A gate is where each command passes before it runs, and gates cost nothing while nobody wants to
/// be asked: the engine's switch is on only while there are monitors. So a command is shown when it
/// is accepted, one of a transaction when it is queued, not when EXEC runs it.
public final class Monitors implements Gate {
  private final Clock clock;
  private final CopyOnWriteArrayList<Session> monitors = new CopyOnWriteArrayList<>();

  public Monitors(Clock clock) {
    this.clock = clock;
  }

  /// From now on the session is shown all commands.
  synchronized void add(Session session, Engine engine) {
    if (monitors.addIfAbsent(session)) {
      session.monitors = true;
      engine.gates.closed(this, true);
    }
  }

  /// The session is closed, or said RESET. Its own thread.
  public synchronized void end(Session session, Engine engine) {
    if (session.monitors) {
      session.monitors = false;
      monitors.remove(session);
      engine.gates.closed(this, !monitors.isEmpty());
    }
  }

  @Override
  public String name() {
    return "monitors";
  }

  @Override
  public boolean concerns(Command command) {
    return !command.is(Command.ADMIN) && !command.is(Command.SKIP_MONITOR);
  }

  @Override
  public @Nullable CommandError refuse(Call call) {
    if (!monitors.isEmpty()) {
      byte[] line =
          line(call.session(), call.command(), call.args()).getBytes(StandardCharsets.ISO_8859_1);
      for (Session monitor : monitors) {
        monitor.outlet.post(() -> show(monitor, line));
      }
    }
    return null;
  }

  private static void show(Session monitor, byte[] line) {
    if (monitor.monitors && !monitor.closing) {
      monitor.outlet.output().write(line, 0, line.length);
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
