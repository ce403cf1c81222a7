package dev.spinel.cluster;

import dev.spinel.engine.Call;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Hold;
import dev.spinel.engine.Parcel;
import dev.spinel.engine.Recorder;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Keyspace;
import dev.spinel.keyspace.Seat;
import dev.spinel.peer.Address;
import dev.spinel.value.Place;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one MIGRATE sends, and the condition that the other server has answered. While the call
/// waits its keys are held.
///
/// A client that goes away doesn't end it, since the other server may have the keys already: what
/// is left to do is done by whoever learns last that the client is gone and the answers are there.
///
/// Made and ended under the locks of the keys, on the session's thread. The links' thread, which
/// may be the same one, reads the parcel and tells the outcome. What both use: this object's
/// monitor.
final class Transfer implements Condition {
  /// @param user to log in as, or null
  /// @param password to log in with, or null: don't
  /// @param database there
  /// @param timeoutMillis for which the other server may be silent
  /// @param toReplicas whether a replica of the other server should have the keys, too
  record How(
      Address target,
      @Nullable String user,
      @Nullable String password,
      long database,
      long timeoutMillis,
      boolean toReplicas) {}

  private static final int NAME_BYTES = 100;

  private final Engine engine;
  private final MigrationLinks links;
  private final How how;
  private final Slice[] names;
  private final int asked;
  private final int database; // here
  private final Parcel parcel;
  private final @Nullable Hold hold;
  private final boolean copies;
  private int era; // in which it began

  // monitor
  private final boolean[] arrived;
  private @Nullable String error;
  private boolean isStarted;
  private boolean isDone;
  private @Nullable Waiting waiting;
  private boolean isForsaken;

  /// @param links by which it is sent if the call can wait
  /// @param names of the keys, which are copied
  /// @param asked how many of them, the first ones, the call names
  /// @param mover the call, if it is to delete the keys
  Transfer(
      Engine engine,
      MigrationLinks links,
      How how,
      Slice[] names,
      int asked,
      Parcel parcel,
      @Nullable Call mover) {
    this.engine = engine;
    this.links = links;
    this.how = how;
    this.names = new Slice[names.length];
    for (int i = 0; i < names.length; i++) {
      this.names[i] = new Slice(names[i].copy());
    }
    this.asked = asked;
    this.parcel = parcel;
    this.arrived = new boolean[names.length];
    copies = mover == null;
    database = mover == null ? 0 : mover.database();
    hold = mover == null ? null : mover.hold(this, this.names);
  }

  How how() {
    return how;
  }

  Parcel parcel() {
    return parcel;
  }

  int count() {
    return names.length;
  }

  Slice name(int i) {
    return names[i];
  }

  /// Whether the call names key number `i`: else it stays if it can't go.
  boolean isAsked(int i) {
    return i < asked;
  }

  /// Whether the keys stay.
  boolean copies() {
    return copies;
  }

  /// The hold of the keys, if they are held.
  @Nullable Hold hold() {
    return hold;
  }

  // ── the outcome ──

  /// The other server has key number `i`. The links' thread.
  synchronized void arrived(int i) {
    arrived[i] = true;
  }

  /// What the other server has said it has isn't to be relied on. The links' thread.
  synchronized void noneArrived() {
    Arrays.fill(arrived, false);
  }

  /// There is nothing more to be learnt. The links' thread.
  ///
  /// @param why not everything has arrived, as an error reply; or null
  void ended(@Nullable String why) {
    Waiting told;
    boolean alone;
    synchronized (this) {
      error = why;
      isDone = true;
      told = waiting;
      alone = isForsaken;
      notifyAll();
    }
    if (alone) {
      Thread.ofPlatform().daemon().name("spinel-migrate").start(this::completeOnItsOwn);
    } else if (told != null) {
      told.again();
    }
  }

  /// The error that is to be replied, or null.
  synchronized @Nullable String error() {
    return error;
  }

  synchronized boolean hasArrived(int i) {
    return arrived[i];
  }

  /// Sends it.
  void start(MigrationLinks over) {
    synchronized (this) {
      isStarted = true;
    }
    over.start(this);
  }

  /// Waits until there is an outcome; each step of it has its time limit.
  synchronized void awaitEnd() {
    boolean interrupted = false;
    while (!isDone && !engine.stopping) {
      try {
        wait(100);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (!isDone) {
      error = MigrationLinks.UNREAD;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // ── the condition ──

  @Override
  public void begin(Waiting call) {
    era = engine.era();
    synchronized (this) {
      waiting = call;
    }
    if (hold != null) {
      hold.begin();
    }
    start(links);
  }

  @Override
  public boolean isAskedFor() {
    return false;
  }

  /// It has read what is transferred by then.
  @Override
  public boolean startsOver() {
    return false;
  }

  @Override
  public long heapBytes() {
    return parcel.heapBytes() + (long) NAME_BYTES * names.length;
  }

  @Override
  public void over(Seat seat) {
    if (hold != null) {
      hold.release(seat);
    }
    boolean unread;
    synchronized (this) {
      unread = isDone || !isStarted; // else the server ends, and memory with it
    }
    if (unread) {
      parcel.release(seat.values.large());
    }
  }

  @Override
  public void forsaken(Seat seat) {
    synchronized (this) {
      isForsaken = true;
      if (!isDone) {
        return;
      }
    }
    Recorder recorder = engine.recorder();
    try {
      complete(seat, recorder);
    } finally {
      recorder.close();
    }
  }

  // ── without its client ──

  private void completeOnItsOwn() {
    if (engine.stopping) {
      return;
    }
    try (Dispatcher dispatcher = engine.dispatcher()) {
      dispatcher.turnBegins();
      try {
        complete(dispatcher.seat(), dispatcher.recorder());
      } finally {
        dispatcher.turnEnds();
      }
    }
  }

  /// Deletes what has arrived, unless something has changed that gates go by: perhaps they would
  /// refuse it.
  private void complete(Seat seat, Recorder recorder) {
    try {
      for (int i = 0; !copies && i < names.length; i++) {
        if (hasArrived(i) && engine.era() == era) {
          delete(i, seat, recorder);
        }
      }
    } finally {
      over(seat);
    }
  }

  private void delete(int i, Seat seat, Recorder recorder) {
    Slice key = names[i];
    int slot = KeySlot.of(key);
    Keyspace keyspace = engine.keyspace;
    var dictionary = seat.values.dictionary();
    seat.lock(slot);
    try {
      long header = keyspace.database(database).header(slot);
      Place place = new Place();
      place.in(database, slot);
      if (header != 0
          && hold != null
          && !hold.hasChanged(i)
          && dictionary.find(header, dictionary.hash(key), key, place)) {
        engine.delete(seat, recorder, database, slot, key, place);
      }
    } finally {
      seat.unlock(slot);
    }
  }
}
