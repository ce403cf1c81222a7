package dev.spinel.cluster;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Applier;
import dev.spinel.engine.Engine;
import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.replication.PeerThread;
import dev.spinel.wire.RespValue;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The target's end of slots that move whole: asks the source for them, and applies what comes as
/// commands of a trusted session, so it goes to this server's own file and replicas like any
/// effect. Nobody is shown the keys, since the slots aren't this node's yet.
///
/// ```
///   links' thread ──bytes──► queue (4 MB, then the link is paused) ──► spinel-import: seat · 64 KB · seat left
/// ```
final class SlotReceiver implements PeerLink.Listener {
  /// Hears of it. Any thread; never under a lock of the receiver's.
  interface Owner {
    /// So many bytes as were awaited are applied.
    void staged(String move);

    void failed(String move, String reason);
  }

  private static final long QUEUE_MOST = 4 << 20;
  private static final long QUEUE_LEAST = 1 << 20;
  private static final int AT_A_TIME = 64 << 10;
  private static final long ACKED_AT_LEAST = 1 << 20;
  private static final ReplyReader.ReplyLimits SHORT = new ReplyReader.ReplyLimits(64 << 10, 4);

  final String id;
  private final Engine engine;
  private final PeerThread thread;
  private final Config config;
  private final Owner owner;

  private @Nullable PeerLink link; // the links' thread
  private boolean isPaused; // the links' thread

  /// What has come and isn't applied yet. Its arrays are used again: so much goes through them that
  /// new ones would keep the collector busy.
  private static final class Piece {
    final byte[] bytes = new byte[AT_A_TIME];
    int length;

    /// Copies what there is room for, and returns how much that was.
    int add(byte[] from, int begin, int end) {
      int n = Math.min(end - begin, bytes.length - length);
      System.arraycopy(from, begin, bytes, length, n);
      length += n;
      return n;
    }
  }

  private final ArrayDeque<Piece> queue = new ArrayDeque<>(); // monitor
  private final ArrayDeque<Piece> spare = new ArrayDeque<>(); // monitor
  private long queuedBytes; // monitor
  private boolean isOver; // monitor
  private boolean hasMail; // monitor
  private @Nullable Applier applying; // monitor
  private @Nullable Thread applies; // monitor
  private long awaited = -1; // monitor
  private volatile long applied;
  private long acked; // spinel-import

  SlotReceiver(String id, Engine engine, PeerThread thread, Config config, Owner owner) {
    this.id = id;
    this.engine = engine;
    this.thread = thread;
    this.config = config;
    this.owner = owner;
  }

  long appliedBytes() {
    return applied;
  }

  /// Asks the source. Any thread.
  void begin(String myself, ClusterAction.Import of) {
    synchronized (this) {
      Thread made = new Thread(this::apply, "spinel-import");
      made.setDaemon(true);
      made.start();
      applies = made;
    }
    thread.post(() -> dial(myself, of));
  }

  private void dial(String myself, ClusterAction.Import of) {
    Peers peers = thread.peers();
    Requests requests = new Requests(peers, SHORT);
    long timeout = Math.max(1000, config.get(Settings.CLUSTER_NODE_TIMEOUT));
    requests.onEnd(reason -> fail("the link to the source: " + reason));
    requests.dial(
        new Address(of.host(), of.port()),
        new Peers.Dialling(
            timeout, config.text(Settings.BIND_SOURCE_ADDR), config.get(Settings.TLS_CLUSTER)));
    link = requests.link();
    String password = config.text(Settings.MASTERAUTH);
    String user = config.text(Settings.MASTERUSER);
    if (!password.isEmpty()) {
      String[] words =
          user.isEmpty() ? new String[] {"AUTH", password} : new String[] {"AUTH", user, password};
      requests.ask(timeout, new Reply(requests, false), words);
    }
    List<String> words = new ArrayList<>(List.of("CLUSTER", "SYNCSLOTS", id, myself));
    of.slots()
        .ranges(
            (first, last) -> {
              words.add(Integer.toString(first));
              words.add(Integer.toString(last));
            });
    requests.ask(timeout, new Reply(requests, true), words.toArray(new String[0]));
  }

  private final class Reply implements Requests.Answer {
    private final Requests requests;
    private final boolean isLast;

    Reply(Requests requests, boolean isLast) {
      this.requests = requests;
      this.isLast = isLast;
    }

    @Override
    public void replied(RespValue reply) {
      if (reply instanceof RespValue.Error error) {
        fail("the source says: " + error.text());
        requests.close("refused");
      } else if (isLast) {
        requests.stream(SlotReceiver.this);
      }
    }

