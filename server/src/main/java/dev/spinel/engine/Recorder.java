package dev.spinel.engine;

import dev.spinel.journal.Effects;
import dev.spinel.journal.Journal;
import dev.spinel.journal.Lane;
import dev.spinel.wire.LargeSink;
import java.util.ArrayList;

/// What one thread does to the data, on its way into the journal, and what others are to be told of
/// it. Each dispatcher has one, and each of those who change data unasked: expiry, eviction.
///
/// Effects are gathered while a call runs, and appended as one record under the locks of all slots
/// that they touch.
public final class Recorder {
  private record Push(Session[] to, byte[] text, Inbox.Message message) {}

  private final Journal journal;
  private final Lane lane;
  private final Pressure pressure;
  final Effects effects;
  final Invalidations invalidations;
  private final ArrayList<Push> pushes = new ArrayList<>(0);
  private boolean pushed;

  /// @param large where large arguments of effects are read from
  Recorder(Journal journal, LargeSink large, Pressure pressure, Engine engine) {
    this.invalidations = new Invalidations(engine, this);
    this.journal = journal;
    this.lane = journal.lane();
    this.effects = new Effects(large);
    this.pressure = pressure;
  }

  /// Sends a message about what is being done: at once, or, where replies are bound, when the
  /// record has its position.
  ///
  /// @param to sessions of one thread, at least one; never changed
  public void push(Session[] to, byte[] text, Inbox.Message message) {
    pushed = true;
    if (journal.bound()) {
      pushes.add(new Push(to, text, message));
    } else {
      send(to, text, message, 0);
    }
  }

  private void send(Session[] to, byte[] text, Inbox.Message message, long position) {
    to[0].outlet.inbox().send(to, text, message, position, pressure);
  }

  /// There is something for the running call's own session, to be sent when the call has ended.
  void hasMessage() {
    pushed = true;
  }

  /// Whether messages were sent since [#tookPushes] was last asked.
  boolean hasPushed() {
    return pushed;
  }

  /// Whether messages were sent since this was last asked.
  boolean tookPushes() {
    boolean was = pushed;
    pushed = false;
    return was;
  }

  /// Appends what was gathered, and sends its messages. Returns its position, 0 if there was
  /// nothing.
  public long append() {
    invalidations.recorded();
    long position = 0;
    if (!effects.isEmpty()) {
      position = lane.append(effects, journal.effectsFor());
      effects.clear();
    }
    if (!pushes.isEmpty()) {
      long seen = journal.position(); // its own, or the last that can have been seen anywhere
      for (Push push : pushes) {
        send(push.to, push.text, push.message, seen);
      }
      pushes.clear();
    }
    return position;
  }

  /// Appends bytes of the primary's stream, for this server's own replicas.
  public void relay(byte[] bytes, int from, int count) {
    lane.relay(bytes, from, count);
  }

  /// Appends commands that change no data, for replicas only.
  ///
  /// @param commands whole commands, in RESP
  public void toReplicas(byte[] commands) {
    lane.relay(commands, 0, commands.length);
  }

  /// Its thread changes data no more.
  public void close() {
    lane.close();
  }

  /// Forgets what was gathered and can't be appended.
  void forget() {
    effects.clear();
    pushes.clear();
  }
}
