package dev.spinel.server;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.journal.Journal;
import dev.spinel.keyspace.Schedule;
import dev.spinel.keyspace.Slots;
import dev.spinel.observe.Digest;
import dev.spinel.persist.Disk;
import dev.spinel.persist.SystemDisk;
import dev.spinel.value.DictionaryVerifier;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.stream.Stream;

/// A server for a test, that doesn't listen, and what must hold after every test ([#close]):
///
/// - replaying the journal into an empty server gives the same data (`DEBUG DIGEST`),
/// - every table of the data is as it should be ([DictionaryVerifier]), bounds of expiry too,
/// - when all keys are gone, not a byte of the server's memory is in use,
/// - nothing went wrong in the server's own code.
public final class Fixture implements AutoCloseable {
  /// A clock that a test moves.
  public static final class Hands implements Clock {
    private volatile long millis = 1_700_000_000_000L;
    private volatile long off; // what the clock shows too much

    @Override
    public long millis() {
      return millis + off;
    }

    @Override
    public long nanos() {
      return millis * 1_000_000;
    }

    public void forward(long by) {
      millis += by;
    }

    /// Sets the clock forward: no time goes by.
    public void set(long by) {
      off += by;
    }
  }

  /// The clock of a copy: nothing expires in it but by an effect that says so.
  private static final Clock BEFORE_ALL_TIME =
      new Clock() {
        @Override
        public long millis() {
          return 1;
        }

        @Override
        public long nanos() {
          return 1;
        }
      };

  public final Hands clock = new Hands();
  private final Clock time;
  private final Schedule schedule;
  private final Disk disk;
  private final boolean read; // is the journal
  private final ArrayList<Journal.Binding> bindings = new ArrayList<>();
  public final Server server;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private final ByteArrayOutputStream effects = new ByteArrayOutputStream();
  private final List<LocalSession> sessions = new ArrayList<>();
  private final List<Path> folders = new ArrayList<>();
  private Server copy; // built from the journal, once something is verified
  private LocalSession replay; // of `copy`
  private boolean loaded; // something that no effect says
  private boolean mayFail; // the server, in its own code, since the test sees to it
  private int verified; // bytes of `effects` that `copy` has seen

  /// A server whose clock is the test's [#clock].
  public Fixture(String... settings) {
    this(null, Schedule.FREE, settings);
  }

  /// A server with the given clock; null: the test's.
  public Fixture(Clock other, String... settings) {
    this(other, Schedule.FREE, settings);
  }

  /// The same, with threads that run as `schedule` says.
  Fixture(Clock other, Schedule schedule, String... settings) {
    this(other, schedule, true, settings);
  }

  /// A server whose journal nobody reads: large arguments become values without a copy, and nothing
  /// is replayed.
  public static Fixture unread(String... settings) {
    return new Fixture(null, Schedule.FREE, false, settings);
  }

  /// The same with the given clock.
  static Fixture unread(Clock other, String... settings) {
    return new Fixture(other, Schedule.FREE, false, settings);
  }

  /// A server with a disk of the test's.
  Fixture(Disk disk, String... settings) {
    this(null, Schedule.FREE, true, disk, settings);
  }

  private Fixture(Clock other, Schedule schedule, boolean read, String... settings) {
    this(other, schedule, read, new SystemDisk(), settings);
  }

  private Fixture(Clock other, Schedule schedule, boolean read, Disk disk, String... settings) {
    this.schedule = schedule;
    this.disk = disk;
    this.read = read;
    time = other == null ? clock : other;
    server = server(log, time, settings);
    if (read) {
      server.engine.journal.attach(
          Journal.AOF, (bytes, from, length) -> effects.write(bytes, from, length));
    }
    server.startWithoutListening();
  }

  private Server server(OutputStream log, Clock clock, String... settings) {
    List<String> all = new ArrayList<>(List.of("enable-debug-command", "yes", "save", ""));
    all.addAll(List.of("dir", folder().toString()));
    all.addAll(List.of(settings));
    Config config = Config.of(all.toArray(String[]::new));
    return new Server(config, new Log(config, log), clock, schedule, disk);
  }

