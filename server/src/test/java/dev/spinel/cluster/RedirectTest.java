package dev.spinel.cluster;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import dev.spinel.engine.Clock;
import dev.spinel.keyspace.Slots;
import dev.spinel.server.Fixture;
import dev.spinel.server.LocalSession;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// What a node of a cluster answers for slots that are its own, somebody else's, nobody's, and on
/// their way. Keys: `{a}` has slot 15495, `{b}` 3300, `{c}` 7365.
class RedirectTest {
  private static final String A = "a".repeat(40);
  private static final String B = "b".repeat(40);
  private static final String C = "c".repeat(40);
  private static final String TO_B = " 127.0.0.2:7001";

  private static String line(String id, String at, String flags, String primary, String slots) {
    return (id + " " + at + " " + flags + " " + primary + " 0 0 1 connected " + slots).strip()
        + "\n";
  }

  /// This node has the lower half, B the upper one.
  private static String halves(String moves) {
    return line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-8191 " + moves)
        + line(B, "127.0.0.2:7001@17001,host.b", "master", "-", "8192-16383");
  }

  private static final String STABLE = halves("");

  private static String replica() {
    return line(A, "127.0.0.1:7000@17000", "myself,slave", C, "")
        + line(B, "127.0.0.2:7001@17001", "master", "-", "8192-16383")
        + line(C, "127.0.0.3:7002@17002", "master", "-", "0-8191");
  }

