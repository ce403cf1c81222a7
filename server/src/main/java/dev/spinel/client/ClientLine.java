package dev.spinel.client;

import dev.spinel.config.Octets;
import dev.spinel.engine.Call;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Session;
import dev.spinel.engine.TrackingMode;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// A session's line in CLIENT LIST and CLIENT INFO, field for field as Redis has it.
public final class ClientLine {
  private ClientLine() {}

  /// A session's line in CLIENT LIST. Of another thread's session it is a racy picture.
  static String of(Session session, Call call) {
    return of(session, call, call.now());
  }

  /// The line of the session that calls, as text for the log.
  public static String ofCaller(Call call) {
    return Octets.decode(of(call.session(), call));
  }

  /// The line of the client whose call this is, or whose script runs it, as [Octets].
  public static String ofClient(Call call) {
    return of(call.client(), call);
  }

  /// The same of a session whose connection closes, as text for the log.
  public static String ofClosed(Session session, long nowMillis) {
    return Octets.decode(of(session, null, nowMillis));
  }

  private static String of(Session session, @Nullable Call call, long nowMillis) {
    StringBuilder flags = new StringBuilder();
    if (session.isReplica) {
      flags.append('S');
    } else if (session.monitors) {
      flags.append('O');
    }
    if (session.isPrimary) {
      flags.append('M');
    }
    if (session.subscribed()) {
      flags.append('P');
    }
    if (session.inMulti() || call != null && session == call.session() && call.inMulti()) {
      flags.append('x');
    }
    if (session.isParked()) {
      flags.append('b');
    }
    TrackingMode tracking = session.tracking;
    if (tracking != null) {
      flags.append('t');
    }
    if (session.redirectBroken) {
      flags.append('R');
    }
    if (tracking != null && tracking.broadcasts()) {
      flags.append('B');
    }
    if (session.closing) {
      flags.append('c');
    }
    if (session.outlet.isUnixSocket()) {
      flags.append('U');
    }
    if (session.readOnly) {
      flags.append('r');
    }
    if (session.noEvict) {
      flags.append('e');
    }
    if (session.noTouch) {
      flags.append('T');
    }
    if (flags.isEmpty()) {
      flags.append('N');
    }
    boolean own = call != null && session == call.session();
    long pending = own ? 0 : session.outlet.pendingBytes();
    long input = session.outlet.inputBytes() + (call != null && own ? requestBytes(call) : 0);
    long lastInteractionMillis =
        Math.max(session.lastInteractionMillis, session.outlet.lastInteractionMillis());
    return "id="
        + session.id
        + " addr="
        + session.outlet.address()
        + " laddr="
        + session.outlet.localAddress()
        + " fd="
        + session.outlet.descriptor()
        + " name="
        + text(session.name)
        + " age="
        + (nowMillis - session.createdMillis) / 1000
        + " idle="
        + Math.max(0, nowMillis - lastInteractionMillis) / 1000
        + " flags="
        + flags
        + " db="
        + session.database
        + " sub="
        + session.channels
        + " psub="
        + session.patterns
        + " ssub="
        + session.shardChannels
        + " multi="
        + session.queuedCommands()
        + " qbuf="
        + input
        + " qbuf-free=0 argv-mem=0 multi-mem="
        + session.queuedBytes()
        + " rbs=16384 rbp=0 obl="
        + pending
        + " oll=0 omem="
        + pending
        + " tot-mem="
        + (session.memoryBytes() + (call != null && own ? requestBytes(call) : 0))
        + " events=r cmd="
        + (session.lastCommand == null ? "NULL" : session.lastCommand.name)
        + " user="
        + user(session)
        + " redir="
        + (tracking == null ? -1 : tracking.redirect())
        + " resp="
        + session.protocol
        + " lib-name="
        + text(session.libraryName)
        + " lib-ver="
        + text(session.libraryVersion);
  }

  /// The running request as it was read: it counts as input until it is done.
  private static long requestBytes(Call call) {
    long bytes = digits(call.argc()) + 3;
    for (int i = 0; i < call.argc(); i++) {
      int length = call.arg(i).length;
      bytes += digits(length) + length + 5;
    }
    return bytes;
  }

  private static int digits(int number) {
    return Integer.toString(number).length();
  }

  private static String user(Session session) {
    Principal user = session.user;
    return user == null ? "(superuser)" : text(user.name());
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
