package dev.spinel.server;

import dev.spinel.config.Settings;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Session;
import dev.spinel.peer.ReplyReader;
import dev.spinel.script.DebugHost;
import dev.spinel.script.Scripts;
import dev.spinel.wire.RespValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/// Where the scripts of a server are debugged: in a session of its own, or in a server beside it
/// that lasts as long.
final class DebugPlaces implements DebugHost {
  private final Server server;

  DebugPlaces(Server server) {
    this.server = server;
  }

  @Override
  public Place live() {
    return new Here(server);
  }

  @Override
  public Place copy() {
    Server copy = new Server(server.config.beside(), server.log, Clock.SYSTEM);
    try {
      copy.startBeside();
      return new Beside(server, copy);
    } catch (RuntimeException | Error e) {
      copy.close();
      throw e;
    }
  }

  private static final long MOMENT_MILLIS = 5;

  /// The reply to a command, once it comes: nothing if the session has ended instead.
  private static byte[] reply(LocalSession session, byte[]... words) {
    String[] texts = new String[words.length];
    for (int i = 0; i < words.length; i++) {
      texts[i] = new String(words[i], StandardCharsets.ISO_8859_1);
    }
    byte[] reply = session.run(texts);
    while (reply.length == 0 && !session.ended()) {
      reply = session.await(MOMENT_MILLIS);
    }
    return reply;
  }

  private static class Here implements Place {
    private final Server at;
    private final LocalSession session;

    Here(Server at) {
      this.at = at;
      this.session = new LocalSession(at);
    }

    @Override
    public Scripts scripts() {
      return at.scripts;
    }

    @Override
    public Session session() {
      return session.session();
    }

    @Override
    public byte[] run(byte[]... words) {
      return reply(session, words);
    }

    @Override
    public Lender lender() {
      throw new IllegalStateException("everything is here");
    }

    @Override
    public void stop() {}

    @Override
    public void close() {
      session.close();
    }
  }

  private static final class Beside extends Here {
    private final Server copy;
    private final Keys keys;

    Beside(Server live, Server copy) {
      super(copy);
      this.copy = copy;
      this.keys = new Keys(live);
    }

    @Override
    public Lender lender() {
      return keys;
    }

    @Override
    public void stop() {
      copy.requestStop();
    }

    @Override
    public void close() {
      try {
        keys.session.close();
        super.close();
      } finally {
        copy.close();
      }
    }
  }

  /// The keys of a server, each lent once.
  private static final class Keys implements Lender {
    private static final String PAGE = "1000"; // keys that one SCAN looks for
    private static final ReplyReader.ReplyLimits WHOLE =
        new ReplyReader.ReplyLimits(Integer.MAX_VALUE, 8);

    private final Server live;
    private final LocalSession session;
    private final List<Set<String>> lent = new ArrayList<>(); // by database
    private final ReplyReader replies = new ReplyReader(WHOLE);
    private RespValue last = new RespValue.Nil();
    private boolean lentAll;

    Keys(Server live) {
      this.live = live;
      session = new LocalSession(live, (command, error) -> {}); // no gate concerns it
      session.session().noTouch = true;
      for (int i = 0; i < databases(); i++) {
        lent.add(new HashSet<>());
      }
    }

    @Override
    public int databases() {
      return live.config.intOf(Settings.DATABASES);
    }

    @Override
    public List<Loan> lend(int database, List<byte[]> keys) {
      List<byte[]> wanted = new ArrayList<>();
      for (byte[] key : keys) {
        if (!lentAll && lent.get(database).add(text(key))) {
          wanted.add(key);
        }
      }
      return wanted.isEmpty() ? List.of() : read(database, wanted);
    }

    @Override
    public void lendAll(Consumer<Loan> to) {
      for (int database = 0; database < databases() && !lentAll; database++) {
        lendAll(database, to);
      }
      lentAll = true;
    }

    private void lendAll(int database, Consumer<Loan> to) {
      ask("SELECT", Integer.toString(database));
      String cursor = "0";
      do {
        List<RespValue> page = ask("SCAN", cursor, "COUNT", PAGE).elements();
        cursor = String.valueOf(page.get(0).text());
        for (RespValue key : page.get(1).elements()) {
          lend(database, List.of(bytes(key))).forEach(to);
        }
      } while (!cursor.equals("0"));
    }

    private List<Loan> read(int database, List<byte[]> keys) {
      ask("SELECT", Integer.toString(database));
      ask("MULTI");
      for (byte[] key : keys) {
        ask(ascii("DUMP"), key);
        ask(ascii("PEXPIRETIME"), key);
      }
      List<RespValue> replies = ask("EXEC").elements();
      List<Loan> loans = new ArrayList<>();
      for (int i = 0; i < keys.size(); i++) {
        RespValue payload = replies.get(2 * i);
        if (payload instanceof RespValue.Bulk bulk) {
          long expiry = replies.get(2 * i + 1).integer();
          loans.add(new Loan(database, keys.get(i), Math.max(0, expiry), bytes(bulk)));
        }
      }
      return loans;
    }

    private RespValue ask(String... words) {
      byte[][] all = new byte[words.length][];
      for (int i = 0; i < words.length; i++) {
        all[i] = ascii(words[i]);
      }
      return ask(all);
    }

    /// Asks until no script takes long in the server.
    private RespValue ask(byte[]... words) {
      while (true) {
        byte[] reply = reply(session, words);
        last = new RespValue.Error("ERR the server ends");
        replies.feed(reply, 0, reply.length, this::take);
        if (!(last instanceof RespValue.Error error)) {
          return last;
        }
        if (!error.text().startsWith("BUSY ") || live.hasEnded()) {
          throw new IllegalStateException(error.text());
        }
        session.await(MOMENT_MILLIS);
      }
    }

    private boolean take(RespValue reply) {
      last = reply;
      return true;
    }

    private static byte[] bytes(RespValue value) {
      return String.valueOf(value.text()).getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String text(byte[] key) {
      return new String(key, StandardCharsets.ISO_8859_1);
    }

    private static byte[] ascii(String text) {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }
  }
}
