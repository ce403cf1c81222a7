package dev.spinel.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.spinel.cluster.HostileBus;
import dev.spinel.cluster.NodesFile;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Octets;
import dev.spinel.lua.BitLibrary;
import dev.spinel.lua.JsonLibrary;
import dev.spinel.lua.Lua;
import dev.spinel.lua.LuaChunk;
import dev.spinel.lua.LuaError;
import dev.spinel.lua.LuaLimits;
import dev.spinel.lua.LuaString;
import dev.spinel.lua.MessagePackLibrary;
import dev.spinel.lua.StructLibrary;
import dev.spinel.peer.ReplyReader;
import dev.spinel.server.Fixture;
import dev.spinel.server.LocalSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Every parser that a stranger's bytes reach, each as a function of any bytes that throws only if
/// something is wrong: for a fuzzer with coverage (`fuzz/run TARGET SECONDS`), and for
/// [ParserTargetsTest], which replays what is known.
///
/// What counts as wrong: an exception that the parser doesn't declare, one whose text reaches the
/// client, bytes that are read and then written otherwise, memory that isn't given back, and
/// whatever takes too long (the fuzzer's `-timeout`).
@SuppressWarnings("ImmutableEnumChecker") // the fuzzer has one thread, and so has the test
public enum ParserTargets {
  /// A connection that hasn't logged in, RESP and inline, cut into reads anywhere.
  REQUESTS {
    private Fixture fixture;

    @Override
    void take(byte[] data) {
      if (fixture == null) {
        fixture = Fixture.unread("requirepass", "secret");
      }
      if (data.length == 0) {
        return;
      }
      String said = new String(data, ISO_8859_1);
      try (LocalSession session = new LocalSession(fixture.server)) {
        int piece = 1 + (data[0] & 0xff);
        for (int at = 1; at < data.length && !session.ended(); at += piece) {
          byte[] read = Arrays.copyOfRange(data, at, Math.min(data.length, at + piece));
          proper(session.run(read), said);
          check(session.session().memoryBytes() < LEAST_HELD + 64L * data.length, "holds too much");
        }
      }
    }
  },

  /// What a server says that this one has dialled: replies in RESP2 and RESP3.
  REPLIES {
    @Override
    void take(byte[] data) {
      ReplyReader reader = new ReplyReader(new ReplyReader.ReplyLimits(1 << 16, 8));
      int half = data.length == 0 ? 0 : (data[0] & 0xff) * data.length >> 8;
      reader.feed(data, 0, half, reply -> true);
      if (reader.error() == null) {
        reader.feed(data, half, data.length, reply -> true);
      }
    }
  },

  /// A message on the bus of a cluster, and a node that hears it. Its beginning and its length are
  /// put right, since most of what has others is refused for them.
  BUS {
    @Override
    void take(byte[] data) {
      if (data.length >= 8) {
        System.arraycopy("RCmb".getBytes(ISO_8859_1), 0, data, 0, 4);
        for (int i = 0; i < 4; i++) {
          data[4 + i] = (byte) (data.length >>> 24 - 8 * i);
        }
      }
      HostileBus.hear(data);
    }
  },

