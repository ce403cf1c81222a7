package dev.spinel.server;

import dev.spinel.engine.Dispatcher;
import dev.spinel.engine.HeapChunks;
import dev.spinel.engine.Inbox;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopHooks;
import dev.spinel.wire.Args;
import dev.spinel.wire.Batch;
import dev.spinel.wire.Chunks;
import dev.spinel.wire.LargeSink;
import java.util.LinkedHashSet;

/// What the server keeps for one loop: its dispatcher (made on first use, by the loop's own
/// thread), and what its connections share.
final class LoopSide implements LoopHooks {
  private static final long CRON_MILLIS = 100;

  final Server server;
  final Loop loop;
  final Dispatcher dispatcher;
  final Args args = new Args();
  final Batch batch = new Batch();
  final LargeSink large;
  final Inbox inbox; // of all its sessions
  final LinkedHashSet<ClientConnection> connections = new LinkedHashSet<>();
  private boolean cronRuns;

  LoopSide(Server server, Loop loop) {
    this.server = server;
    this.loop = loop;
    this.inbox = new Inbox(loop::post, loop::sendIfMany);
    this.dispatcher = server.engine.dispatcher();
    this.large = dispatcher.seat().values.large();
  }

  @Override
  public Chunks chunks() {
    return new HeapChunks(dispatcher.seat());
  }

  @Override
  public void turnBegins() {
    dispatcher.turnBegins();
    if (!cronRuns) {
      loop.schedule(loop.now() + CRON_MILLIS, this::cron);
      cronRuns = true;
    }
  }

  @Override
  public void aboutToSend() {
    loop.setReleased(server.engine.journal.released());
  }

  @Override
  public void turnEnds() {
    dispatcher.turnEnds();
  }

  private void cron() {
    cronRuns = false; // if this fails, the next turn tries again
    loop.schedule(loop.now() + CRON_MILLIS, this::cron);
    cronRuns = true;
    server.cron(this);
  }
}
