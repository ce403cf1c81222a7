package dev.spinel.script;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Outlet;
import dev.spinel.engine.Principal;
import dev.spinel.engine.Session;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Threads;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// SCRIPT DEBUG, and the scripts that are being debugged.
///
/// **A session** begins with EVAL of a client that has said SCRIPT DEBUG. From then on what the
/// client sends is the debugger's ([Outlet#divert]), and the script runs on a thread of its own,
/// from a session of its own: in the server itself (SYNC), whose world it stops meanwhile, or in a
/// copy that begins empty, and to which each key is lent when the script first touches it (YES). It
/// ends with the script's reply, and the connection closes.
///
/// Where Redis forks, nobody pays for the data that a script doesn't touch, either: the keys that
/// the call names are lent as of one moment, the others as they are when it is their turn.
final class Debugging {
  static final int MOST_SESSIONS = 16;

  /// What a client may send ahead while its script runs.
  private static final int MOST_HELD = 1 << 20;

  enum Mode {
    /// On a copy.
    ASIDE,
    SYNC
  }

  private final Scripts scripts;
  private final ConcurrentHashMap<Session, Mode> wanted = new ConcurrentHashMap<>();

  /// By the session in which a script runs, while one does.
  private final ConcurrentHashMap<Session, Run> running = new ConcurrentHashMap<>();

  private final Set<Dialogue> dialogues = ConcurrentHashMap.newKeySet();
  private boolean isClosed; // monitor
  private volatile @Nullable DebugHost host; // before the first session

  Debugging(Scripts scripts) {
    this.scripts = scripts;
  }

  void at(DebugHost place) {
    host = place;
  }

  // ── SCRIPT DEBUG ──

  void set(Call call, @Nullable Mode mode) {
    Session session = call.session();
    if (session.outlet.output().pendingBytes() > 0) {
      throw new CommandError("ERR SCRIPT DEBUG must be called outside a pipeline");
    }
    if (mode == null) {
      wanted.remove(session);
    } else {
      wanted.put(session, mode);
    }
  }

  void forget(Session session) {
    wanted.remove(session);
  }

  /// Whether the next script of this session is debugged.
  boolean isWanted(Session session) {
    return !wanted.isEmpty() && wanted.containsKey(session);
  }

  /// What is debugged in a session of its own, null if nothing is.
  @Nullable Run runOf(Session session) {
    return running.isEmpty() ? null : running.get(session);
  }

  /// A script that is to run, and how.
  static final class Run {
    final Debugger.Console console;
    final byte[] source;
    final DebugHost.@Nullable Lender lender; // null: it runs on the data itself

    /// What there is to say once it is over.
    List<String> left = List.of("<endsession>");

    Run(Debugger.Console console, byte[] source, DebugHost.@Nullable Lender lender) {
      this.console = console;
      this.source = source;
      this.lender = lender;
    }
  }

  /// Has the call's script debugged. There is no reply: its client hears from the debugger.
  void begin(Call call) {
    Session session = call.session();
    DebugHost at = host;
    if (session.inMulti()) {
      throw new CommandError("ERR a script of a transaction can't be debugged");
    }
    Mode mode = Objects.requireNonNull(wanted.get(session));
    byte[][] words = new byte[call.argc()][];
    for (int i = 0; i < words.length; i++) {
      words[i] = call.bytes(i);
    }
    Dialogue dialogue = at == null ? null : new Dialogue(at, session, mode, words);
    if (dialogue == null) {
      throw new CommandError("ERR scripts can't be debugged by this client");
    }
    start(dialogue);
    wanted.remove(session);
  }

  private synchronized void start(Dialogue dialogue) {
    if (dialogues.size() >= MOST_SESSIONS) {
      throw new CommandError("ERR too many scripts are being debugged");
    }
    if (!dialogue.client.outlet.divert(dialogue)) {
      throw new CommandError("ERR scripts can't be debugged by this client");
    }
    if (isClosed) { // then the connection closes soon, as all do
      return;
    }
    dialogues.add(dialogue);
    try {
      dialogue.thread.start();
    } catch (OutOfMemoryError e) { // the system has no thread for it
      dialogues.remove(dialogue);
      dialogue.client.outlet.closeAfterReply();
      throw e;
    }
  }

  private synchronized void refuseMore() {
    isClosed = true;
  }

  /// The server ends.
  void close() {
    refuseMore();
    for (Dialogue each : dialogues) {
      each.stop();
    }
    for (Dialogue each : dialogues) {
      Threads.awaitEnd(each.thread);
    }
  }

