package dev.spinel.cluster;

import dev.spinel.peer.Address;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.wire.RespValue;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The connections of MIGRATE. One carries one transfer at a time; afterwards it is kept for the
/// next one to the same server, for ten seconds. What is sent is read from the transfer's parcel as
/// the network takes it.
///
/// A connection that was kept may have been closed by the other server meanwhile. So a transfer of
/// which no key is known to have arrived is sent once more, over a new connection, as Redis does;
/// after a timeout it isn't.
///
/// In a cluster, what a target with replicas has taken is deleted only once one of them has it,
/// too: the target is asked to WAIT for that. Else a failover there would lose what is nowhere else
/// any more. If none has it soon, it is asked whether it has replicas at all (ROLE): if so, to WAIT
/// for longer, and if that is in vain, too, all keys stay; if not, it isn't asked for a while.
///
/// All of it belongs to one thread, that of its links, but for [#start] and [#kept()]: a client's
/// own, so that nobody has to be woken on the way, or one for all who have none that can wait.
final class MigrationLinks {
  static final String UNCONNECTED = "IOERR error or timeout connecting to the client";
  static final String UNWRITTEN = "IOERR error or timeout writing to target instance";
  static final String UNREAD = "IOERR error or timeout reading to target instance";
  static final String UNREPLICATED =
      "IOERR no replica of the target instance has confirmed the keys in time";

  private static final int KEPT_MOST = 64;
  private static final long KEPT_MILLIS = 10_000;
  private static final long REPLICA_MILLIS = 500; // that one takes at most, as a rule
  private static final int PIECE = 64 << 10;
  private static final int UNSENT_MOST = 256 << 10;
  private static final ReplyReader.ReplyLimits SHORT = new ReplyReader.ReplyLimits(64 << 10, 4);

  /// What the target is asked about its replicas.
  private enum Question {
    NONE,
    /// To WAIT for one.
    WAIT,
    /// Whether there are any.
    ROLE,
    /// To WAIT for one for longer.
    WAIT_LONGER
  }

  private final Executor thread;
  private final Supplier<Peers> peers; // on that thread
  private final BooleanSupplier encrypted;
  private final ArrayDeque<Line> kept = new ArrayDeque<>(); // the one used last comes last
  private final Map<Address, Long> unreplicated = new HashMap<>(); // when it had no replicas
  private byte[] piece = {};
  private volatile int keptCount; // of kept, for other threads

  /// @param thread runs what it is given on the links' thread
  /// @param peers asked on that thread
  /// @param encrypted whether links that are made from now on use TLS; asked on that thread
  MigrationLinks(Executor thread, Supplier<Peers> peers, BooleanSupplier encrypted) {
    this.thread = thread;
    this.peers = peers;
    this.encrypted = encrypted;
  }

  /// Sends a transfer, which is told what came of it. Whoever may use `thread`.
  void start(Transfer transfer) {
    thread.execute(() -> start(transfer, kept(transfer.how().target()), true));
  }

  /// How many connections wait for their next transfer. Any thread.
  int kept() {
    return keptCount;
  }

  private void start(Transfer transfer, @Nullable Line known, boolean mayRetry) {
    Line line = known == null ? new Line(transfer.how().target()) : known;
    line.begin(transfer, mayRetry);
  }

  private @Nullable Line kept(Address target) {
    for (Iterator<Line> each = kept.descendingIterator(); each.hasNext(); ) {
      Line line = each.next();
      if (line.target.equals(target)) {
        each.remove();
        keptCount = kept.size();
        return line;
      }
    }
    return null;
  }

  private void keep(Line line) {
    kept.addLast(line);
    if (kept.size() > KEPT_MOST) {
      kept.removeFirst().close("too many");
    }
    keptCount = kept.size();
  }

  /// A connection.
  private final class Line implements PeerLink.Listener {
    final Address target;
    private final Peers peers = MigrationLinks.this.peers.get();
    private final ReplyReader reader = new ReplyReader(SHORT);
    private @Nullable PeerLink link;
    private boolean stands;
    private long database = -1; // that is selected there
    private long lastMillis; // when something moved, or it was kept
    private boolean isLate; // what has come meanwhile may not have been read yet
    private Peers.@Nullable Alarm alarm;

    // of the transfer under way
    private @Nullable Transfer transfer;
    private boolean mayRetry;
    private boolean logsIn;
    private boolean selects;
    private long sent; // of the parcel
    private int replies;
    private int arrived;
    private @Nullable String error;
    private boolean refused; // AUTH or SELECT was: what follows may be in the wrong place
    private Question question = Question.NONE;
    private boolean timedOut;

    Line(Address target) {
      this.target = target;
    }

    void begin(Transfer next, boolean retries) {
      transfer = next;
      mayRetry = retries;
      sent = 0;
      replies = 0;
      arrived = 0;
      error = null;
      refused = false;
      question = Question.NONE;
      watch(next.how().timeoutMillis());
      if (link == null) {
        link =
            peers.dial(
                target,
                new Peers.Dialling(next.how().timeoutMillis(), "", encrypted.getAsBoolean()),
                this);
      } else {
        introduce(link, next);
      }
    }

    void close(String reason) {
      if (link != null) {
        link.close(reason);
      }
    }

    @Override
    public void connected(PeerLink made) {
      stands = true;
      Transfer waiting = transfer;
      if (waiting != null) {
        introduce(made, waiting);
      }
    }