  /// A value for RESTORE, whose footer is put right. What is taken is read in every way.
  PAYLOADS {
    private Fixture fixture;
    private long before;

    @Override
    void take(byte[] data) {
      if (fixture == null) {
        fixture = Fixture.unread("enable-debug-command", "yes");
        try (LocalSession session = new LocalSession(fixture.server)) {
          run(session, "DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1");
        }
        restore(new byte[] {0, 1, 'x'}, 10);
        before = empty();
      }
      if (data.length < 2) {
        return;
      }
      restore(Arrays.copyOfRange(data, 1, data.length), 9 + (data[0] & 3));
      check(empty() == before, "memory isn't given back");
    }

    private void restore(byte[] value, int version) {
      byte[] payload = Arrays.copyOf(value, value.length + 10); // without a checksum
      payload[value.length] = (byte) version;
      try (LocalSession session = new LocalSession(fixture.server)) {
        String reply = run(session, "RESTORE", "k", "0", new String(payload, ISO_8859_1));
        if (!reply.startsWith("+OK")) {
          return;
        }
        for (String call : READS) {
          run(session, call.split(" "));
        }
        String dump = run(session, "DUMP", "k");
        String digest = run(session, "DEBUG", "DIGEST-VALUE", "k");
        String again = dump.substring(dump.indexOf('\n') + 1, dump.length() - 2);
        String second = run(session, "RESTORE", "k", "0", again, "REPLACE");
        check(second.startsWith("+OK"), "its own dump is refused: " + second);
        check(run(session, "DEBUG", "DIGEST-VALUE", "k").equals(digest), "its dump differs");
        for (String call : WRITES) {
          run(session, call.split(" "));
        }
      }
    }

    /// How much memory is in use when all keys are gone.
    private long empty() {
      try (LocalSession session = new LocalSession(fixture.server)) {
        run(session, "FLUSHALL", "SYNC");
        String info = run(session, "INFO", "memory");
        int at = info.indexOf("used_memory:") + 12;
        return info.contains("lazyfree_pending_objects:0")
            ? Long.parseLong(info.substring(at, info.indexOf('\r', at)))
            : before;
      }
    }
  },

  /// The text of a script, compiled and run.
  SCRIPTS {
    @Override
    void take(byte[] data) {
      Lua lua = new Lua(new LuaLimits(16 << 20, 4 << 20));
      JsonLibrary.open(lua);
      StructLibrary.open(lua);
      MessagePackLibrary.open(lua);
      BitLibrary.open(lua);
      int[] ticks = {0};
      lua.hook(
          10_000,
          state -> {
            if (++ticks[0] > 20) {
              throw new Enough();
            }
          });
      try {
        lua.call(lua.load(LuaChunk.compile(LuaString.of(data), "@user_script")));
      } catch (LuaError | Enough expected) {
        // as it should be
      }
    }
  },

  /// Lines of `redis.conf`; of one line also the pair of a CONFIG SET.
  CONFIGURATION {
    @Override
    void take(byte[] data) {
      String text = Octets.of(data);
      if (text.contains("include")) {
        return; // reads any file
      }
      try {
        Config.parse(text);
      } catch (ConfigError expected) {
        check(expected.getMessage() != null, "no reason");
      }
      int blank = text.indexOf(' ');
      if (blank > 0) {
        try {
          Config.of()
              .set(List.of(text.substring(0, blank), text.substring(blank + 1)), true, false);
        } catch (ConfigError expected) {
          check(expected.getMessage() != null, "no reason");
        }
      }
    }
  },

