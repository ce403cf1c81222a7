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
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
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
  private static final int OTHERS_MOST = 1000; // keys that nobody has named, which come along
  private static final int OTHER_BYTES = 64 << 10; // of them, more or less

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
    Address target = new Address(call.text(1), port(call));
    List<Slice> names = new ArrayList<>(asked(call, wanted));
    int asked = names.size();
    if (takesMore(call, wanted, names, target)) {
      addOthers(call, names);
    }
    call.hold((long) KEY_BYTES * names.size());
    List<Slice> found = new ArrayList<>(names.size());
    int[] askedFound = {0};
    Parcel parcel =
        call.parcel(
            out -> {
              write(call, wanted, names.subList(0, asked), Long.MAX_VALUE, found, out);
              askedFound[0] = found.size();
              write(call, wanted, names.subList(asked, names.size()), OTHER_BYTES, found, out);
            });
    if (found.isEmpty()) {
      return null;
    }
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
        found.toArray(new Slice[0]),
        askedFound[0],
        parcel,
        wanted.copies ? null : call);
  }

  private boolean hasReplicas(Address target) {
    ClusterView now = view.get();
    return now != null
        && now.nodes().stream()
            .filter(node -> isAt(node, target))
            .flatMap(node -> now.replicasOf(node.id()).stream())
            .anyMatch(replica -> !replica.hasFailed() && !replica.mayHaveFailed());
  }

  private static boolean isAt(NodeView node, Address address) {
    return node.port() == address.port()
        && (address.host().equals(node.ip()) || address.host().equals(node.hostname()));
  }

  private static int port(Call call) {
    return (int) Math.clamp(call.arg(2).toLong(0), 0, 65535);
  }

  private static List<Slice> asked(Call call, Wanted wanted) {
    return IntStream.range(wanted.firstKey, wanted.firstKey + wanted.keys)
        .mapToObj(call::arg)
        .toList();
  }

  /// Writes those of the keys that are there, until there are so many bytes, and adds their names
  /// to `found`.
  private static void write(
      Call call, Wanted wanted, List<Slice> names, long bytes, List<Slice> found, RespWriter out) {
    boolean asking = call.limits().inCluster();
    int version = call.limits().intOf(Settings.RDB_VERSION);
    boolean compressing = call.limits().is(Settings.RDBCOMPRESSION);
    long left = bytes;
    for (Slice name : names) {
      if (left <= 0) {
        return;
      }
      Key key = call.read(name);
      if (key.exists()) {
        if (bytes != Long.MAX_VALUE) {
          left -= name.length + call.weight(key.entry());
        }
        found.add(name);
        out.array(wanted.replaces ? 5 : 4);
        out.bulk(asking ? "RESTORE-ASKING" : "RESTORE");
        out.bulk(name);
        out.bulk(key.expiry() < 0 ? 0 : Math.max(1, key.expiry() - call.now()));
        call.payloads().dump(key.entry(), version, compressing, out);
        if (wanted.replaces) {
          out.bulk("REPLACE");
        }
      }
      call.done(key);
    }
  }

  // ── a slot that is emptied ──

  /// Whether others of the slot come along: its keys were just named here, of a slot that goes to
  /// that node, and now the same ones are to go, in the same order. That is how a slot is emptied,
  /// and the next ones would be asked for next.
  private boolean takesMore(Call call, Wanted wanted, List<Slice> names, Address target) {
    long told = call.session().toldKeys;
    call.session().toldKeys = 0;
    ClusterView now = view.get();
    if (told == 0
        || now == null
        || wanted.copies
        || wanted.replaces // what is there is replaced only where that is asked for
        || wanted.database != 0
        || call.inMulti()
        || call.isInScript()
        || names.isEmpty()
        || !call.mayUseAnyKey()) {
      return false;
    }
    NodeView going = now.migratingTo(KeySlot.of(names.getFirst()));
    return going != null
        && isAt(going, target)
        && told == SlotKeys.hash(call.values().dictionary(), names.stream());
  }

  /// Adds others of the slot that nobody holds.
  private static void addOthers(Call call, List<Slice> names) {
    Set<Slice> asked = new HashSet<>(names);
    int slot = KeySlot.of(names.getFirst());
    new SlotKeys(call.engine())
        .some(call, slot, asked.size() + OTHERS_MOST).stream()
            .map(Slice::new)
            .filter(name -> !asked.contains(name) && !call.isHeld(name))
            .forEach(names::add);
  }

  /// The other server has answered: deletes what it has.
  private static void finish(Call call, Reply reply, Transfer sent) {
    String error = sent.error();
    if (!sent.copies()) {
      Hold hold = sent.hold();
      Object[] effect = new Object[sent.count() + 1];
      int deleted = 0;
      for (int i = 0; i < sent.count(); i++) {
        if (!sent.hasArrived(i)) {
          continue;
        }
        if (hold != null && hold.hasChanged(i)) {
          error = error == null ? CHANGED : error;
          continue;
        }
        Key key = call.write(sent.name(i));
        if (key.exists()) {
          call.delete(key);
          effect[++deleted] = sent.name(i);
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