    private void introduce(PeerLink over, Transfer what) {
      lastMillis = peers.now();
      Transfer.How how = what.how();
      logsIn = how.password() != null;
      selects = how.database() != database;
      if (how.password() != null) {
        over.send(
            how.user() == null
                ? Requests.command("AUTH", how.password())
                : Requests.command("AUTH", how.user(), how.password()));
      }
      if (selects) {
        over.send(Requests.command("SELECT", Long.toString(how.database())));
      }
      send(over, what);
    }

    private void send(PeerLink over, Transfer what) {
      if (piece.length == 0) {
        piece = new byte[PIECE];
      }
      if (sent == what.parcel().bytes()) {
        return;
      }
      while (sent < what.parcel().bytes() && over.unsentBytes() < UNSENT_MOST) {
        int n = what.parcel().read(sent, piece);
        over.send(piece, 0, n);
        sent += n;
      }
      if (sent == what.parcel().bytes() && awaitsReplica(what)) {
        ask(over, Question.WAIT, Math.min(REPLICA_MILLIS, what.how().timeoutMillis() / 2));
      }
    }

    private void ask(PeerLink over, Question next, long millis) {
      question = next;
      over.send(
          next == Question.ROLE
              ? Requests.command("ROLE")
              : Requests.command("WAIT", "1", Long.toString(Math.max(1, millis))));
    }

    private boolean awaitsReplica(Transfer what) {
      Long vain = unreplicated.get(target);
      return !what.copies()
          && what.how().toReplicas()
          && (vain == null || peers.now() - vain > KEPT_MILLIS);
    }

    @Override
    public void drained(PeerLink over, long unsentBytes) {
      lastMillis = peers.now();
      if (transfer != null) {
        send(over, transfer);
      }
    }

    @Override
    public void received(PeerLink from, byte[] bytes, int begin, int end) {
      lastMillis = peers.now();
      reader.feed(bytes, begin, end, reply -> replied(from, reply));
      if (reader.error() != null) {
        from.close("Protocol error: " + reader.error());
      }
    }

    private boolean replied(PeerLink from, RespValue reply) {
      Transfer of = transfer;
      if (of == null) {
        close("Protocol error: a reply that nobody has asked for");
        return false;
      }
      int introductions = (logsIn ? 1 : 0) + (selects ? 1 : 0);
      int number = replies++ - introductions;
      if (number >= of.count()) {
        heardOfReplicas(from, of, reply);
        return true;
      }
      if (reply instanceof RespValue.Error refusal && (number < 0 || of.isAsked(number))) {
        error = error == null ? "ERR Target instance replied with error: " + refusal.text() : error;
      }
      if (number >= 0) {
        arrived++;
        if (!(reply instanceof RespValue.Error) && !refused) {
          of.arrived(number);
        }
      } else if (error != null) {
        refused = true;
      }
      if (number == of.count() - 1 && question == Question.NONE) {
        end(of);
      }
      return true;
    }

    private void heardOfReplicas(PeerLink from, Transfer of, RespValue reply) {
      boolean isConfirmed = reply instanceof RespValue.Int count && count.value() > 0;
      if (isConfirmed) {
        unreplicated.remove(target);
        end(of);
      } else if (question == Question.WAIT) {
        ask(from, Question.ROLE, 0);
      } else if (question == Question.ROLE && hasReplicas(reply)) {
        ask(from, Question.WAIT_LONGER, of.how().timeoutMillis() / 2);
      } else {
        if (question == Question.ROLE) {
          unreplicated.put(target, peers.now());
        } else {
          of.noneArrived();
          error = error == null ? UNREPLICATED : error;
        }
        end(of);
      }
    }

    private static boolean hasReplicas(RespValue role) {
      return role instanceof RespValue.Array words
          && words.elements().size() == 3
          && words.elements().get(2) instanceof RespValue.Array replicas
          && !replicas.elements().isEmpty();
    }

    private void end(Transfer of) {
      database = error == null ? of.how().database() : -1;
      transfer = null;
      String why = error;
      keep(this);
      watch(KEPT_MILLIS);
      of.ended(why);
    }

    /// Has the line looked at when nothing has moved for so long.
    private void watch(long millis) {
      if (alarm != null) {
        alarm.cancel();
      }
      lastMillis = peers.now();
      isLate = false;
      alarm = peers.after(millis, () -> look(millis));
    }

    private void look(long millis) {
      long left = lastMillis + millis - peers.now();
      if (left > 0 || !isLate) {
        isLate = left <= 0;
        alarm = peers.after(Math.max(left, 1), () -> look(millis));
        return;
      }
      alarm = null;
      timedOut = true;
      close(transfer == null ? "not used any more" : "no answer in time");
    }

    @Override
    public void closed(PeerLink ended, String reason) {
      kept.remove(this);
      keptCount = kept.size();
      if (alarm != null) {
        alarm.cancel();
      }
      Transfer of = transfer;
      transfer = null;
      if (of == null) {
        return;
      }
      if (question != Question.NONE) {
        of.noneArrived(); // it may be dying, and its replicas know of nothing
      }
      if (!stands) {
        // Redis notices a refusal when it writes
        of.ended(reason.equals("Connection refused") ? UNWRITTEN : UNCONNECTED);
      } else if (arrived == 0 && mayRetry && !timedOut && error == null) {
        start(of, null, false);
      } else if (error != null) {
        of.ended(error);
      } else {
        of.ended(sent < of.parcel().bytes() ? UNWRITTEN : UNREAD);
      }
    }
  }
}
