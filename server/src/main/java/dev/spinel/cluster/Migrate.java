package dev.spinel.cluster;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Family;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Hold;
import dev.spinel.engine.Key;
import dev.spinel.engine.Options;
import dev.spinel.engine.Parcel;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Section;
import dev.spinel.engine.Session;
import dev.spinel.engine.Synopsis;
import dev.spinel.peer.Address;
import dev.spinel.peer.Peers;
import dev.spinel.replication.PeerThread;
import dev.spinel.wire.Args;
import dev.spinel.wire.RespWriter;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// MIGRATE: keys go to another server, and are deleted here once that one has them.
///
/// ```
///   MIGRATE ─► keys' locks: payloads are written, the keys held ─► waits          (reads are served, writes wait)
///                 MigrationLinks: AUTH · SELECT · RESTORE … ─► the other server
///   again   ─► gates · keys' locks: what it has taken is deleted (effect DEL) ─► reply · hold ends
/// ```
///
/// Whatever the other server hasn't acknowledged stays here. So a key may be in both places after
/// an error, as with Redis, and is never in none. If the client goes away in the middle, the rest
/// happens without it ([Transfer]). A gate may refuse the second half, as the server has become a
/// replica, say: then everything stays.
///
/// Within EXEC nothing can wait: the thread stands until the other server has answered, as Redis's
/// does for each MIGRATE.
public final class Migrate implements Family {
  private static final int MIGRATE = 0;

  private static final long USUAL_TIMEOUT_MILLIS = 1000;
  private static final int KEY_BYTES = 100; // of the Java heap, for each key

