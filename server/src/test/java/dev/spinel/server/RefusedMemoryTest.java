package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Heap;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The system refuses memory at any allocation of a command that moves something: then nothing has
/// moved, and nothing is lost. Also beside a snapshot, which fails, or is right.
class RefusedMemoryTest {
  private static final String LONG = "x".repeat(3_000);
  private static final String HUGE = "y".repeat(200_000);

  private int left; // allocations of commands until one is refused; 0: none is

  private static boolean refuse() {
    throw new OutOfMemoryError("refused by the test");
  }

  /// Whether a command allocates now.
  private static boolean allocates() {
    return StackWalker.getInstance()
        .walk(
            frames -> {
              boolean[] seen = new boolean[2];
              frames.forEach(
                  f -> {
                    seen[0] |=
                        f.getMethodName().equals("refill")
                            || f.getMethodName().equals("allocateRun");
                    seen[1] |=
                        f.getClassName().endsWith(".Dispatcher") && f.getMethodName().equals("run");
                  });
              return seen[0] && seen[1];
            });
  }

  private LocalSession refused(Fixture fixture) {
    LocalSession session = fixture.session();
    Allocator allocator = session.dispatcher().seat().values.allocator();
    session.dispatcher().turnBegins();
    allocator.flush(); // so that each size asks
    session.dispatcher().turnEnds();
    allocator.guard(() -> left == 0 || !allocates() || --left > 0 || refuse());
    return session;
  }

  private static void fill(LocalSession session) {
    say(session, "SET", "string", "value");
    say(session, "SET", "long", LONG, "PX", "1000000");
    say(session, "SET", "huge", HUGE);
    say(session, "SET", "other", "replaced");
    say(session, "PFADD", "sketch", "1", "2", "3", "4", "5", "6", "7");
    say(session, "PFADD", "dense", "1", "2", "3", "8");
    say(session, "PFDEBUG", "TODENSE", "dense");
    say(session, "RPUSH", "list", "a", "b", "c");
    say(session, "RPUSH", "one", "only");
    say(session, "RPUSH", "target", "t");
    say(session, "RPUSH", "large", HUGE, "small", HUGE + "z");
    for (int i = 0; i < 40; i++) {
      say(session, "RPUSH", "nodes", LONG + i);
      say(session, "RPUSH", "target2", i + LONG);
      say(session, "HSET", "small", "f" + i % 5, "v" + i);
      say(session, "RPUSH", "dups", LONG, "x", "y" + i);
    }
    List<String> hash = new ArrayList<>(List.of("HSET", "hash"));
    for (int i = 0; i < 600; i++) {
      hash.addAll(List.of("f" + i, "v" + i));
    }
    say(session, hash.toArray(String[]::new));
    say(session, "HSETEX", "timed", "PX", "5000", "FIELDS", "3", "f1", "a", "f2", "b", "f3", "c");
    fillSets(session);
    for (int i = 1; i <= 12; i++) {
      say(session, "XADD", "stream", i + "-1", "f", i % 2 == 0 ? LONG : "v");
    }
    say(session, "XGROUP", "CREATE", "stream", "g", "0");
    say(session, "XREADGROUP", "GROUP", "g", "c", "COUNT", "5", "STREAMS", "stream", ">");
    say(session, "XREADGROUP", "GROUP", "g", "d", "COUNT", "2", "STREAMS", "stream", ">");
  }

  private static void fillSets(LocalSession session) {
    List<String> members = new ArrayList<>(List.of("SADD", "members"));
    List<String> others = new ArrayList<>(List.of("SADD", "others"));
    List<String> texts = new ArrayList<>(List.of("SADD", "texts"));
    List<String> integers = new ArrayList<>(List.of("SADD", "integers"));
    for (int i = 0; i < 600; i++) {
      members.add("m" + i);
      others.add("m" + (i + 300));
      if (i < 128) {
        texts.add("m" + i);
      }
      if (i < 512) {
        integers.add("" + i);
      }
    }
    for (List<String> words : List.of(members, others, texts, integers)) {
      say(session, words.toArray(String[]::new));
    }
    say(session, "SADD", "lonely", "m5");
    say(session, "SADD", "few", "m5", "1");
    List<String> scores = new ArrayList<>(List.of("ZADD", "zset"));
    for (int i = 0; i < 200; i++) {
      scores.addAll(List.of(i / 2 + ".5", "m" + i));
    }
    say(session, scores.toArray(String[]::new));
    say(session, "ZADD", "zsmall", "1", "m1", "2.5", "m2", "3", "z3");
  }