    @Override
    public void failed(String reason) {
      fail("the source doesn't answer: " + reason);
    }
  }

  // ── the links' thread ──

  @Override
  public void received(PeerLink from, byte[] bytes, int begin, int end) {
    boolean isFull;
    synchronized (this) {
      if (isOver) {
        return;
      }
      for (int at = begin; at < end; ) {
        at += withRoom().add(bytes, at, end);
      }
      queuedBytes += end - begin;
      isFull = queuedBytes > QUEUE_MOST;
      notifyAll();
    }
    if (isFull && !isPaused) {
      isPaused = true;
      from.pause();
    }
  }

  /// Monitor.
  private Piece withRoom() {
    Piece last = queue.peekLast();
    if (last == null || last.length == AT_A_TIME) {
      last = spare.isEmpty() ? new Piece() : spare.pop();
      queue.add(last);
    }
    return last;
  }

  @Override
  public void closed(PeerLink ended, String reason) {
    fail("the link to the source: " + reason);
  }

  private void goOn() {
    PeerLink from = link;
    if (isPaused && from != null) {
      isPaused = false;
      from.resume();
    }
  }

  // ── any thread ──

  /// [Owner#staged] is told once so many bytes are applied.
  synchronized void await(long total) {
    awaited = total;
    notifyAll();
  }

  /// Nothing more is applied: in the next stopped world it has ended.
  void end() {
    synchronized (this) {
      isOver = true;
      Applier running = applying;
      if (running != null) {
        running.stop();
      }
      queue.clear();
      spare.clear();
      notifyAll();
    }
    thread.post(
        () -> {
          PeerLink from = link;
          if (from != null) {
            from.close("the slots have moved, or never will");
          }
        });
  }

  /// Returns once nothing is applied any more, after [#end]: the memory may go. No seat is taken.
  void awaitEnd() {
    Thread running;
    synchronized (this) {
      running = applies;
    }
    try {
      if (running != null) {
        running.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void fail(String reason) {
    boolean first;
    synchronized (this) {
      first = !isOver && (awaited < 0 || applied < awaited);
    }
    if (first) {
      owner.failed(id, reason);
    }
  }

  // ── spinel-import ──

  private synchronized void mail() {
    hasMail = true;
    notifyAll();
  }

  private void apply() {
    String[] failure = {null};
    try (Applier applier =
        new Applier(
                engine, (command, error) -> failure[0] = failure[0] == null ? error : failure[0])
            .waking(this::mail)) {
      synchronized (this) {
        applying = applier;
      }
      while (step(applier)) {
        String why = failure[0] != null ? failure[0] : applier.isOver() ? "no commands" : null;
        if (why != null) {
          fail("what the source sends can't be applied: " + why);
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | OutOfMemoryError e) {
      fail("what the source sends can't be applied: " + e);
    }
  }

  /// Returns whether it goes on.
  private boolean step(Applier applier) throws InterruptedException {
    Piece piece = null;
    boolean isDone = false;
    boolean hasRoom;
    boolean isIdle;
    synchronized (this) {
      while (!isOver
          && !hasMail
          && (queue.isEmpty() || applier.waits())
          && !(awaited >= 0 && applied >= awaited)) {
        wait();
      }
      if (isOver) {
        return false;
      }
      if (awaited >= 0 && applied >= awaited) {
        awaited = Long.MAX_VALUE; // told once
        isDone = true;
      } else if (!hasMail) {
        piece = queue.poll();
        queuedBytes -= piece == null ? 0 : piece.length; // nobody adds to it any more
      }
      hasMail = false;
      hasRoom = queuedBytes < QUEUE_LEAST;
      isIdle = queue.isEmpty();
    }
    if (isDone) {
      owner.staged(id);
      return true;
    }
    if (hasRoom) {
      thread.post(this::goOn);
    }
    if (piece == null) {
      within(applier, applier::receive);
    } else {
      Piece taken = piece;
      within(applier, () -> applier.apply(taken.bytes, 0, taken.length));
      synchronized (this) {
        taken.length = 0;
        spare.push(taken);
      }
    }
    applied = applier.appliedBytes();
    if (applied - acked >= ACKED_AT_LEAST || isIdle && applied > acked) {
      acked = applied;
      byte[] ack = Requests.command("CLUSTER", "SYNCSLOTS", "ACK", Long.toString(applied));
      thread.post(
          () -> {
            PeerLink to = link;
            if (to != null) {
              to.send(ack);
            }
          });
    }
    return true;
  }

  private static void within(Applier applier, Runnable action) {
    applier.begin();
    try {
      if (!applier.isOver()) { // it may have ended while this thread had no seat
        action.run();
      }
    } finally {
      applier.end();
    }
  }
}
