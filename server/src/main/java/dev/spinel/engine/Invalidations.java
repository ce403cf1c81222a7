package dev.spinel.engine;

import dev.spinel.wire.Numbers;
import dev.spinel.wire.Output;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What one thread tells the sessions that track keys ([Tracking]), and in which order they get it:
///
/// - Invalidations that a client's own call causes come behind its reply, and behind all of EXEC's.
///   They wait here until the call has ended ([#write], or [#take] for a call that another thread
///   has run).
/// - Those for other sessions are letters in their inboxes, at once.
/// - Those of prefixes are gathered, and sent once for each turn of the thread ([#endTurn]), or
///   where there are no turns, with the record of the change.
///
/// **A reply made by another thread** goes to its session's thread as a message, and an
/// invalidation by the inbox; these two could overtake each other. So a letter to a session whose
/// call has been served, but whose reply hasn't arrived, is put behind that reply.
///
/// Belongs to the thread of its [Recorder]; letters are written on the receivers' threads.
final class Invalidations {
  /// Stands for all keys.
  static final byte[] OF_ALL = {};

  /// With more keys than this the thread doesn't wait for the end of its turn.
  private static final int MANY_KEYS = 4096;

  private static final Runnable NOTHING = () -> {};
  private static final String CHANNEL = "__redis__:invalidate";

  /// Something for the client whose call is running.
  private record Own(Session receiver, @Nullable Session tracker, byte[] keys) {}

  private final Engine engine;
  private final Recorder recorder;
  private final ArrayList<Own> own = new ArrayList<>(0);
  private final ArrayList<Session> receivers = new ArrayList<>(0); // of what is being sent
  private final TreeMap<Tracking.Prefix, TreeMap<Slice, @Nullable Session>> changes =
      new TreeMap<>();
  private int changedKeys;
  private final Inbox.Message toReader = (to, keys, position) -> write(to, null, keys, position);

  /// Whether the thread says when its turns end.
  boolean hasTurns;

  Invalidations(Engine engine, Recorder recorder) {
    this.engine = engine;
    this.recorder = recorder;
  }

  /// An array of one key, in RESP.
  static byte[] ofKey(byte[] name) {
    byte[] out = new byte[4 + 16 + name.length];
    int at = header(out, 0, '*', 1);
    return java.util.Arrays.copyOf(out, bulk(out, at, new Slice(name)));
  }

  private static int header(byte[] out, int from, char type, int number) {
    out[from] = (byte) type;
    int at = Numbers.format(number, out, from + 1);
    out[at] = '\r';
    out[at + 1] = '\n';
    return at + 2;
  }

  private static int bulk(byte[] out, int from, Slice word) {
    int at = header(out, from, '$', word.length);
    word.copyTo(out, at);
    at += word.length;
    out[at] = '\r';
    out[at + 1] = '\n';
    return at + 2;
  }

  // ── sending ──

  /// The session that tracks in this mode is to be told of these keys, by the next [#send].
  ///
  /// @param running the client whose call is running here, if one is
  void add(Session tracker, TrackingMode mode, byte[] keys, @Nullable Session running) {
    Session receiver = tracker;
    if (mode.redirect() != 0) {
      Session other = engine.session(mode.redirect());
      if (other == null || other.closing) {
        tracker.outlet.post(() -> broken(tracker));
        return;
      }
      receiver = other;
    }
    Session redirecting = mode.redirect() == 0 ? null : tracker;
    if (receiver == running) {
      own.add(new Own(receiver, redirecting, keys));
      recorder.hasMessage();
    } else if (redirecting != null) {
      recorder.push(
          new Session[] {receiver},
          keys,
          (to, text, position) -> write(to, redirecting, text, position));
    } else {
      receivers.add(receiver);
    }
  }

  /// Sends to all that were added: one letter for each thread.
  void send(byte[] keys) {
    while (!receivers.isEmpty()) {
      Inbox inbox = receivers.getFirst().outlet.inbox();
      Session[] ofOneThread =
          receivers.stream().filter(each -> each.outlet.inbox() == inbox).toArray(Session[]::new);
      receivers.removeIf(each -> each.outlet.inbox() == inbox);
      recorder.push(ofOneThread, keys, toReader);
    }
  }

  /// What the client has just read can't be remembered: it is told at once that it isn't valid.
  void atOnce(Session client, Slice name) {
    TrackingMode mode = client.tracking;
    if (mode != null) {
      byte[] keys = ofKey(name.copy());
      add(client, mode, keys, client);
      send(keys);
    }
  }

  // ── prefixes ──

  /// A key with this prefix has changed.
  void broadcast(Tracking.Prefix prefix, Slice key, @Nullable Session by) {
    TreeMap<Slice, @Nullable Session> keys =
        changes.computeIfAbsent(prefix, p -> new TreeMap<>(Slice::compare));
    int before = keys.size();
    keys.put(new Slice(key.copy()), by);
    changedKeys += keys.size() - before;
    if (changedKeys >= MANY_KEYS) {
      tellOfChanges();
    }
  }