  /// A folder of its own for a server's files, removed with the fixture.
  private Path folder() {
    try {
      Path made = Files.createTempDirectory("spinel-fixture-");
      folders.add(made);
      return made;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void remove(Path folder) {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A new session, closed with the fixture.
  public LocalSession session() {
    LocalSession session = new LocalSession(server);
    sessions.add(session);
    return session;
  }

  /// The test lets something in the server fail: that it says so is in order.
  void mayFail() {
    mayFail = true;
  }

  /// Loads the data that is on the disk. Whatever there is then isn't in the journal, so nothing is
  /// replayed.
  void load() throws IOException {
    loaded = true;
    server.load();
  }

  /// The lines of the log so far.
  String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  /// The effects so far, as text, `\r\n` as one blank.
  public String effects() {
    return effects.toString(StandardCharsets.ISO_8859_1).replace("\r\n", " ").strip();
  }

  /// The effects so far, as they were recorded.
  public byte[] recorded() {
    return effects.toByteArray();
  }

  /// The reply to one command, as text, `\r\n` as one blank.
  public static String say(LocalSession session, String... words) {
    return text(session.run(words));
  }

  public static String text(byte[] reply) {
    return new String(reply, StandardCharsets.ISO_8859_1).replace("\r\n", " ").strip();
  }

  /// What DEBUG DIGEST says of all data, as the session's server has it.
  public String digest(LocalSession session) {
    return digest(session, () -> {});
  }

  /// The same; `meanwhile` runs at that very moment.
  private static String digest(LocalSession session, Runnable meanwhile) {
    String[] digest = new String[1];
    inStoppedWorld(
        session,
        () -> {
          meanwhile.run();
          byte[] all = Digest.of(session.server().engine, session.dispatcher().seat());
          digest[0] = HexFormat.of().formatHex(all);
        });
    return digest[0];
  }

  /// Bytes in use between two moves of the evacuation: while a node is moved there are two of it.
  static long liveBytes(LocalSession session) {
    long[] bytes = new long[1];
    inStoppedWorld(session, () -> bytes[0] = session.server().liveBytes());
    return bytes[0];
  }

  static void inStoppedWorld(LocalSession session, Runnable action) {
    var dispatcher = session.dispatcher();
    dispatcher.turnBegins();
    session.server().engine.keyspace.world().stop(dispatcher.seat(), action);
    dispatcher.turnEnds();
  }

  private static String cut(String text) {
    return text.length() > 4_000 ? text.substring(0, 4_000) + "..." : text;
  }

  /// The keys whose values two servers don't agree on.
  private List<String> differing(LocalSession one, LocalSession other) {
    List<String> keys = new ArrayList<>();
    for (int database = 0; database < server.engine.keyspace.databases(); database++) {
      var names = new LinkedHashSet<String>();
      for (LocalSession session : List.of(one, other)) {
        say(session, "SELECT", Integer.toString(database));
        String reply = new String(session.run("KEYS", "*"), StandardCharsets.ISO_8859_1);
        int at = reply.indexOf("\r\n") + 2;
        while (at < reply.length()) {
          int line = reply.indexOf("\r\n", at);
          int length = Integer.parseInt(reply.substring(at + 1, line));
          String name = reply.substring(line + 2, line + 2 + length);
          at = line + 4 + length;
          names.add(name);
        }
      }
      for (String name : names) {
        String here = say(one, "DEBUG", "DIGEST-VALUE", name) + say(one, "PEXPIRETIME", name);
        String there = say(other, "DEBUG", "DIGEST-VALUE", name) + say(other, "PEXPIRETIME", name);
        if (!here.equals(there) && keys.size() < 20) {
          keys.add("%s in %d: %s, %s".formatted(name, database, here, there));
        }
      }
    }
    return keys;
  }

  /// From now on replies wait for this, at most until the fixture is closed.
  Journal.Binding bind() {
    Journal.Binding binding = server.engine.journal.bind();
    bindings.add(binding);
    return binding;
  }

  /// Checks that a replay of the journal so far gives the data as they are now; `when` says where
  /// in a test that is.
  void verify(String when) {
    try (LocalSession last = new LocalSession(server)) {
      if (copy == null) {
        String databases = Integer.toString(server.engine.keyspace.databases());
        copy = server(log, BEFORE_ALL_TIME, "databases", databases);
        copy.startWithoutListening();
        replay = new LocalSession(copy);
      }
      // at one moment: the keeper may be evicting
      byte[][] recorded = new byte[1][];
      String digest =
          digest(
              last,
              () -> {
                server.engine.journal.offset(Journal.AOF); // and with it all that is appended
                recorded[0] = effects.toByteArray();
              });
      byte[] all = recorded[0];
      replay.run(Arrays.copyOfRange(all, verified, all.length));
      if (!digest(replay).equals(digest)) {
        String since = new String(all, verified, all.length - verified, ISO_8859_1);
        throw new AssertionError(
            "%s: a replay leaves other data: %s of %s"
                .formatted(when, differing(last, replay), cut(since.replace("\r\n", " "))));
      }
      verified = all.length;
    }
  }

  /// Checks the structure of everything that is stored.
  private void verifyTables(LocalSession session) {
    var keyspace = server.engine.keyspace;
    inStoppedWorld(
        session,
        () -> {
          var verifier = new DictionaryVerifier(session.dispatcher().seat().values.dictionary());
          for (int number = keyspace.nextUsed(0);
              number >= 0;
              number = keyspace.nextUsed(number + 1)) {
            var database = keyspace.database(number);
            for (int slot = 0; database.used() && slot < Slots.COUNT; slot++) {
              if (database.header(slot) != 0) {
                verifier.table(database.header(slot));
              }
            }
          }
        });
  }

  @Override
  public void close() {
    bindings.forEach(Journal.Binding::end);
    for (LocalSession session : sessions) {
      session.close();
    }
    if (read) {
      try {
        if (!loaded) {
          verify("at the end");
        }
        server.engine.journal.detach(Journal.AOF);
      } finally {
        if (copy != null) {
          replay.close();
          copy.close();
        }
      }
    }
    try (LocalSession last = new LocalSession(server)) {
      verifyTables(last);
      inStoppedWorld(last, () -> server.engine.flushAll(last.dispatcher(), false)); // and no dump
      server.awaitReaper();
      // in a stopped world: the account isn't exact while the keeper has allocators flushed
      assertThat(liveBytes(last)).as("bytes in use without keys").isZero();
    }
    server.close();
    folders.forEach(Fixture::remove);
    assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("couldn't be recorded");
    if (!mayFail) {
      assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("A bug");
    }
  }
}