  /// A client and the script that it debugs.
  private final class Dialogue implements Outlet.Diversion, Debugger.Console, Runnable {
    private static final byte[] END = {};

    private final DebugHost host;
    private final Session client;
    private final Mode mode;
    private final byte[][] words;
    private final LinkedBlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
    private final AtomicInteger held = new AtomicInteger(); // bytes in there
    final Thread thread = new Thread(this, "spinel-debug");
    private final int database;
    private final int protocol;
    private final @Nullable Principal user;
    private final boolean readOnly;
    private volatile DebugHost.@Nullable Place place;
    private volatile boolean isOver; // nothing will be received any more

    Dialogue(DebugHost host, Session client, Mode mode, byte[][] words) {
      this.host = host;
      this.client = client;
      this.mode = mode;
      this.words = words;
      database = client.database;
      protocol = client.protocol;
      user = client.user;
      readOnly = client.readOnly;
      thread.setDaemon(true);
    }

    // ── the client's thread ──

    @Override
    public void received(byte[] buffer, int from, int to) {
      if (isOver || to <= from) {
        return;
      }
      if (held.addAndGet(to - from) > MOST_HELD) {
        stop();
      } else {
        received.add(Arrays.copyOfRange(buffer, from, to));
      }
    }

    @Override
    public void ended() {
      stop();
    }

    void stop() {
      isOver = true;
      received.add(END);
      DebugHost.Place at = place;
      if (at != null) {
        at.stop();
      }
    }

    // ── the thread that debugs ──

    @Override
    public byte @Nullable [] read() {
      try {
        byte[] next = received.take();
        if (next != END) {
          held.addAndGet(-next.length);
          return next;
        }
        received.add(END);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return null;
    }

    @Override
    public void wake() {
      received.add(END);
    }

    @Override
    public void send(byte[] bytes) {
      client.outlet.sendAside(bytes);
    }

    @Override
    public void run() {
      scripts.log.log(
          '*', "A script is being debugged" + (mode == Mode.SYNC ? " in sync mode" : ""));
      try (DebugHost.Place at = mode == Mode.SYNC ? host.live() : host.copy()) {
        place = at;
        if (isOver) {
          at.stop();
        }
        run(at);
      } catch (RuntimeException | OutOfMemoryError e) {
        scripts.log.log('#', "A script can't be debugged: " + e);
        String why = String.valueOf(e.getMessage()).replace('\r', ' ').replace('\n', ' ');
        send(
            ("-ERR can't run the script in debugging mode: " + why + "\r\n")
                .getBytes(StandardCharsets.UTF_8));
      } finally {
        dialogues.remove(this);
        client.outlet.post(client.outlet::closeAfterReply);
        scripts.log.log('*', "The script that was being debugged has ended");
      }
    }

    private void run(DebugHost.Place at) {
      Session session = at.session();
      session.database = database;
      session.authenticated = true;
      DebugHost.Lender lender = mode == Mode.SYNC ? null : at.lender();
      if (lender != null) {
        lendNamed(at, lender); // whatever this user may do
      }
      session.protocol = protocol;
      session.user = user;
      session.readOnly = readOnly;
      session.gatesChanged();
      Debugging there = at.scripts().debugging;
      Run run = new Run(this, words[1], lender);
      there.running.put(session, run);
      byte[] reply;
      try {
        reply = at.run(words);
      } finally {
        there.running.remove(session);
      }
      send(Debugger.said(run.left));
      send(reply);
    }

    /// Lends the keys that the call names.
    private void lendNamed(DebugHost.Place at, DebugHost.Lender lender) {
      long count = Numbers.parseLong(words[2], 0, words[2].length, -1);
      List<byte[]> keys = new ArrayList<>();
      for (int i = 0; i < Math.min(count, words.length - 3L); i++) {
        keys.add(words[3 + i]);
      }
      for (DebugHost.Lender.Loan loan : lender.lend(database, keys)) {
        byte[] reply = at.run(restoring(loan));
        if (reply.length > 0 && reply[0] == '-') {
          String why = new String(reply, 1, reply.length - 1, StandardCharsets.ISO_8859_1).strip();
          throw new IllegalStateException("a key can't be lent to the copy: " + why);
        }
      }
    }
  }

  /// The command by which a key comes to a copy.
  static byte[][] restoring(DebugHost.Lender.Loan loan) {
    return new byte[][] {
      ascii("RESTORE"),
      loan.key(),
      ascii(Long.toString(loan.expiryMillis())),
      loan.payload(),
      ascii("REPLACE"),
      ascii("ABSTTL")
    };
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
