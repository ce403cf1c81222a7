package dev.spinel.client;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Options;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.engine.Tracking;
import dev.spinel.engine.TrackingMode;
import dev.spinel.engine.TrackingMode.Kind;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: how a connection asks to be told of changes
/// of the keys that it caches. [Tracking] does the rest.
final class TrackingCommands {
  private static final CommandError TWO_REDIRECTS =
      new CommandError("ERR A client can only redirect to a single other client");
  private static final CommandError NO_SUCH_CLIENT =
      new CommandError("ERR The client ID you want redirect to does not exist");
  private static final CommandError PREFIX_WITHOUT_BROADCAST =
      new CommandError("ERR PREFIX option requires BCAST mode to be enabled");
  private static final CommandError OTHER_BROADCAST =
      new CommandError(
          "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and"
              + " then re-enabling it with a different mode.");
  private static final CommandError BROADCAST_AND_OPT =
      new CommandError("ERR OPTIN and OPTOUT are not compatible with BCAST");
  private static final CommandError TWO_OPTS =
      new CommandError("ERR You can't specify both OPTIN mode and OPTOUT mode");
  private static final CommandError OTHER_OPT =
      new CommandError(
          "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and"
              + " then re-enabling it with a different mode.");
  private static final CommandError NOT_CACHING =
      new CommandError(
          "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or"
              + " OPTOUT mode enabled");
  private static final CommandError NOT_OPT_IN =
      new CommandError(
          "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  private static final CommandError NOT_OPT_OUT =
      new CommandError(
          "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");

  private TrackingCommands() {}

  static void track(Call call, Reply reply) {
    long redirect = 0;
    boolean broadcast = false;
    boolean optIn = false;
    boolean optOut = false;
    boolean noLoop = false;
    List<byte[]> prefixes = new ArrayList<>();
    Options o = call.options(3);
    while (o.next()) {
      if (o.is("REDIRECT", 1)) {
        if (redirect != 0) {
          throw TWO_REDIRECTS;
        }
        redirect = o.integer();
        if (call.engine().session(redirect) == null) {
          throw NO_SUCH_CLIENT;
        }
      } else if (o.is("BCAST")) {
        broadcast = true;
      } else if (o.is("OPTIN")) {
        optIn = true;
      } else if (o.is("OPTOUT")) {
        optOut = true;
      } else if (o.is("NOLOOP")) {
        noLoop = true;
      } else if (o.is("PREFIX", 1)) {
        prefixes.add(o.word().copy());
      } else {
        throw CommandError.SYNTAX;
      }
    }
    Session session = call.session();
    if (call.is(2, "ON")) {
      if (!broadcast && !prefixes.isEmpty()) {
        throw PREFIX_WITHOUT_BROADCAST;
      }
      Kind kind = kind(session.tracking, broadcast, optIn, optOut);
      if (broadcast) {
        refuseOverlaps(session.tracking, prefixes);
        if (prefixes.isEmpty()) {
          prefixes.add(new byte[0]); // of all keys
        }
      }
      call.engine().tracking().start(session, kind, redirect, noLoop, prefixes);
    } else if (call.is(2, "OFF")) {
      call.engine().tracking().stop(session);
    } else {
      throw CommandError.SYNTAX;
    }
    reply.ok();
  }

  private static Kind kind(
      @Nullable TrackingMode before, boolean broadcast, boolean optIn, boolean optOut) {
    if (before != null && before.broadcasts() != broadcast) {
      throw OTHER_BROADCAST;
    } else if (broadcast && (optIn || optOut)) {
      throw BROADCAST_AND_OPT;
    } else if (optIn && optOut) {
      throw TWO_OPTS;
    } else if (before != null
        && (optIn && before.kind() == Kind.OPT_OUT || optOut && before.kind() == Kind.OPT_IN)) {
      throw OTHER_OPT;
    }
    return broadcast ? Kind.BROADCAST : optIn ? Kind.OPT_IN : optOut ? Kind.OPT_OUT : Kind.READ;
  }

  /// No prefix may begin another one of the same session: it would be told twice.
  private static void refuseOverlaps(@Nullable TrackingMode before, List<byte[]> prefixes) {
    for (int i = 0; i < prefixes.size(); i++) {
      Slice prefix = new Slice(prefixes.get(i));
      for (Tracking.Prefix old : before == null ? List.<Tracking.Prefix>of() : before.prefixes()) {
        refuseOverlap(prefix, new Slice(old.bytes()), "an existing");
      }
      for (byte[] later : prefixes.subList(i + 1, prefixes.size())) {
        refuseOverlap(prefix, new Slice(later), "another provided");
      }
    }
  }

  private static void refuseOverlap(Slice one, Slice other, String which) {
    int common = Math.min(one.length, other.length);
    Slice begin = new Slice(one.array, one.offset, common);
    if (begin.equal(new Slice(other.array, other.offset, common))) {
      throw new CommandError(
          "ERR Prefix '"
              + one.text()
              + "' overlaps with "
              + which
              + " prefix '"
              + other.text()
              + "'. Prefixes for a single client must not overlap.");
    }
  }

  static void caching(Call call, Reply reply) {
    Session session = call.session();
    TrackingMode mode = session.tracking;
    if (mode == null) {
      throw NOT_CACHING;
    }
    if (call.is(2, "YES")) {
      if (mode.kind() != Kind.OPT_IN) {
        throw NOT_OPT_IN;
      }
    } else if (call.is(2, "NO")) {
      if (mode.kind() != Kind.OPT_OUT) {
        throw NOT_OPT_OUT;
      }
    } else {
      throw CommandError.SYNTAX;
    }
    session.caching = true;
    reply.ok();
  }

  static void redirection(Call call, Reply reply) {
    reply.integer(redirect(call.session().tracking));
  }

  private static long redirect(@Nullable TrackingMode mode) {
    return mode == null ? -1 : mode.redirect();
  }

  static void info(Call call, Reply reply) {
    Session session = call.session();
    TrackingMode mode = session.tracking;
    List<String> flags = new ArrayList<>();
    flags.add(mode == null ? "off" : "on");
    if (mode != null) {
      switch (mode.kind()) {
        case READ -> {}
        case BROADCAST -> flags.add("bcast");
        case OPT_IN -> {
          flags.add("optin");
          if (session.caching) {
            flags.add("caching-yes");
          }
        }
        case OPT_OUT -> {
          flags.add("optout");
          if (session.caching) {
            flags.add("caching-no");
          }
        }
      }
      if (mode.noLoop()) {
        flags.add("noloop");
      }
    }
    if (session.redirectBroken) {
      flags.add("broken_redirect");
    }
    reply.map(3);
    reply.bulk("flags");
    reply.set(flags.size());
    flags.forEach(reply::bulk);
    reply.bulk("redirect");
    reply.integer(redirect(mode));
    reply.bulk("prefixes");
    List<Tracking.Prefix> prefixes = mode == null ? List.of() : mode.prefixes();
    reply.array(prefixes.size());
    prefixes.forEach(prefix -> reply.bulk(prefix.bytes()));
  }
}