  /// A key whose time was over is gone, whatever becomes of the command that met it, and the
  /// journal says so before it says anything else of the key.
  @Test
  void whatExpiredStaysExpired() throws Exception {
    try (Fixture fixture = new Fixture()) {
      fixture.mayFail();
      LocalSession other = fixture.session();
      LocalSession session = refused(fixture);
      say(other, "RPUSH", "list", "a");
      say(other, "PEXPIRE", "list", "10");
      fixture.clock.forward(100);
      left = 1;
      assertThat(say(session, "RPUSH", "list", LONG)).startsWith("-ERR internal error");
      assertThat(left).as("memory was refused").isZero();
      assertThat(say(other, "RPUSH", "list", "b")).isEqualTo(":1");
      assertThat(fixture.effects()).containsSubsequence("PEXPIREAT", "DEL", "list", "RPUSH", "b");
    }
  }

  /// Whether the command leaves everything as it is.
  private static boolean isIdle(String command) {
    return command.equals("LMOVE list list RIGHT RIGHT");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RENAME string new",
        "RENAME string other",
        "RENAME long new",
        "RENAME huge other",
        "RENAME hash new",
        "RENAME hash other",
        "RENAME nodes target",
        "RENAMENX small new",
        "RENAMENX nodes new",
        "MOVE string 1",
        "MOVE nodes 1",
        "MOVE hash 2",
        "RENAME stream new",
        "COPY stream other REPLACE",
        "MOVE stream 1",
        "XADD newstream 1-1 f v",
        "XADD stream 13-1 f v",
        "XADD stream 13-1 g v",
        "XADD stream 13-1 f LONG",
        "XADD newstream 13-1 f HUGE HUGE HUGE HUGE HUGE HUGE HUGE",
        "XDEL stream 3-1",
        "XDEL stream 4-1",
        "XTRIM stream MAXLEN 11",
        "XTRIM stream MINID 2-1",
        "COPY string new",
        "COPY huge new",
        "COPY hash new",
        "COPY hash other REPLACE",
        "COPY nodes target REPLACE",
        "COPY large new DB 3",
        "LMOVE list target LEFT RIGHT",
        "LMOVE list new RIGHT LEFT",
        "LMOVE one new LEFT LEFT",
        "LMOVE list list LEFT RIGHT",
        "LMOVE list list RIGHT RIGHT",
        "LMOVE nodes nodes LEFT RIGHT",
        "LMOVE nodes nodes RIGHT LEFT",
        "LMOVE nodes new LEFT LEFT",
        "LMOVE nodes target LEFT LEFT",
        "LMOVE nodes target2 RIGHT LEFT",
        "LMOVE list target2 RIGHT RIGHT",
        "LMOVE large new LEFT RIGHT",
        "SORT nodes ALPHA STORE new",
        "SORT nodes ALPHA STORE other",
        "SORT list ALPHA GET long STORE target2",
        "LMOVE large target RIGHT RIGHT",
        "LMOVE large large LEFT RIGHT",
        "LMOVE large target2 RIGHT LEFT",
        "RPOPLPUSH nodes target",
        "RPOPLPUSH nodes nodes",
        "BLMOVE nodes target2 LEFT RIGHT 1",
        "SETRANGE huge 60000 LONG",
        "SETRANGE huge 199000 LONG",
        "SETRANGE huge 500000 LONG",
        "SETRANGE new 500000 LONG",
        "APPEND huge HUGE",
        "APPEND string HUGE",
        "SETBIT string 7 1",
        "SETBIT huge 800007 0",
        "SETBIT huge 4000000 1",
        "SETBIT new 4000000 1",
        "BITFIELD huge SET u8 #65535 1 SET i64 600007 -7 INCRBY u4 #500000 3",
        "BITOP NOT new huge",
        "BITOP XOR huge huge long string",
        "SADD few m6 m7 m8 m6 m9",
        "SADD few m6 LONG",
        "SADD newset 1 2 m3 4",
        "SADD newset LONG 2 3",
        "SADD texts m1 x y z",
        "SADD integers 1 600 x",
        "SADD integers 5000000000",
        "SADD members m1 x1 x2 x3 x4 x5 x6 x7 x8 x9",
        "SREM texts m1 m2 m3",
        "SREM members m1 m2 m3",
        "SREM integers 1 2",
        "SMOVE members newset m5",
        "SMOVE texts members m5",
        "SMOVE texts integers m5",
        "SMOVE lonely texts m5",
        "SMOVE lonely newset m5",
        "SMOVE lonely integers m5",
        "SMOVE integers members 5",
        "SPOP members",
        "SPOP members 20",
        "SPOP members 590",
        "SPOP members 400",
        "SPOP integers 500",
        "SPOP texts 100",
        "SPOP texts 1000",
        "SUNIONSTORE newset members others",
        "SUNIONSTORE members members others",
        "SUNIONSTORE nodes texts integers few",
        "SUNIONSTORE newset lonely few texts integers members others",
        "SINTERSTORE newset members others",
        "SINTERSTORE hash members texts",
        "SINTERSTORE long texts few",
        "SDIFFSTORE newset members others texts",
        "SDIFFSTORE members members lonely few",
        "SDIFFSTORE newset texts few lonely lonely few",
        "COPY members newset",
        "RENAME members newset",
        "MOVE texts 2",
        "ZADD zset 7 new",
        "ZADD zset 7 m150",
        "ZADD zset 50.5 m150 50.5 new 1 m7 2 newer 50.5 LONG",
        "ZADD zsmall 1.25 m1 7 new",
        "ZADD zsmall 1.25 LONG 7 m1",
        "ZINCRBY zset 60 m5",
        "ZREM zset m5 m199 m0",
        "ZREMRANGEBYRANK zset 10 189",
        "ZPOPMAX zset 70",
        "ZREMRANGEBYRANK zset 0 -1",
        "ZREMRANGEBYSCORE zset -inf inf",
        "ZPOPMIN zset 1000",
        "ZUNIONSTORE new 2 zset zsmall",
        "ZUNIONSTORE zsmall 2 zset zsmall WEIGHTS 1 3",
        "ZINTERSTORE zset 2 zset zsmall",
        "ZRANGESTORE other zset 0 150",
        "COPY zset new",
        "COPY zset zsmall REPLACE",
        "RENAME zset new",
        "MOVE zset 2",
        "PFADD new a b c",
        "PFADD sketch x y z",
        "PFADD dense x y z x1 y1 z1",
        "PFMERGE new sketch dense",
        "PFMERGE sketch dense",
        "PFMERGE dense sketch",
        "HSETNX hash g1 LONG",
        "HINCRBY hash g1 7",
        "HINCRBYFLOAT small g1 7.5",
        "HDEL hash f1 f2 f3 f598",
        "HDEL small f1 f2",
        "LINSERT nodes BEFORE LONG7 LONG",
        "LINSERT list AFTER b HUGE",
        "LSET nodes 7 HUGE",
        "LSET list 1 LONG",
        "LREM nodes 0 LONG7",
        "LTRIM nodes 3 20",
        "LTRIM list 1 1",
        "LREM dups 0 LONG",
        "LREM dups -20 LONG",
        "LREM dups 0 x",
        "SET string LONG EX 100",
        "SET huge x",
        "SETEX new 100 HUGE",
        "INCRBY new 7",
        "INCRBYFLOAT new 7.5",
        "GEOADD zset 1 2 new 3 4 m7 5 6 LONG",
        "GEOADD new 1 2 new 3 4 m7 5 6 LONG",
        "ZADD new 1 a 2 LONG 3 c",
        "EXPIRE nodes 100",
        "PERSIST long",
        "HSETNX new a LONG",
        "HINCRBY new a 7",
        "RPUSH new LONG",
        "RPUSH new HUGE",
        "LINSERT nodes BEFORE LONG7 HUGE",
        "LSET large 0 x",
        "LSET large 1 LONG",
      })
  @Execution(ExecutionMode.CONCURRENT)
  void nothingIsLost(String command) throws Exception {
    for (boolean walked : new boolean[] {false, true}) {
      try (Fixture fixture = new Fixture()) {
        fixture.mayFail();
        LocalSession quiet = fixture.session();
        fill(quiet);
        int refusals = 0;
        boolean more = true;
        for (int nth = 1; more; nth++) {
          String when = command + ", allocation " + nth + (walked ? ", walked" : "");
          String before = fixture.digest(quiet);
          int keys = Integer.parseInt(say(quiet, "DBSIZE").substring(1));
          HeldSnapshot held = walked ? new HeldSnapshot(fixture) : null;
          LocalSession session = refused(fixture);
          say(session, "MULTI"); // where nothing is put off
          say(session, command.replace("LONG", LONG).replace("HUGE", HUGE).split(" "));
          left = nth;
          String reply = say(session, "EXEC");
          more = left <= 0;
          left = 0;
          refusals += more ? 1 : 0;
          if (reply.contains("internal error")) {
            assertThat(more).isTrue();
            assertThat(fixture.digest(quiet)).as(when).isEqualTo(before);
          } else {
            assertThat(reply).as(when).startsWith("*1 ").doesNotContain("-ERR");
            assertThat(fixture.digest(quiet).equals(before)).as(when).isEqualTo(isIdle(command));
          }
          session.close();
          if (held != null) {
            Throwable failure = held.fail();
            if (failure != null) {
              assertThat(failure).as(when).hasMessage("refused by the test");
            } else {
              assertThat(held.entries).as(when).isEqualTo(keys);
            }
          }
          if (!reply.contains("internal error")) { // it could do without
            say(quiet, "FLUSHALL");
            fill(quiet);
          }
        }
        if (walked) { // else some need no memory
          assertThat(refusals).isPositive();
        }
      }
    }
  }

  /// A call of several elements that finds no memory half way has done those before, and that is
  /// what the journal has; a reply for which there is none is lost, but not what it is about.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "HSET hash f1 changed f7 LONG g1 new g2 newer f599 v",
        "HSET small f1 changed g1 new f2 LONG",
        "HSET small g1 new g2 newer g3 newest",
        "HSET new a 1 b LONG c 3",
        "HMSET hash g1 new f1 changed g2 newer",
        "HPEXPIRE hash 1000 FIELDS 3 f1 f7 f599",
        "HPEXPIRE small 1000 FIELDS 3 f1 f2 f3",
        "HPERSIST timed FIELDS 3 f1 f2 f3",
        "HGETEX small PX 1000 FIELDS 3 f1 f2 f3",
        "HGETEX timed PERSIST FIELDS 3 f1 f2 f3",
        "HGETDEL timed FIELDS 3 f1 f2 f3",
        "HSETEX new PX 1000 FIELDS 3 a 1 b LONG c 3",
        "HSETEX hash PX 1000 FIELDS 4 f1 changed f7 LONG g1 new f599 v",
        "HSETEX timed KEEPTTL FIELDS 3 f1 LONG g1 new f2 LONG",
        "HSETEX small PXAT 1 FIELDS 3 f1 changed g1 new f2 LONG",
        "RPUSH list LONG b c LONG",
        "RPUSH new a LONG c LONG d LONG",
        "RPUSH nodes a LONG c LONG d LONG LONG LONG LONG",
        "LPUSH nodes a LONG HUGE LONG d LONG HUGE x",
        "LPUSHX list HUGE b HUGE",
        "LPOP nodes 20",
        "RPOP large 2",
        "LMPOP 2 none nodes LEFT COUNT 7",
        "MSET new1 a new2 LONG string LONG huge b other HUGE",
        "MSET new1 a new1 LONG new2 HUGE hash b",
        "MSETNX new1 a new2 LONG new3 HUGE new4 b",
        "GETSET string HUGE",
        "XDEL stream 1-1 2-1 3-1 4-1 5-1 6-1 7-1 8-1",
        "XTRIM stream MAXLEN 3",
        "XTRIM stream MAXLEN ~ 3",
        "XADD stream MAXLEN 3 13-1 f v",
        "XADD stream MINID = 7-1 13-1 f LONG",
        "XADD newstream MAXLEN 0 13-1 f v",
        "XACK stream g 1-1 2-1 3-1 6-1 9-1",
        "XREADGROUP GROUP g c COUNT 3 STREAMS stream >",
        "XREADGROUP GROUP g e STREAMS stream >",
        "XREADGROUP GROUP g e NOACK STREAMS stream >",
        "XREADGROUP GROUP g c STREAMS stream 0",
        "XCLAIM stream g e 0 1-1 2-1 6-1 9-1 FORCE LASTID 10-1",
        "XCLAIM stream g c 0 1-1 2-1 6-1 JUSTID",
        "XAUTOCLAIM stream g e 0 0",
        "XGROUP CREATE stream h 0",
        "XGROUP CREATE newstream h 0 MKSTREAM",
        "XGROUP CREATECONSUMER stream g e",
        "XGROUP DELCONSUMER stream g c",
        "XGROUP DESTROY stream g",
        "XGROUP SETID stream g 3-1",
        "XSETID stream 100-1 ENTRIESADDED 200",
      })
  @Execution(ExecutionMode.CONCURRENT)
  void whatIsDoneInPartIsRecordedInPart(String command) throws Exception {
    for (boolean walked : new boolean[] {false, true}) {
      try (Fixture fixture = new Fixture()) {
        fixture.mayFail();
        LocalSession quiet = fixture.session();
        boolean more = true;
        for (int nth = 1; more; nth++) {
          say(quiet, "FLUSHALL");
          fill(quiet);
          String when = command + ", allocation " + nth + (walked ? ", walked" : "");
          HeldSnapshot held = walked ? new HeldSnapshot(fixture) : null;
          LocalSession session = refused(fixture);
          left = nth;
          say(session, command.replace("LONG", LONG).replace("HUGE", HUGE).split(" "));
          more = left <= 0;
          left = 0;
          session.close();
          if (held != null) {
            held.fail();
          }
          fixture.verify(when);
        }
      }
    }
  }

  /// A call of several elements, or a transaction, is refused before it has changed anything if the
  /// system hasn't got the memory for it.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "MSET | EACH v",
        "MSETNX | EACH v",
        "HSET fresh | EACH v",
        "HSET hash | EACH v",
        "RPUSH list | EACH",
        "LPUSH fresh | EACH",
        "SADD members | EACH",
        "ZADD zset | 1 EACH",
        "GEOADD fresh | 1 2 EACH",
        "EXEC",
      })
  void whatTheSystemHasNoMemoryForIsRefusedAsAWhole(String form) throws Exception {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      fill(session);
      Heap heap = fixture.server.engine.keyspace.heap();
      heap.mostSlabs(heap.stats().slabs());
      for (int i = 0; heap.makeFree(270_000); i++) {
        say(session, "SET", "filler" + i, HUGE.substring(0, 60_000));
      }
      String before = fixture.digest(session);
      for (int count : new int[] {200, 2}) {
        assertThat(sayMany(session, form, count))
            .endsWith("OOM the system has no memory for all of this command")
            .startsWith(form.equals("EXEC") ? "-EXECABORT " : "-OOM ");
        assertThat(fixture.digest(session)).isEqualTo(before);
      }
      assertThat(say(session, "SET", "string", "v")).isEqualTo("+OK");
      before = fixture.digest(session);
      heap.mostSlabs(Integer.MAX_VALUE);
      // an attempt that was refused before may come to its end only now
      await().until(() -> !sayMany(session, form, 200).startsWith("-"));
      assertThat(fixture.digest(session)).isNotEqualTo(before);
    }
  }

  /// Says a command of `count` elements of 70 bytes, which are read into the JVM's heap, or a
  /// transaction of so many commands.
  private static String sayMany(LocalSession session, String form, int count) {
    if (form.equals("EXEC")) {
      say(session, "MULTI");
      for (int i = 0; i < count; i++) {
        say(session, "RPUSH", "target", "value " + i);
      }
      return say(session, form);
    }
    String some = LONG.substring(0, 70);
    String[] parts = form.split(" \\| ");
    List<String> words = new ArrayList<>(List.of(parts[0].split(" ")));
    for (int i = 0; i < count; i++) {
      for (String word : parts[1].split(" ")) {
        words.add(word.equals("EACH") ? "m" + i + some : word);
      }
    }
    return say(session, words.toArray(String[]::new));
  }

  /// A value that is restored is there as a whole, or not at all.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "string",
        "huge",
        "one",
        "nodes",
        "large",
        "few",
        "texts",
        "integers",
        "members",
        "small",
        "hash",
        "zsmall",
        "zset",
        "stream"
      })
  void whatFindsNoMemoryIsNotRestored(String key) throws Exception {
    try (Fixture fixture = new Fixture()) {
      fixture.mayFail();
      LocalSession quiet = fixture.session();
      fill(quiet);
      String reply = new String(quiet.run("DUMP", key), StandardCharsets.ISO_8859_1);
      String payload = reply.substring(reply.indexOf('\n') + 1, reply.length() - 2);
      String digest = say(quiet, "DEBUG", "DIGEST-VALUE", key);
      for (String target : List.of("fresh", "target")) {
        boolean more = true;
        for (int nth = 1; more; nth++) {
          say(quiet, "DEL", "fresh");
          LocalSession session = refused(fixture);
          left = nth;
          String said = say(session, "RESTORE", target, "0", payload, "REPLACE");
          more = left <= 0;
          left = 0;
          session.close();
          String now = say(quiet, "DEBUG", "DIGEST-VALUE", target);
          if (said.equals("+OK")) {
            assertThat(now).isEqualTo(digest);
          } else {
            assertThat(now).isNotEqualTo(digest);
          }
          fixture.verify(key + " to " + target + ", allocation " + nth);
        }
      }
    }
  }

  /// A reply is whole, or an error, or the connection ends.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "SUNION members others",
        "SUNION texts few",
        "SUNION lonely few texts integers members others",
        "SUNION lonely few texts integers lonely",
        "SINTER members others texts",
        "SDIFF members others",
        "SDIFF members lonely few few",
        "SDIFF texts few lonely lonely few",
        "SDIFF members others texts integers few",
        "SMEMBERS members",
        "HGETALL hash",
        "LRANGE nodes 0 -1",
        "XRANGE stream - +",
        "XREAD STREAMS stream stream 0 5",
        "XPENDING stream g - + 10",
      })
  void repliesAreWholeOrNone(String command) throws Exception {
    try (Fixture fixture = new Fixture()) {
      fixture.mayFail();
      LocalSession quiet = fixture.session();
      fill(quiet);
      String whole = sorted(say(quiet, command.split(" ")));
      boolean more = true;
      for (int nth = 1; more; nth++) {
        LocalSession session = refused(fixture);
        left = nth;
        String reply = say(session, command.split(" "));
        more = left <= 0;
        left = 0;
        if (more) {
          assertThat(reply).matches("(-ERR internal error.*)?");
          assertThat(session.ended()).isTrue();
        } else {
          assertThat(sorted(reply)).isEqualTo(whole);
        }
        session.close();
      }
      assertThat(sorted(say(quiet, command.split(" ")))).isEqualTo(whole);
    }
  }

  private static String sorted(String reply) {
    String[] words = reply.split(" ");
    java.util.Arrays.sort(words);
    return String.join(" ", words);
  }
}
