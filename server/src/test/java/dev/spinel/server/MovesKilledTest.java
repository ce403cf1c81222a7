package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Slots move whole between processes while clients write to them, and at a moment that a seed
/// decides one process is killed, stopped for a while, or hands its role over: the source, the
/// target, a replica of either, or a primary that has nothing to do with it. Afterwards every write
/// that was acknowledged is there, each slot has one owner in the view of every node, and no other
/// primary has a key of it.
///
/// A write counts as acknowledged once a replica has it, too (WAIT), and every file is synced
/// before a reply: what is lost then was lost by the move.
///
/// By hand: `-Dspinel.kills=FROM-TO` for more seeds.
@Timeout(900)
final class MovesKilledTest {
  private static final int TRACKED = 48; // slots that move
  private static final int WRITERS = 3;

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  private static Path folder;

  private static Shards shards;
  private static long typicalMillis = 400; // that a move takes

  static List<Long> seeds() {
    String range = System.getProperty("spinel.kills", "1-2");
    int dash = range.indexOf('-');
    List<Long> seeds = new ArrayList<>();
    for (long seed = Long.parseLong(range.substring(0, dash));
        seed <= Long.parseLong(range.substring(dash + 1));
        seed++) {
      seeds.add(seed);
    }
    return seeds;
  }

  private static boolean isByHand() {
    return System.getProperty("spinel.kills") != null;
  }

  @BeforeAll
  static void start() throws Exception {
    shards = Shards.start(folder, TRACKED);
  }

  @AfterAll
  static void stop() {
    if (shards != null) {
      shards.close();
    }
  }

  /// What happens to whom.
  private enum Fault {
    KILLED,
    KILLED_FOR_LONG,
    STOPPED,
    HANDS_OVER
  }

  /// A state of either end, and where it is seen: the fault comes when it is.
  private static final List<String> AT_TARGET = List.of("staging", "taking", "completed");

  private static final List<String> AT_SOURCE =
      List.of("sending", "handing", "pausing", "handed", "completed");

