package dev.spinel.server;

import dev.spinel.config.Settings;
import dev.spinel.engine.HeapChunks;
import dev.spinel.engine.Inbox;
import dev.spinel.engine.RequestPump;
import dev.spinel.keyspace.Seat;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.LargeSink;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;

/// What the server keeps for one loop: its dispatcher (made on first use, by the loop's own
/// thread), and what its connections share.
final class LoopSide implements LoopHooks {
  private static final long CRON_MILLIS = 100;
  private static final long HELD_MILLIS = 1;
  private static final long MEANWHILE_NANOS = 1_000_000;

  final Server server;
  final Loop loop;
  final RequestPump pump;
  final RequestPump pumpMeanwhile;
  final LargeSink large; // of its connections' readers
  final Inbox inbox; // of all its sessions
  final LoopPeers peers;
  final LinkedHashSet<ClientConnection> connections = new LinkedHashSet<>();
  final LinkedHashSet<ClientConnection> diverted = new LinkedHashSet<>();
  private boolean cronRuns;
  volatile long lastCronNanos; // on the clock of System.nanoTime; 0: it has had nothing to do yet
  private long commandsBefore; // this turn
  private volatile long mostCommands; // in a turn; the loop's thread, or a stopped world
  private volatile long cronNanos; // likewise
  private volatile boolean awaitsRelease; // and is to be told
  private final ArrayDeque<ClientConnection> held = new ArrayDeque<>(); // until there is memory
  private boolean heldLookedAt;

  LoopSide(Server server, Loop loop) {
    this.server = server;
    this.loop = loop;
    this.inbox = new Inbox(loop::post, loop::sendIfMany);
    this.peers = new LoopPeers(loop, server.encryption);
    this.pump = new RequestPump(server.engine.dispatcher());
    this.pumpMeanwhile = pump.meanwhile();
    this.large = new SeatedSink(pump.dispatcher.seat());
    pump.dispatcher.seat().meanwhile(this::serveMeanwhile);
  }

  /// Takes large arguments, if the thread has its seat; else they stay on the Java heap.
  private static final class SeatedSink implements LargeSink {
    private final Seat seat;
    private final LargeSink sink;

    SeatedSink(Seat seat) {
      this.seat = seat;
      this.sink = seat.values.large();
    }

    @Override
    public long begin(int length) {
      return seat.taken() ? sink.begin(length) : 0;
    }

    @Override
    public void fill(long node, int at, byte[] src, int from, int n) {
      sink.fill(node, at, src, from, n);
    }

    @Override
    public void read(long node, int at, byte[] into, int from, int n) {
      sink.read(node, at, into, from, n);
    }

    @Override
    public void abandon(long node) {
      sink.abandon(node);
    }
  }

  /// A script holds this thread up: serves its clients as far as that is possible.
  private void serveMeanwhile(boolean waits) {
    diverted.forEach(ClientConnection::takeAside);
    loop.serveMeanwhile(waits ? MEANWHILE_NANOS : 0);
  }

  @Override
  public Chunks chunks() {
    return new HeapChunks(pump.dispatcher.seat());
  }

  @Override
  public void turnBegins() {
    pump.dispatcher.turnBegins();
    commandsBefore = pump.dispatcher.commands();
    if (!cronRuns) {
      try {
        scheduleCron();
      } catch (OutOfMemoryError e) {
        return; // the turn has begun all the same; the next one tries again
      }
    }
  }

  private void scheduleCron() {
    lastCronNanos = System.nanoTime();
    loop.schedule(loop.now() + CRON_MILLIS, this::cron);
    cronRuns = true;
  }

  @Override
  public void aboutToSend() {
    pump.dispatcher.aboutToSend();
    loop.setReleased(server.engine.journal.released());
  }

  @Override
  public void turnEnds() {
    long commands = pump.dispatcher.commands() - commandsBefore;
    if (commands > mostCommands) {
      mostCommands = commands;
    }
    pump.dispatcher.turnEnds();
    if (loop.holdsBound()) {
      awaitsRelease = true;
      if (loop.released() != server.engine.journal.released()) { // in between, unreported
        released();
      }
    }
  }

  /// More of the journal is released: has the loop turn if replies wait for that. Any thread.
  void released() {
    if (awaitsRelease) {
      awaitsRelease = false;
      loop.post(() -> {});
    }
  }

  /// The connection is sending a command for which there is no memory yet: it is read on when there
  /// is, in the order in which they came.
  void hold(ClientConnection client) {
    held.add(client);
    client.connection.stopReading();
    scheduleLook();
  }

  private void scheduleLook() {
    if (!heldLookedAt && !held.isEmpty()) {
      loop.schedule(loop.now() + HELD_MILLIS, this::lookAtHeld);
      heldLookedAt = true;
    }
  }

  /// Whether some connections wait for memory: then those that come wait behind them.
  boolean holds() {
    return !held.isEmpty();
  }

  private void lookAtHeld() {
    heldLookedAt = false;
    long deadline = server.eviction.deadline();
    for (int left = held.size(); left > 0; left--) {
      ClientConnection client = held.remove();
      if (client.connection.isOpen()) {
        if (client.mayReadOn(deadline)) {
          client.connection.resume();
        } else {
          held.add(client);
        }
      }
    }
    scheduleLook();
  }

  /// The most commands that a turn has run.
  long mostCommands() {
    return mostCommands;
  }

  /// Time in what is done ten times a second.
  long cronNanos() {
    return cronNanos;
  }

  /// CONFIG RESETSTAT. Stopped world.
  void forgetCounts() {
    loop.counts().forgetLongestTurn();
    mostCommands = 0;
    cronNanos = 0;
  }

  private void cron() {
    cronRuns = false; // if this fails, the next turn tries again
    scheduleCron();
    lookAtAll();
    cronNanos = cronNanos + System.nanoTime() - lastCronNanos;
  }

  private void lookAtAll() {
    scheduleLook(); // should that have failed
    if (loop.index() == 0) {
      server.sample();
      server.keepToLimits(pump.dispatcher);
    }
    long idleMillis = server.config.get(Settings.TIMEOUT) * 1000;
    for (ClientConnection client : connections) {
      client.checkOutput();
      if (idleMillis > 0
          && loop.now() - client.lastInteractionMillis() > idleMillis
          && client.mayBeIdle()) {
        server.log.verbose("Closing idle client");
        client.connection.closeAsap("idle");
      }
    }
  }
}