  /// The thread's turn ends.
  void endTurn() {
    if (changedKeys != 0) {
      tellOfChanges();
    }
  }

  /// What was recorded is about to be appended.
  void recorded() {
    if (changedKeys != 0 && !hasTurns) {
      tellOfChanges();
    }
  }

  private void tellOfChanges() {
    for (Map.Entry<Tracking.Prefix, TreeMap<Slice, @Nullable Session>> each : changes.entrySet()) {
      tellOfChanges(each.getKey().sessions, each.getValue());
    }
    changes.clear();
    changedKeys = 0;
  }

  private void tellOfChanges(Session[] sessions, TreeMap<Slice, @Nullable Session> keys) {
    byte[] all = encode(keys, null);
    for (Session session : sessions) {
      TrackingMode mode = session.tracking;
      if (mode != null && !isToBeSpared(session, mode, keys)) {
        add(session, mode, all, null);
      }
    }
    send(all);
    for (Session session : sessions) {
      TrackingMode mode = session.tracking;
      if (mode != null
          && isToBeSpared(session, mode, keys)
          && keys.values().stream().anyMatch(by -> by != session)) {
        byte[] others = encode(keys, session);
        add(session, mode, others, null);
        send(others);
      }
    }
  }

  /// Whether the session isn't to be told of all these keys, since it has changed some itself.
  private static boolean isToBeSpared(
      Session session, TrackingMode mode, TreeMap<Slice, @Nullable Session> keys) {
    return mode.noLoop() && keys.containsValue(session);
  }

  /// An array of all keys but those that `except` has changed.
  private static byte[] encode(TreeMap<Slice, @Nullable Session> keys, @Nullable Session except) {
    int count = 0;
    int bytes = 16;
    for (Map.Entry<Slice, @Nullable Session> each : keys.entrySet()) {
      if (except == null || each.getValue() != except) {
        count++;
        bytes += each.getKey().length + 16;
      }
    }
    byte[] out = new byte[bytes];
    int at = header(out, 0, '*', count);
    for (Map.Entry<Slice, @Nullable Session> each : keys.entrySet()) {
      if (except == null || each.getValue() != except) {
        at = bulk(out, at, each.getKey());
      }
    }
    return java.util.Arrays.copyOf(out, at);
  }

  // ── the running call's own ──

  /// Writes what waits for the end of the session's call, which its thread has run.
  ///
  /// @param position of the journal that it is bound to, 0 if to none
  void write(Session session, long position) {
    if (own.isEmpty()) {
      return;
    }
    for (int i = 0; i < own.size(); i++) {
      Own each = own.get(i);
      if (each.receiver == session) {
        write(session, each.tracker, each.keys, position);
      }
    }
    own.removeIf(each -> each.receiver == session);
  }

  /// The same for a call that this thread has run for a session of another one: what is to be run
  /// on that thread, when the reply has been written.
  Runnable take(Session session, long position) {
    if (own.isEmpty()) {
      return NOTHING;
    }
    List<Own> taken = own.stream().filter(each -> each.receiver == session).toList();
    own.removeAll(taken);
    return () -> taken.forEach(each -> write(session, each.tracker, each.keys, position));
  }

  // ── receiving ──

  /// Writes an invalidation to the output. The receiver's own thread.
  ///
  /// @param tracker whose keys they are, if it has redirected its invalidations to the receiver
  private void write(Session to, @Nullable Session tracker, byte[] keys, long position) {
    if (engine.session(to.id) != to) {
      if (tracker != null) {
        tracker.outlet.post(() -> broken(tracker));
      }
      return;
    }
    if (to.isBeingAnswered()) {
      to.outlet.post(() -> write(to, tracker, keys, position));
      return;
    }
    if (tracker == null && to.tracking == null) {
      return; // it has ended that meanwhile
    }
    Output output = to.outlet.output();
    RespWriter out = new RespWriter(output, to.protocol);
    if (to.protocol == 3) {
      out.push(2);
      out.bulk("invalidate");
    } else if (tracker != null && to.subscribed()) {
      out.push(3);
      out.bulk("message");
      out.bulk(CHANNEL);
    } else {
      return;
    }
    if (keys.length == 0) {
      // as in Redis, the null of the session that tracks, not of the one that gets it
      new RespWriter(output, tracker == null ? to.protocol : tracker.protocol).nil();
    } else {
      output.write(keys, 0, keys.length);
    }
    if (position != 0) {
      output.mark(position);
    }
    to.outlet.flush();
  }

  /// The session that gets this one's invalidations is gone. Its own thread.
  private void broken(Session tracker) {
    TrackingMode mode = tracker.tracking;
    if (engine.session(tracker.id) != tracker || mode == null || mode.redirect() == 0) {
      return;
    }
    tracker.redirectBroken = true;
    if (tracker.protocol == 3) {
      RespWriter out = new RespWriter(tracker.outlet.output(), 3);
      out.push(2);
      out.bulk("tracking-redir-broken");
      out.integer(mode.redirect());
      tracker.outlet.flush();
    }
  }
}