  @ParameterizedTest
  @MethodSource("seeds")
  void whoeverIsKilledWhatWasAcknowledgedIsThere(long seed) throws Exception {
    Random random = new Random(seed * 31);
    List<Shards.Node> primaries = new ArrayList<>(shards.primaries());
    java.util.Collections.shuffle(primaries, random);
    primaries.sort((a, b) -> shards.tracked(b) > 0 ? 1 : shards.tracked(a) > 0 ? -1 : 0);
    Shards.Node source = primaries.get(0);
    Shards.Node target = primaries.get(1);
    Shards.Node third = primaries.get(2);
    List<Shards.Node> victims =
        List.of(
            source,
            source,
            target,
            target,
            shards.replicaOf(source),
            shards.replicaOf(target),
            third);
    Shards.Node victim = victims.get(random.nextInt(victims.size()));
    Fault fault = Fault.values()[random.nextInt(Fault.values().length)];
    String story = "seed " + seed + ": " + source + " to " + target + ", " + victim + " " + fault;
    List<Writer> writers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      Writer writer = new Writer(i, seed, shards);
      writers.add(writer);
      writer.start();
    }
    try {
      Thread.sleep(50 + random.nextInt(100));
      List<Integer> slots = shards.trackedSlots(source);
      int count = Math.max(1, slots.size() - random.nextInt(Math.max(1, slots.size() / 2)));
      String id = shards.move(target, slots.subList(0, count));
      long began = System.nanoTime();
      if (random.nextInt(3) == 0) {
        Thread.sleep(random.nextInt((int) (typicalMillis * 3 / 2)));
        story += " after " + (System.nanoTime() - began) / 1_000_000 + " ms";
      } else {
        boolean atSource = random.nextBoolean();
        List<String> states = atSource ? AT_SOURCE : AT_TARGET;
        String state = states.get(random.nextInt(states.size()));
        story += " when " + (atSource ? source : target) + " is " + state;
        (atSource ? source : target).awaitMove(id, state);
        Thread.sleep(random.nextInt(random.nextBoolean() ? 2 : 30));
      }
      story += happen(random, victim, fault);
      story += ", " + shards.settle(id);
      if (!story.contains("failed") && fault == Fault.HANDS_OVER) {
        typicalMillis = Math.clamp((System.nanoTime() - began) / 1_000_000, 100, 2000);
      }
    } catch (AssertionError | IOException e) {
      throw new AssertionError(story + "\n" + shards.describe(), e);
    } finally {
      writers.forEach(Writer::finish);
    }
    long acknowledged = 0;
    try {
      for (Writer writer : writers) {
        writer.join();
        acknowledged += writer.acknowledgedWrites();
        assertThat(writer.failure()).as(story).isNull();
      }
      assertThat(acknowledged).as(story).isPositive();
      shards.settle("");
      shards.verify(writers);
    } catch (AssertionError e) {
      throw new AssertionError(story + "\n" + shards.describe(), e);
    }
    if (isByHand()) {
      System.out.println(story + ", " + acknowledged + " writes");
    }
  }

  private String happen(Random random, Shards.Node victim, Fault fault) throws Exception {
    switch (fault) {
      case KILLED -> {
        victim.kill();
        Thread.sleep(random.nextInt(300));
        victim.run();
        return "";
      }
      case KILLED_FOR_LONG -> {
        victim.kill();
        int millis = 2500 + random.nextInt(1500);
        Thread.sleep(millis);
        victim.run();
        return " for " + millis + " ms";
      }
      case STOPPED -> {
        int millis = random.nextInt(4000);
        victim.signal("STOP");
        Thread.sleep(millis);
        victim.signal("CONT");
        return " for " + millis + " ms";
      }
      case HANDS_OVER -> {
        Shards.Node replica = shards.isPrimary(victim) ? shards.replicaOf(victim) : victim;
        return " to " + replica + ": " + replica.askText("CLUSTER", "FAILOVER");
      }
    }
    throw new AssertionError(fault);
  }

  /// Counts numbers up in keys of its own, and goes where it is sent.
  static final class Writer extends Thread {
    private static final int KEYS = 3; // in each slot
    private final int number;
    private final Random random;
    private final Shards shards;
    private final Client[] clients;
    private final int[] owner; // of a tracked slot, as a node's number
    private final long[] acknowledged;
    private final long[] attempted;
    private volatile boolean isOver;
    private volatile String failure;
    private long last;
    private long writes;

    Writer(int number, long seed, Shards shards) {
      super("writer-" + number);
      this.number = number;
      this.random = new Random(seed * 7 + number);
      this.shards = shards;
      clients = new Client[shards.nodes().size()];
      owner = new int[TRACKED];
      acknowledged = new long[TRACKED * KEYS];
      attempted = new long[TRACKED * KEYS];
      last = seed << 32;
    }

    void finish() {
      isOver = true;
    }

    String failure() {
      return failure;
    }

    long acknowledgedWrites() {
      return writes;
    }

    String key(int at) {
      return "{" + shards.tag(at / KEYS) + "}w" + number + "." + at % KEYS;
    }

    int keys() {
      return acknowledged.length;
    }

    long acknowledged(int at) {
      return acknowledged[at];
    }

    @Override
    public void run() {
      while (!isOver && failure == null) {
        int at = random.nextInt(acknowledged.length);
        int slot = at / KEYS;
        try {
          if (!write(at, ++last)) {
            Thread.sleep(2);
          }
        } catch (IOException e) {
          Client gone = clients[owner[slot]];
          clients[owner[slot]] = null;
          close(gone);
          owner[slot] = random.nextInt(clients.length);
        } catch (InterruptedException e) {
          break;
        }
      }
      for (Client client : clients) {
        close(client);
      }
    }

    private static void close(Client client) {
      if (client != null) {
        client.close();
      }
    }

    private boolean write(int at, long value) throws IOException {
      int slot = at / KEYS;
      Client client = clients[owner[slot]];
      if (client == null) {
        client =
            Client.connect("127.0.0.1", shards.nodes().get(owner[slot]).port, 300)
                .timeoutMillis(1500);
        clients[owner[slot]] = client;
      }
      client.send("GET", key(at));
      client.send("SET", key(at), Long.toString(value));
      client.send("WAIT", "1", "500");
      attempted[at] = value;
      RespValue found = client.receive();
      RespValue set = client.receive();
      RespValue copies = client.receive();
      if (set instanceof RespValue.Error error) {
        if (error.text().startsWith("MOVED")) {
          int port = Integer.parseInt(error.text().substring(error.text().lastIndexOf(':') + 1));
          owner[slot] = shards.number(port);
          return true;
        }
        if (random.nextInt(20) == 0) {
          owner[slot] = random.nextInt(clients.length);
        }
        return false;
      }
      long before = found.text() == null ? 0 : Long.parseLong(found.text());
      if (!(found instanceof RespValue.Error) && before < acknowledged[at]) {
        failure =
            key(at)
                + " was "
                + before
                + " at "
                + shards.nodes().get(owner[slot])
                + ", but "
                + acknowledged[at]
                + " had been acknowledged";
      }
      if (copies instanceof RespValue.Int(long n) && n >= 1) {
        acknowledged[at] = value;
        writes++;
        return true;
      }
      return false;
    }
  }
}