  @Test
  void ownSlotsAreServedOthersAreMoved() {
    assertThat(KeySlot.of(Slice.of("{a}"))).isEqualTo(15495);
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      assertThat(say(session, "GET", "b")).isEqualTo("-CLUSTERDOWN The cluster is down");
      assertThat(say(session, "PING")).isEqualTo("+PONG");
      cluster.show(STABLE);
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+OK");
      assertThat(say(session, "SET", "a", "1")).isEqualTo("-MOVED 15495" + TO_B);
      assertThat(say(session, "MGET", "b", "{b}2")).isEqualTo("*2 $1 1 $-1");
      assertThat(say(session, "MGET", "b", "c"))
          .isEqualTo("-CROSSSLOT Keys in request don't hash to the same slot");
      assertThat(say(session, "MGET", "a", "c"))
          .isEqualTo("-CROSSSLOT Keys in request don't hash to the same slot");
      assertThat(say(session, "MSET", "a", "1", "{a}", "2")).isEqualTo("-MOVED 15495" + TO_B);
      assertThat(say(session, "DBSIZE")).isEqualTo(":1");
      assertThat(say(session, "SPUBLISH", "b", "m")).isEqualTo(":0");
      assertThat(say(session, "SPUBLISH", "a", "m")).isEqualTo("-MOVED 15495" + TO_B);
      assertThat(say(session, "SSUBSCRIBE", "b", "c"))
          .isEqualTo("-CROSSSLOT Keys in request don't hash to the same slot");
      assertThat(say(session, "PUBLISH", "a", "m")).isEqualTo(":0");
      assertThat(say(session, "INFO", "errorstats")).contains("errorstat_MOVED:count=3");
    }
  }

  @Test
  void transactionsAreOfOneSlot() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      say(session, "MULTI");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+QUEUED");
      assertThat(say(session, "SET", "a", "1")).isEqualTo("-MOVED 15495" + TO_B);
      assertThat(say(session, "EXEC"))
          .isEqualTo("-EXECABORT Transaction discarded because of previous errors.");
      say(session, "MULTI");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+QUEUED");
      assertThat(say(session, "SET", "c", "1")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC"))
          .isEqualTo("-CROSSSLOT Keys in request don't hash to the same slot");
      assertThat(say(session, "EXEC")).isEqualTo("-ERR EXEC without MULTI");
      say(session, "MULTI");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+QUEUED");
      cluster.show(
          line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-3000")
              + line(B, "127.0.0.2:7001@17001", "master", "-", "3001-16383"));
      assertThat(say(session, "EXEC")).isEqualTo("-MOVED 3300" + TO_B);
      assertThat(say(session, "EXEC")).isEqualTo("-ERR EXEC without MULTI");
    }
  }

  @Test
  void aSlotThatMigratesIsServedAsFarAsItsKeysAreHere() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      say(session, "SET", "b", "1");
      say(session, "SET", "{b}over", "1", "PX", "5");
      cluster.show(halves("[3300->-" + B + "]"));
      fixture.clock.forward(10);
      assertThat(say(session, "GET", "b")).isEqualTo("$1 1");
      assertThat(say(session, "GET", "{b}2")).isEqualTo("-ASK 3300" + TO_B);
      assertThat(say(session, "GET", "{b}over")).isEqualTo("-ASK 3300" + TO_B);
      assertThat(say(session, "MGET", "b", "{b}2"))
          .isEqualTo("-TRYAGAIN Multiple keys request during rehashing of slot");
      assertThat(say(session, "MGET", "{b}3", "{b}2")).isEqualTo("-ASK 3300" + TO_B);
      assertThat(say(session, "MGET", "b", "b")).isEqualTo("*2 $1 1 $1 1");
      say(session, "MULTI");
      assertThat(say(session, "GET", "b")).isEqualTo("+QUEUED");
      assertThat(say(session, "SET", "c", "1")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC")).startsWith("-CROSSSLOT");
      say(session, "MULTI");
      assertThat(say(session, "DEL", "b")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC")).isEqualTo("*1 :1");
      assertThat(say(session, "GET", "b")).isEqualTo("-ASK 3300" + TO_B);
      assertThat(say(session, "SSUBSCRIBE", "b")).isEqualTo("*3 $10 ssubscribe $1 b :1");
    }
  }

  @Test
  void aSlotThatIsImportedIsServedAfterAsking() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(halves("[15495-<-" + B + "]"));
      assertThat(say(session, "SET", "a", "1")).isEqualTo("-MOVED 15495" + TO_B);
      say(session, "ASKING");
      // the fixture's server has no cluster: the gate takes what the session says
      session.session().asking(true);
      assertThat(say(session, "PING")).isEqualTo("+PONG");
      assertThat(say(session, "SET", "a", "1")).isEqualTo("+OK");
      assertThat(say(session, "SET", "a", "1")).isEqualTo("-MOVED 15495" + TO_B);
      session.session().asking(true);
      say(session, "PING");
      assertThat(say(session, "MGET", "a", "{a}2"))
          .isEqualTo("-TRYAGAIN Multiple keys request during rehashing of slot");
      session.session().asking(true);
      say(session, "PING");
      say(session, "MULTI");
      assertThat(say(session, "INCR", "a")).isEqualTo("+QUEUED");
      assertThat(say(session, "INCR", "a")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC")).isEqualTo("*2 :2 :3");
      assertThat(say(session, "GET", "a")).isEqualTo("-MOVED 15495" + TO_B);
    }
  }

  private static final String GET = "return redis.call('GET', ARGV[1] or KEYS[1])";
  private static final String NOT_LOCAL =
      "-ERR Script attempted to access a non local key in a cluster node script: ";
  private static final String TWO_SLOTS =
      "-ERR Script attempted to access keys that do not hash to the same slot script: ";

  /// What [RedirectComparisonTest] compares at length.
  @Test
  void scriptsTouchKeysThatAreHere() {
    try (Fixture fixture = new Fixture("cluster-enabled", "yes")) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      say(session, "SET", "b", "1");
      assertThat(say(session, "EVAL", GET, "1", "b")).isEqualTo("$1 1");
      assertThat(say(session, "EVAL", GET, "1", "a")).isEqualTo("-MOVED 15495" + TO_B);
      assertThat(say(session, "EVAL", GET, "2", "b", "c"))
          .isEqualTo("-CROSSSLOT Keys in request don't hash to the same slot");
      assertThat(say(session, "EVAL", GET, "0", "b")).isEqualTo("$1 1");
      assertThat(say(session, "EVAL", GET, "1", "b", "a")).startsWith(NOT_LOCAL);
      assertThat(say(session, "EVAL", GET, "1", "b", "c")).isEqualTo("$-1");
      assertThat(say(session, "EVAL", "#!lua\n" + GET, "1", "b", "c")).startsWith(TWO_SLOTS);
      assertThat(say(session, "EVAL", "#!lua\n" + GET, "1", "b", "{b}2")).isEqualTo("$-1");
      String any = "#!lua flags=allow-cross-slot-keys\n" + GET;
      assertThat(say(session, "EVAL", any, "1", "b", "c")).isEqualTo("$-1");
      assertThat(say(session, "EVAL", any, "1", "b", "a")).startsWith(NOT_LOCAL);
      assertThat(say(session, "EVAL", any, "2", "b", "c")).startsWith("-CROSSSLOT");
      assertThat(say(session, "EVAL", "#!lua flags=no-cluster\nreturn 1", "0"))
          .isEqualTo("-ERR Can not run script on cluster, 'no-cluster' flag is set.");

      cluster.show(halves("[3300->-" + B + "]"));
      assertThat(say(session, "EVAL", GET, "1", "b")).isEqualTo("$1 1");
      assertThat(say(session, "EVAL", GET, "1", "{b}2")).isEqualTo("-ASK 3300" + TO_B);
      assertThat(say(session, "EVAL", GET, "2", "b", "{b}2")).startsWith("-TRYAGAIN");
      assertThat(say(session, "EVAL", GET, "1", "b", "{b}2")).startsWith(NOT_LOCAL);

      cluster.show(halves("[15495-<-" + B + "]"));
      assertThat(say(session, "EVAL", GET, "1", "a")).isEqualTo("-MOVED 15495" + TO_B);
      session.session().asking(true);
      say(session, "PING");
      assertThat(say(session, "EVAL", GET, "1", "a")).isEqualTo("$-1");

      cluster.show(replica());
      String reads = "#!lua flags=no-writes\n" + GET;
      assertThat(say(session, "EVAL", reads, "1", "b")).isEqualTo("-MOVED 3300 127.0.0.3:7002");
      session.session().readOnly = true;
      assertThat(say(session, "EVAL", reads, "1", "b")).isEqualTo("$1 1");
      assertThat(say(session, "EVAL", GET, "1", "b")).isEqualTo("$1 1");
      assertThat(say(session, "EVAL", "#!lua\n" + GET, "1", "b"))
          .isEqualTo("-MOVED 3300 127.0.0.3:7002");
    }
  }

  @Test
  void aReplicaServesReadsOfItsPrimarysSlotsToWhoWantsThat() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(replica());
      assertThat(say(session, "GET", "b")).isEqualTo("-MOVED 3300 127.0.0.3:7002");
      session.session().readOnly = true;
      assertThat(say(session, "GET", "b")).isEqualTo("$-1");
      assertThat(say(session, "SET", "b", "1")).isEqualTo("-MOVED 3300 127.0.0.3:7002");
      assertThat(say(session, "GET", "a")).isEqualTo("-MOVED 15495" + TO_B);
      say(session, "MULTI");
      assertThat(say(session, "GET", "b")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC")).isEqualTo("*1 $-1");
      session.session().readOnly = false;
      assertThat(say(session, "SPUBLISH", "b", "m")).isEqualTo(":0");
      assertThat(say(session, "SPUBLISH", "a", "m")).isEqualTo("-MOVED 15495" + TO_B);
    }
  }

  @Test
  void aClusterThatIsDownServesNothingButWhatIsAllowed() {
    String down =
        line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-8191")
            + line(B, "127.0.0.2:7001@17001", "master,fail", "-", "8192-16000");
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(down);
      assertThat(say(session, "GET", "b")).isEqualTo("-CLUSTERDOWN The cluster is down");
      assertThat(say(session, "GET", "40")).isEqualTo("-CLUSTERDOWN Hash slot not served");
      assertThat(say(session, "SPUBLISH", "b", "m")).isEqualTo(":0");
      assertThat(say(session, "PING")).isEqualTo("+PONG");
    }
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster =
          new HandCluster(
              fixture,
              "cluster-allow-reads-when-down",
              "yes",
              "cluster-allow-pubsubshard-when-down",
              "no");
      LocalSession session = fixture.session();
      cluster.show(down);
      assertThat(say(session, "GET", "b")).isEqualTo("$-1");
      assertThat(say(session, "SET", "b", "1"))
          .isEqualTo("-CLUSTERDOWN The cluster is down and only accepts read commands");
      assertThat(say(session, "SPUBLISH", "b", "m")).isEqualTo("-CLUSTERDOWN The cluster is down");
    }
  }

  @Test
  void clientsAreToldTheEndpointThatIsPreferred() {
    String[][] expected = {
      {"ip", "127.0.0.2:7001"}, {"hostname", "host.b:7001"}, {"unknown-endpoint", ":7001"}
    };
    for (String[] each : expected) {
      try (Fixture fixture = new Fixture()) {
        HandCluster cluster = new HandCluster(fixture, "cluster-preferred-endpoint-type", each[0]);
        LocalSession session = fixture.session();
        cluster.show(STABLE);
        assertThat(say(session, "GET", "a")).isEqualTo("-MOVED 15495 " + each[1]);
      }
    }
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture, "cluster-preferred-endpoint-type", "hostname");
      LocalSession session = fixture.session();
      cluster.show(replica());
      assertThat(say(session, "GET", "a")).isEqualTo("-MOVED 15495 ?:7001");
    }
  }

  // ── calls that wait ──

  @Test
  void whoWaitsForAKeyOfASlotThatLeavesIsSentAfterIt() throws Exception {
    String moved =
        line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-3000")
            + line(B, "127.0.0.2:7001@17001", "master", "-", "3001-16383");
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession stays = fixture.session();
      LocalSession goes = fixture.session();
      LocalSession waits = fixture.session();
      cluster.show(STABLE);
      assertThat(say(goes, "BLPOP", "b", "0")).isEmpty();
      assertThat(say(waits, "WAIT", "1", "0")).isEmpty();
      cluster.show(halves("[3300->-" + B + "]"));
      assertThat(goes.run()).as("it only migrates").isEmpty();
      cluster.show(moved);
      assertThat(Fixture.text(goes.await(5_000))).isEqualTo("-MOVED 3300" + TO_B);
      assertThat(waits.session().isParked()).isTrue();
      assertThat(say(stays, "BZPOPMIN", "{1}", "0")).startsWith("-MOVED");
      assertThat(say(stays, "BLPOP", "{06S}", "0")).isEmpty();
      cluster.show(
          line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-3000")
              + line(B, "127.0.0.2:7001@17001", "master,fail", "-", "3001-16383"));
      assertThat(Fixture.text(stays.await(5_000))).isEqualTo("-CLUSTERDOWN The cluster is down");
      assertThat(say(stays, "INFO", "errorstats"))
          .contains("errorstat_CLUSTERDOWN:count=1")
          .contains("errorstat_MOVED:count=2");
    }
  }

  // ── slots that move whole ──

  /// Of the key `b`, 3300.
  private static SlotSet slotOfB() {
    SlotSet slots = new SlotSet();
    slots.add(3300);
    return slots;
  }

  @Test
  void aPauseEndsWithItsOwnMoveOnly() throws Exception {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      LocalSession other = fixture.session();
      cluster.show(STABLE);
      SlotSet slots = slotOfB();
      cluster.pause("one", slots);
      assertThat(say(session, "SET", "b", "1")).isEmpty();
      cluster.resume("another");
      cluster.stopped(by -> cluster.redirect().pausedTooLong("one"));
      cluster.show(halves("[7->-" + B + "]"));
      assertThat(session.run()).as("its writes would reach nobody").isEmpty();
      assertThat(say(other, "EVAL", "return redis.call('get', KEYS[1])", "1", "b")).isEmpty();
      cluster.resume("one");
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
      assertThat(fixture.server.engine.keyspace.slots().flags(3300) & Slots.OWNERSHIP)
          .as("its calls take the short way again")
          .isZero();
    }
  }

  /// Those of its slots only, and only those that write.
  @Test
  void writersWaitWhileMoreIsWrittenThanCanBeSent() throws Exception {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      LocalSession other = fixture.session();
      cluster.show(STABLE);
      SlotSet slots = slotOfB();
      cluster.holdWriters("one", slots);
      assertThat(say(session, "SET", "b", "1")).isEmpty();
      assertThat(say(other, "GET", "b")).isEqualTo("$-1");
      assertThat(say(other, "SET", "{06S}", "1")).isEqualTo("+OK");
      assertThat(say(other, "EVAL", "return redis.call('incr', '{b}s')", "1", "b")).isEmpty();
      cluster.show(halves("[7->-" + B + "]"));
      assertThat(session.run()).as("a picture ends nothing").isEmpty();
      cluster.holdWriters("one", new SlotSet());
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
      assertThat(Fixture.text(other.await(5_000))).isEqualTo(":1");
      assertThat(fixture.server.engine.keyspace.slots().flags(3300) & Slots.OWNERSHIP).isZero();
    }
  }

  @Test
  void heldWritersGoWithTheSlotWhenItsMoveEnds() throws Exception {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      LocalSession transaction = fixture.session();
      cluster.show(STABLE);
      SlotSet slots = slotOfB();
      assertThat(say(transaction, "MULTI")).isEqualTo("+OK");
      assertThat(say(transaction, "INCR", "b")).isEqualTo("+QUEUED");
      cluster.holdWriters("one", slots);
      assertThat(say(session, "SET", "b", "1")).isEmpty();
      assertThat(say(transaction, "EXEC")).isEmpty();
      cluster.pause("one", slots);
      cluster.resume("another");
      assertThat(session.run()).isEmpty();
      cluster.show(
          line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-3000")
              + line(B, "127.0.0.2:7001@17001", "master", "-", "3001-16383"));
      cluster.resume("one");
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("-MOVED 3300" + TO_B);
      assertThat(Fixture.text(transaction.await(5_000))).startsWith("-MOVED");
    }
  }

  /// The source sends its clients here as soon as that is on the disk, and they may come before the
  /// data's side of this server knows that.
  @Test
  void callsForASlotThatHasComeHereWaitUntilThatIsOnTheDisk() throws Exception {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      cluster.show(HandCluster.afterTaking(STABLE, 15495, false));
      assertThat(say(session, "SET", "a", "1")).isEmpty();
      cluster.show(HandCluster.afterTaking(STABLE, 15495, false));
      assertThat(session.run()).as("a picture without news of it").isEmpty();
      cluster.show(HandCluster.afterTaking(STABLE, 15495, true));
      assertThat(Fixture.text(session.await(5_000))).isEqualTo("+OK");
    }
  }

  // ── the lease ──

  private static final String DOWN = "-CLUSTERDOWN The cluster is down";

  /// A write waits for a lease, half a second here; nothing comes.
  private static String refused(Fixture fixture, LocalSession session, String... words) {
    assertThat(say(session, words)).isEmpty();
    fixture.clock.forward(500);
    return Fixture.text(session.await(20_000));
  }

  @Test
  void aWriteWaitsForItsLease() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture, "cluster-node-timeout", "1000");
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      cluster.leaseUntilNanos = fixture.clock.nanos();
      assertThat(say(session, "SET", "b", "1")).isEmpty();
      fixture.clock.forward(100);
      cluster.renewLease(fixture.clock.nanos() + 1_000_000_000);
      assertThat(Fixture.text(session.await(20_000))).isEqualTo("+OK");
      cluster.leaseUntilNanos = fixture.clock.nanos();
      assertThat(say(session, "SET", "b", "2")).isEmpty();
      cluster.show(
          line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-8191")
              + line(B, "127.0.0.2:7001@17001", "master,fail", "-", "8192-16000"));
      assertThat(Fixture.text(session.await(20_000))).isEqualTo(DOWN);
    }
  }

  @Test
  void withoutALeaseNothingIsWritten() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture, "cluster-node-timeout", "1000");
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      cluster.leaseUntilNanos = fixture.clock.nanos() + 1_000_000_000;
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+OK");
      fixture.clock.forward(990);
      assertThat(say(session, "SET", "b", "2")).isEqualTo("+OK");
      fixture.clock.forward(10);
      assertThat(refused(fixture, session, "SET", "b", "3")).isEqualTo(DOWN);
      assertThat(refused(fixture, session, "FLUSHALL")).isEqualTo(DOWN);
      assertThat(say(session, "GET", "b")).isEqualTo("$1 2");
      say(session, "MULTI");
      assertThat(say(session, "GET", "b")).isEqualTo("+QUEUED");
      assertThat(say(session, "EXEC")).isEqualTo("*1 $1 2");
      cluster.leaseUntilNanos = Long.MAX_VALUE;
      assertThat(say(session, "SET", "b", "3")).isEqualTo("+OK");
    }
  }

  @Test
  void aLeaseEndsWhileTheSystemSleeps() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture, "cluster-node-timeout", "1000");
      LocalSession session = fixture.session();
      cluster.show(STABLE);
      lease(cluster, fixture);
      fixture.clock.set(400);
      assertThat(say(session, "SET", "b", "1")).isEqualTo("+OK");
      fixture.clock.set(600);
      assertThat(refused(fixture, session, "SET", "b", "2"))
          .as("the first command after it, before any look at the clocks")
          .isEqualTo(DOWN);
      fixture.clock.forward(1);
      lease(cluster, fixture);
      assertThat(say(session, "SET", "b", "3")).isEqualTo("+OK");
      fixture.clock.set(-3_600_000);
      fixture.server.engine.uncounted.look();
      assertThat(say(session, "SET", "b", "4")).isEqualTo("+OK");
      fixture.server.engine.onlooker(
          (by, command, args, recorder) -> {
            if (command.name.equals("set")) {
              fixture.clock.set(2_000); // it slept in the middle of it
            }
          });
      assertThat(session.run("SET", "b", "5")).isEmpty();
      assertThat(session.ended()).isTrue();
    }
  }

  private static void lease(HandCluster cluster, Fixture fixture) {
    cluster.leaseSinceNanos = fixture.clock.nanos();
    cluster.leaseUntilNanos = fixture.clock.nanos() + 1_000_000_000;
  }

  @Test
  void whatIsWrittenAsTheLeaseEndsIsNotAcknowledged() {
    try (Fixture fixture = new Fixture()) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession writer = fixture.session();
      LocalSession reader = fixture.session();
      cluster.show(STABLE);
      cluster.leaseUntilNanos = fixture.clock.nanos() + 1_000_000_000;
      fixture.server.engine.onlooker(
          (session, command, args, recorder) -> {
            if (command.name.equals("set")) {
              fixture.clock.forward(2_000); // the process stood still
            }
          });
      assertThat(writer.run("SET", "b", "1")).isEmpty();
      assertThat(writer.ended()).isTrue();
      fixture.server.engine.onlooker(null);
      assertThat(say(reader, "GET", "b")).isEqualTo("$1 1");
    }
  }

  // ── while the cluster changes ──

  /// Four threads write to a slot that comes and goes. What began after it had gone, and ended
  /// before it came back, was refused; and what was accepted is there.
  @Test
  void noWriteIsAcceptedOnceASlotHasGone() throws Exception {
    ClusterView here = HandCluster.view(STABLE);
    ClusterView gone =
        HandCluster.view(
            line(A, "127.0.0.1:7000@17000", "myself,master", "-", "0-3000")
                + line(B, "127.0.0.2:7001@17001", "master", "-", "3001-16383"));
    ClusterView migrates = HandCluster.view(halves("[3300->-" + B + "]"));
    try (Fixture fixture = new Fixture(Clock.SYSTEM)) {
      HandCluster cluster = new HandCluster(fixture);
      cluster.show(here);
      AtomicInteger phase = new AtomicInteger(); // odd: it has gone
      AtomicInteger accepted = new AtomicInteger();
      AtomicInteger refused = new AtomicInteger();
      LocalSession[] sessions = new LocalSession[4];
      for (int i = 0; i < sessions.length; i++) {
        sessions[i] = fixture.session();
      }
      say(sessions[0], "SET", "b", "0");
      Crowd crowd =
          Crowd.of(
              sessions.length,
              i -> {
                LocalSession session = sessions[i];
                for (int before; (before = phase.get()) >= 0; ) {
                  boolean inMulti = i == 3;
                  if (inMulti) {
                    say(session, "MULTI");
                    say(session, "INCR", "b");
                  }
                  String reply = inMulti ? say(session, "EXEC") : say(session, "INCR", "b");
                  boolean isAccepted = reply.startsWith(":") || reply.startsWith("*1 :");
                  int after = phase.get();
                  if (before == after && before % 2 == 1) {
                    assertThat(isAccepted).as(reply).isFalse();
                  }
                  (isAccepted ? accepted : refused).incrementAndGet();
                }
              });
      for (int round = 0; round < 50; round++) {
        cluster.show(gone);
        phase.incrementAndGet();
        int seen = refused.get();
        while (refused.get() < seen + 5) {
          Thread.onSpinWait();
        }
        phase.incrementAndGet();
        cluster.show(round % 2 == 0 ? here : migrates);
        seen = accepted.get();
        while (accepted.get() < seen + 5) {
          Thread.onSpinWait();
        }
      }
      phase.set(-1);
      crowd.join();
      cluster.show(here);
      assertThat(say(sessions[0], "GET", "b")).endsWith(" " + accepted.get());
    }
  }

  // ── keys of whole slots ──

  @Test
  void keysOfASlotAreCountedListedAndDropped() {
    try (Fixture fixture = new Fixture("notify-keyspace-events", "KEA")) {
      HandCluster cluster = new HandCluster(fixture);
      LocalSession session = fixture.session();
      LocalSession watcher = fixture.session();
      LocalSession subscriber = fixture.session();
      cluster.show(STABLE);
      for (int i = 0; i < 2_000; i++) {
        say(session, "SET", "{b}" + i, "x");
      }
      say(session, "RPUSH", "c", "stays");
      say(watcher, "WATCH", "{b}7");
      say(watcher, "MULTI");
      say(subscriber, "SUBSCRIBE", "__keyevent@0__:del");
      SlotKeys keys = new SlotKeys(fixture.server.engine);
      SlotSet slots = slotOfB();
      slots.add(5);
      long[] counts = new long[4];
      cluster.stopped(
          by -> {
            counts[0] = keys.count(by.seat(), 3300);
            counts[1] = keys.drop(slots, by);
            counts[2] = keys.count(by.seat(), 3300);
            counts[3] = keys.count(by.seat(), 7365);
          });
      assertThat(counts).containsExactly(2_000, 2_000, 0, 1);
      assertThat(say(watcher, "EXEC")).isEqualTo("*-1");
      assertThat(Fixture.text(subscriber.run()).split("__keyevent@0__:del", -1)).hasSize(2_001);
      assertThat(fixture.effects()).contains("*2 $3 DEL").doesNotContain("DEL $1 c");
    }
  }
}