  /// Rules of a user, as words and as a file. What is shown of a user makes the same user again.
  RULES {
    private Fixture fixture;
    private Path file;

    @Override
    void take(byte[] data) {
      try {
        if (fixture == null) {
          Path folder = Files.createTempDirectory("rules");
          file = Files.createFile(folder.resolve("users.acl"));
          fixture = Fixture.unread("dir", folder.toString(), "aclfile", "users.acl");
        }
        try (LocalSession session = new LocalSession(fixture.server)) {
          String text = new String(data, ISO_8859_1);
          List<String> call = new ArrayList<>(List.of("ACL", "SETUSER", "u"));
          call.addAll(List.of(text.split(" ", -1)));
          run(session, call.toArray(String[]::new));
          String shown = proper(session.run("ACL", "GETUSER", "u"), text);
          run(session, "ACL", "DRYRUN", "u", "get", "k");
          run(session, "ACL", "SAVE");
          proper(session.run("ACL", "LOAD"), text);
          String loaded = new String(session.run("ACL", "GETUSER", "u"), ISO_8859_1);
          check(loaded.equals(shown), "another after LOAD");
          run(session, "ACL", "DELUSER", "u");
          Files.write(file, data);
          proper(session.run("ACL", "LOAD"), text);
          run(session, "ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all");
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  },

  /// A `nodes.conf`.
  NODES {
    @Override
    void take(byte[] data) {
      try {
        byte[] written = NodesFile.write(NodesFile.read(data), false);
        byte[] again = NodesFile.write(NodesFile.read(written), false);
        check(Arrays.equals(written, again), "written otherwise");
      } catch (NodesFile.Corrupt refused) {
        check(refused.getMessage() != null, "no reason");
      }
    }
  };

  private static final class Enough extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static final long LEAST_HELD = 128 << 10;

  private static final String[] READS = {
    "TYPE k",
    "OBJECT ENCODING k",
    "MEMORY USAGE k",
    "STRLEN k",
    "GETRANGE k 0 -1",
    "LLEN k",
    "LRANGE k 0 -1",
    "LINDEX k -1",
    "LPOS k a RANK -1",
    "HGETALL k",
    "HLEN k",
    "HSCAN k 0",
    "HRANDFIELD k -5 WITHVALUES",
    "HTTL k FIELDS 1 a",
    "SMEMBERS k",
    "SCARD k",
    "SSCAN k 0",
    "SRANDMEMBER k -5",
    "ZRANGE k 0 -1 WITHSCORES",
    "ZRANGE k +inf -inf BYSCORE REV",
    "ZCARD k",
    "ZSCAN k 0",
    "ZRANK k a",
    "XRANGE k - +",
    "XREVRANGE k + -",
    "XINFO STREAM k FULL",
    "XPENDING k g",
    "PFCOUNT k",
    "BITCOUNT k",
    "GET k",
    "SORT k BY nosort ALPHA",
  };

  private static final String[] WRITES = {
    "APPEND k a",
    "SETRANGE k 3 b",
    "INCR k",
    "PFADD k a",
    "LPUSH k a",
    "RPOP k",
    "LREM k 0 a",
    "LSET k 0 " + "y".repeat(99),
    "LTRIM k 0 2",
    "HSET k a 1",
    "HINCRBY k a 1",
    "HDEL k a",
    "HSET k b " + "y".repeat(99),
    "HEXPIRE k 100 FIELDS 1 b",
    "SADD k a",
    "SPOP k",
    "SADD k " + "y".repeat(99),
    "ZADD k 1 a",
    "ZINCRBY k 1 a",
    "ZPOPMIN k",
    "ZADD k 1 " + "y".repeat(99),
    "XADD k * f v",
    "XDEL k 1-1",
    "XTRIM k MAXLEN 3",
    "XGROUP CREATE k g 0",
    "XREADGROUP GROUP g c STREAMS k >",
    "XAUTOCLAIM k g c 0 0",
    "XGROUP DELCONSUMER k g c",
    "COPY k k2 REPLACE",
  };

  /// Throws if something is wrong with what it does with these bytes, which it may change.
  abstract void take(byte[] data);

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  private static String run(LocalSession session, String... words) {
    return proper(session.run(words), String.join(" ", words));
  }

  /// Replies, in which nothing may tell of our own errors.
  private static String proper(byte[] replies) {
    return proper(replies, "");
  }

  /// @param said whose words the replies may repeat
  private static String proper(byte[] replies, String said) {
    String text = new String(replies, ISO_8859_1);
    if (said.contains("Exception") || said.contains("internal error")) {
      return text;
    }
    for (int at = 0; (at = text.indexOf('-', at)) >= 0; at++) {
      if (at == 0 || text.charAt(at - 1) == '\n') {
        String line = text.substring(at, Math.max(at, text.indexOf('\r', at)));
        check(!line.contains("internal error") && !line.contains("Exception"), line);
      }
    }
    return text;
  }

  private static final ParserTargets CHOSEN =
      valueOf(System.getProperty("spinel.fuzz.target", "REQUESTS").toUpperCase(Locale.ROOT));

  /// What the fuzzer calls first: what the target needs is loaded, and no input waits for that.
  public static void fuzzerInitialize() throws IOException {
    for (byte[] known : ParserCorpus.of(CHOSEN)) {
      CHOSEN.take(known.clone());
    }
  }

  /// What the fuzzer calls.
  public static void fuzzerTestOneInput(byte[] data) {
    CHOSEN.take(data);
  }
}