  private static final CommandError NOT_EMPTY =
      new CommandError(
          "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
  private static final String CHANGED =
      "ERR a key has changed here while it was sent: it stays, and the target has it as it was";

  private final Function<Session, @Nullable Peers> own;
  private final BooleanSupplier encrypted;
  private final Supplier<@Nullable ClusterView> view;
  private final Map<Peers, MigrationLinks> ofThreads = new ConcurrentHashMap<>();
  private final MigrationLinks shared;

  /// @param own other servers as reached from the session's own thread; null: they aren't
  /// @param shared a thread that reaches them for the other sessions, and while a call can't wait
  /// @param view of the cluster, or null: there is none
  public Migrate(
      Function<Session, @Nullable Peers> own,
      PeerThread shared,
      BooleanSupplier encrypted,
      Supplier<@Nullable ClusterView> view) {
    this.own = own;
    this.encrypted = encrypted;
    this.view = view;
    this.shared = new MigrationLinks(shared::post, shared::peers, encrypted);
  }

  private MigrationLinks linksOf(Session session) {
    Peers peers = own.apply(session);
    return peers == null
        ? shared
        : ofThreads.computeIfAbsent(
            peers, any -> new MigrationLinks(Runnable::run, () -> peers, encrypted));
  }

  private int kept() {
    return shared.kept() + ofThreads.values().stream().mapToInt(MigrationLinks::kept).sum();
  }

  /// INFO stats, and what it tells of connections that are kept for the next MIGRATE.
  public Section section() {
    return new Section() {
      @Override
      public String title() {
        return "Stats";
      }

      @Override
      public void tell(Call call, Fields out) {
        out.field("migrate_cached_sockets", kept());
      }
    };
  }

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        MIGRATE,
        "MIGRATE host port:integer (key-selector: @key:RW+access+delete | empty-string='')"
            + " destination-db:integer timeout:integer [COPY]^3.0.0 [REPLACE]^3.0.0"
            + " [authentication: AUTH auth<password>^4.0.7 | AUTH2 (auth2: username"
            + " password)^6.0.0] [KEYS @keys:RW+access+delete+incomplete+from=-2<key>...]^3.0.6",
        "generic 2.6.0 write @dangerous nondeterministic_output",
        """
        Moves keys to another server.
        O(N), N bytes of their values, here and there, and the time that the network takes
        3.0.0 COPY and REPLACE
        3.0.6 KEYS
        4.0.7 AUTH
        6.0.0 AUTH2
        """,
        new Keys());
  }

  /// Where the keys are: one at its place, or those behind KEYS.
  private static final class Keys implements Command.KeyFinder {
    @Override
    public int find(Args args, int from, int[] out, int @Nullable [] flags) {
      int words = args.count() - from;
      int first = 3;
      int count = words > 3 ? 1 : 0;
      for (int i = 6; i < words; i++) {
        if (args.at(from + i).is("KEYS")) {
          first = i + 1;
          count = args.at(from + 3).length > 0 ? 0 : words - first; // else it is an error
          break;
        }
        i += args.at(from + i).is("AUTH") ? 1 : args.at(from + i).is("AUTH2") ? 2 : 0;
      }
      for (int i = 0; i < count; i++) {
        out[i] = first + i;
        if (flags != null) {
          flags[i] = Synopsis.RW | Synopsis.ACCESS | Synopsis.DELETE;
        }
      }
      return count;
    }
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    if (call.handlerWaitedFor() instanceof Transfer sent) {
      finish(call, reply, sent);
      return;
    }
    Wanted wanted = new Wanted(call);
    Transfer made = pack(call, wanted);
    if (made == null) {
      reply.simple("NOKEY");
    } else if (!call.await(made, Call.FOR_EVER)) {
      try {
        made.start(shared);
        made.awaitEnd();
        finish(call, reply, made);
      } finally {
        made.over(call.seat());
      }
    }
  }

  /// What the options ask for.
  private static final class Wanted {
    boolean copies;
    boolean replaces;
    int user; // its argument; 0: none
    int password; // likewise
    int firstKey = 3;
    int keys = 1;
    final long timeoutMillis;
    final long database;

    Wanted(Call call) {
      Options o = call.options(6);
      while (o.next()) {
        if (o.is("COPY")) {
          copies = true;
        } else if (o.is("REPLACE")) {
          replaces = true;
        } else if (o.is("AUTH", 1)) {
          password = o.take();
        } else if (o.is("AUTH2", 2)) {
          user = o.take();
          password = o.take();
        } else if (o.is("KEYS")) {
          if (call.arg(3).length != 0) {
            throw NOT_EMPTY;
          }
          firstKey = o.position() + 1;
          keys = call.argc() - firstKey;
          break;
        } else {
          throw CommandError.SYNTAX;
        }
      }
      long timeout = call.integer(5);
      database = call.integer(4);
      timeoutMillis = timeout <= 0 ? USUAL_TIMEOUT_MILLIS : timeout;
    }
  }

  /// Writes the payloads of those keys that are there; null if none is.
  private @Nullable Transfer pack(Call call, Wanted wanted) {
    call.hold((long) KEY_BYTES * wanted.keys);
    int[] found = new int[wanted.keys];
    int[] count = {0};
    Parcel parcel = call.parcel(out -> count[0] = write(call, wanted, found, out));
    if (count[0] == 0) {
      return null;
    }
    int[] arguments = Arrays.copyOf(found, count[0]);
    Address target = new Address(call.text(1), port(call));
    var how =
        new Transfer.How(
            target,
            wanted.user == 0 ? null : call.text(wanted.user),
            wanted.password == 0 ? null : call.text(wanted.password),
            wanted.database,
            wanted.timeoutMillis,
            hasReplicas(target));
    return new Transfer(
        call.engine(),
        linksOf(call.session()),
        how,
        arguments,
        parcel,
        wanted.copies ? null : call);
  }

  private boolean hasReplicas(Address target) {
    ClusterView now = view.get();
    return now != null
        && now.nodes().stream()
            .filter(node -> node.port() == target.port())
            .filter(
                node -> target.host().equals(node.ip()) || target.host().equals(node.hostname()))
            .flatMap(node -> now.replicasOf(node.id()).stream())
            .anyMatch(replica -> !replica.hasFailed() && !replica.mayHaveFailed());
  }

  private static int port(Call call) {
    return (int) Math.clamp(call.arg(2).toLong(0), 0, 65535);
  }

  /// Returns how many keys there are. Their arguments' numbers go to `found`.
  private static int write(Call call, Wanted wanted, int[] found, RespWriter out) {
    boolean asking = call.limits().inCluster();
    int version = call.limits().intOf(Settings.RDB_VERSION);
    boolean compressing = call.limits().is(Settings.RDBCOMPRESSION);
    int count = 0;
    for (int i = wanted.firstKey; i < wanted.firstKey + wanted.keys; i++) {
      Key key = call.read(i);
      if (key.exists()) {
        found[count++] = i;
        out.array(wanted.replaces ? 5 : 4);
        out.bulk(asking ? "RESTORE-ASKING" : "RESTORE");
        out.bulk(call.arg(i));
        out.bulk(key.expiry() < 0 ? 0 : Math.max(1, key.expiry() - call.now()));
        call.payloads().dump(key.entry(), version, compressing, out);
        if (wanted.replaces) {
          out.bulk("REPLACE");
        }
      }
      call.done(key);
    }
    return count;
  }

  /// The other server has answered: deletes what it has.
  private static void finish(Call call, Reply reply, Transfer sent) {
    int[] arguments = sent.arguments();
    String error = sent.error();
    if (!sent.copies()) {
      Hold hold = sent.hold();
      Object[] effect = new Object[arguments.length + 1];
      int deleted = 0;
      for (int i = 0; i < arguments.length; i++) {
        if (!sent.hasArrived(i)) {
          continue;
        }
        if (hold != null && hold.hasChanged(i)) {
          error = error == null ? CHANGED : error;
          continue;
        }
        Key key = call.write(arguments[i]);
        if (key.exists()) {
          call.delete(key);
          effect[++deleted] = call.arg(arguments[i]);
        }
        call.done(key);
      }
      if (deleted > 0) {
        effect[0] = "DEL";
        call.effect(Arrays.copyOf(effect, deleted + 1));
      }
    }
    if (error == null) {
      reply.ok();
    } else {
      reply.error(error);
    }
  }
}
