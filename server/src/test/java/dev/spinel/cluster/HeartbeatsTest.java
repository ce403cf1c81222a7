package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What one node makes of another one's heartbeats, which are made by hand.
class HeartbeatsTest {
  private static final String SMALL = "a".repeat(40);
  private static final String GREAT = "b".repeat(40);
  private static final String REPLICA = "c".repeat(40);
  private static final long TIMEOUT = ClusterPolicy.usual(7000).nodeTimeoutMillis();
  private static final long PATIENCE = ClusterPolicy.usual(7000).electionMillis();

  private ClusterMachine machine;
  private long now = 1_000_000;

  /// Starts with these lines.
  private void start(String... lines) throws NodesFile.Corrupt {
    String text = String.join("\n", lines) + "\n";
    machine = new ClusterMachine(ClusterPolicy.usual(7000), new HandCluster.Nowhere());
    step(
        new ClusterEvent.Started(
            NodesFile.read(text.getBytes(StandardCharsets.ISO_8859_1)), false));
    for (String id : List.of(SMALL, GREAT, REPLICA)) {
      step(new ClusterEvent.Accepted(-id.charAt(0), "127.0.0.1", 40_000, "127.0.0.1"));
    }
  }

  /// With what was last written.
  private void restart() throws NodesFile.Corrupt {
    byte[] file = NodesFile.write(machine.contents(), false);
    start(new String(file, StandardCharsets.ISO_8859_1).strip());
  }

  private final List<ClusterAction> done = new ArrayList<>();

  private void step(ClusterEvent event) {
    for (ClusterAction action : machine.step(now, now, event)) {
      done.add(action);
      if (action instanceof ClusterAction.Save save) {
        step(new ClusterEvent.Saved(save.generation()));
      }
    }
  }

  private static String line(String id, String flags, String primary, String epochAndSlots) {
    String port = Integer.toString(7000 + id.charAt(0) - 'a');
    return id
        + " 127.0.0.1:"
        + port
        + "@1"
        + port
        + " "
        + flags
        + " "
        + primary
        + " 0 0 "
        + epochAndSlots;
  }

  /// Over a link of its own.
  private void heard(
      String sender, String primary, long epoch, SlotSet slots, List<BusMessage.Extension> more) {
    heard(BusType.PONG, sender, primary, epoch, slots, more);
  }

  private void heard(
      BusType type,
      String sender,
      String primary,
      long epoch,
      SlotSet slots,
      List<BusMessage.Extension> more) {
    step(
        new ClusterEvent.Received(
            -sender.charAt(0),
            new BusMessage.Heartbeat(
                header(type, sender, primary, epoch, slots), List.of(), more)));
  }

  private static BusMessage.Header header(
      BusType type, String sender, String primary, long epoch, SlotSet slots) {
    int port = 7000 + sender.charAt(0) - 'a';
    return new BusMessage.Header(
        type,
        port,
        epoch,
        epoch,
        0,
        sender,
        slots,
        primary,
        "127.0.0.1",
        0,
        port + 10_000,
        primary.isEmpty() ? NodeFlags.PRIMARY : NodeFlags.REPLICA,
        false,
        false,
        false,
        true,
        0);
  }

  // ── two primaries with one epoch that claim the same slots ──

  /// This node and another one, both with epoch 5.
  private void dispute(String me, String vars) throws NodesFile.Corrupt {
    start(
        line(me, "myself,master", "-", "5 connected 0-16383"),
        line(me.equals(SMALL) ? GREAT : SMALL, "master", "-", "5 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0" + vars);
  }

  private long epochAfterClaimOf(String sender) {
    long epoch = machine.myself().configEpoch;
    heard(sender, "", epoch, SlotSet.all(), List.of());
    return machine.myself().configEpoch;
  }

  /// Hears the claim every half node timeout until it takes another epoch, and returns after how
  /// long it does; -1: after no time that matters.
  private long patience(String sender) {
    long began = now;
    long epoch = machine.myself().configEpoch;
    while (now - began <= 2 * PATIENCE) {
      if (epochAfterClaimOf(sender) != epoch) {
        return now - began;
      }
      now += TIMEOUT / 2;
    }
    return -1;
  }

  @Test
  void whoeverWasElectedKnowsItAfterRestarts() throws Exception {
    dispute(GREAT, " spinelWonEpoch 5");
    restart();
    assertThat(epochAfterClaimOf(SMALL)).isEqualTo(6);
  }

  @Test
  void whoeverWasElectedForALesserEpochTakesAnotherOneBeforeWhoNeverWas() throws Exception {
    dispute(GREAT, " spinelWonEpoch 5");
    assertThat(epochAfterClaimOf(SMALL)).isEqualTo(6);
    restart();
    assertThat(patience(SMALL)).as("somebody may be elected for 6").isEqualTo(PATIENCE / 2);
  }

  @Test
  void whoeverWasNeverElectedWaitsIfItsIdIsSmaller() throws Exception {
    dispute(SMALL, "");
    assertThat(patience(GREAT)).isEqualTo(PATIENCE);
    dispute(GREAT, "");
    assertThat(patience(SMALL)).isEqualTo(-1);
  }

  @Test
  void anEpochTakenByHandSaysNothingOfElections() throws Exception {
    dispute(GREAT, " spinelWonEpoch 5");
    machine.sawEpoch(7);
    step(new ClusterEvent.Asked(1, List.of("BUMPEPOCH")));
    assertThat(machine.myself().configEpoch).isEqualTo(8);
    assertThat(patience(SMALL)).isEqualTo(-1);
  }

  @Test
  void itWaitsAgainAfterASilence() throws Exception {
    dispute(SMALL, "");
    assertThat(epochAfterClaimOf(GREAT)).isEqualTo(5);
    now += 2 * PATIENCE;
    assertThat(patience(GREAT)).isEqualTo(PATIENCE);
  }

  @Test
  void itWaitsAgainInAnotherDispute() throws Exception {
    dispute(SMALL, "");
    assertThat(epochAfterClaimOf(GREAT)).isEqualTo(5);
    long began = now;
    while (now - began < PATIENCE) {
      now += TIMEOUT / 2;
      heard(GREAT, SMALL, 5, SlotSet.all(), List.of()); // it follows this node
    }
    assertThat(patience(GREAT)).isEqualTo(PATIENCE);
  }

  // ── shards ──

  @Test
  void aPrimaryIsOfAnotherShardThanItsReplicaSaysUnlessItHidesIts() throws Exception {
    String shard = "1".repeat(40);
    String other = "2".repeat(40);
    start(
        line(SMALL, "myself,master", "-", "5 connected 0"),
        line(GREAT, "master", "-", "6 connected 1-16383")
            .replace("@17001", "@17001,,shard-id=" + shard),
        line(REPLICA, "slave", GREAT, "6 connected").replace("@17002", "@17002,,shard-id=" + shard),
        "vars currentEpoch 6 lastVoteEpoch 0");
    SlotSet slots = new SlotSet();
    ClusterNode primary = machine.nodes().get(GREAT);

    heard(REPLICA, GREAT, 6, slots, List.of(new BusMessage.Shard(other)));
    assertThat(primary.shard).as("it wasn't heard yet").isEqualTo(shard);
    heard(GREAT, "", 6, slots, List.of(new BusMessage.Shard(shard)));
    heard(REPLICA, GREAT, 6, slots, List.of(new BusMessage.Shard(other)));
    assertThat(primary.shard).as("it has told").isEqualTo(shard);

    restart();
    primary = machine.nodes().get(GREAT);
    heard(REPLICA, GREAT, 6, slots, List.of(new BusMessage.Shard(other)));
    heard(GREAT, "", 6, slots, List.of());
    assertThat(primary.shard).as("it hides it").isEqualTo(other);
  }

  // ── a planned failover ──

  @Test
  void whoeverAsksForAPlannedFailoverSaysByItThatItIsAReplica() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-16383"),
        line(GREAT, "master", "-", "4 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    BusMessage.Header header = header(BusType.MFSTART, GREAT, SMALL, 5, SlotSet.all());
    List<ClusterAction> actions =
        machine.step(
            now, now, new ClusterEvent.Received(-GREAT.charAt(0), new BusMessage.Plain(header)));
    assertThat(actions).anyMatch(ClusterAction.PauseWrites.class::isInstance);
    assertThat(machine.nodes().get(GREAT).primary).isEqualTo(machine.myself());
  }

  @Test
  void whoeverIsAnothersReplicaGetsNoPause() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-16383"),
        line(GREAT, "master", "-", "4 connected"),
        line(REPLICA, "slave", SMALL, "5 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    BusMessage.Header header = header(BusType.MFSTART, GREAT, "", 4, new SlotSet());
    List<ClusterAction> actions =
        machine.step(
            now, now, new ClusterEvent.Received(-GREAT.charAt(0), new BusMessage.Plain(header)));
    assertThat(actions).noneMatch(ClusterAction.PauseWrites.class::isInstance);
  }

  // ── a slot that was imported ──

  /// Who gave it away forgets that it had it: were the new owner killed before it has written that
  /// it has it, nobody would have it.
  @Test
  void nobodyHearsOfAnImportedSlotBeforeThatIsWritten() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 1-16383"),
        line(GREAT, "master", "-", "4 connected 0"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    for (ClusterAction action : List.copyOf(machine.step(now, now, new ClusterEvent.Tick()))) {
      if (action instanceof ClusterAction.Dial dial) {
        step(new ClusterEvent.Connected(dial.link(), "127.0.0.1", "127.0.0.1", 40_001));
      }
    }
    step(new ClusterEvent.Asked(1, List.of("setslot", "0", "importing", GREAT)));
    List<String> words = List.of("setslot", "0", "node", SMALL);
    List<ClusterAction> asked =
        List.copyOf(machine.step(now, now, new ClusterEvent.Asked(1, words)));
    assertThat(machine.myself().configEpoch).as("no other epoch is taken").isEqualTo(5);
    assertThat(asked).noneMatch(ClusterAction.Send.class::isInstance);
    ClusterAction.Save save =
        asked.stream()
            .filter(ClusterAction.Save.class::isInstance)
            .map(ClusterAction.Save.class::cast)
            .findFirst()
            .orElseThrow();
    assertThat(List.copyOf(machine.step(now, now, new ClusterEvent.Saved(save.generation()))))
        .anyMatch(ClusterAction.Send.class::isInstance)
        .anyMatch(ClusterAction.Reply.class::isInstance);
  }

  // ── answers that don't come ──

  private long asked() {
    return done.stream()
        .filter(
            action ->
                action instanceof ClusterAction.Send send
                    && send.message().header().type() == BusType.PING)
        .count();
  }

  private long firstDial() {
    return done.stream()
        .filter(ClusterAction.Dial.class::isInstance)
        .map(ClusterAction.Dial.class::cast)
        .findFirst()
        .orElseThrow()
        .link();
  }

  /// A primary dials its replica, which has these flags. Returns the link, over which it asks.
  private long dialled(String flags) throws NodesFile.Corrupt {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-16383"),
        line(REPLICA, flags, SMALL, "5 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    step(new ClusterEvent.Tick());
    long link = firstDial();
    step(new ClusterEvent.Connected(link, "127.0.0.1", "127.0.0.1", 40_001));
    return link;
  }

  @Test
  void whoeverDoesNotAnswerIsAskedAgainThoughItSpeaks() throws Exception {
    long link = dialled("slave,fail");
    assertThat(asked()).isOne();
    for (long end = now + 2 * TIMEOUT; now < end; now += 100) {
      heard(BusType.PING, REPLICA, SMALL, 5, new SlotSet(), List.of());
      step(new ClusterEvent.Tick());
    }
    assertThat(done).noneMatch(action -> action instanceof ClusterAction.Close); // it speaks
    assertThat(asked()).isBetween(4L, 5L); // each half node timeout
    step(
        new ClusterEvent.Received(
            link,
            new BusMessage.Heartbeat(
                header(BusType.PONG, REPLICA, SMALL, 5, new SlotSet()), List.of(), List.of())));
    assertThat(machine.nodes().get(REPLICA).hasFailed()).isFalse();
  }

  @Test
  void whoeverSpeaksAgainAnswersWhatItWasAskedMeanwhile() throws Exception {
    dialled("slave");
    step(new ClusterEvent.Silenced(true));
    done.clear();
    heard(BusType.PING, REPLICA, SMALL, 5, new SlotSet(), List.of());
    assertThat(done).noneMatch(action -> action instanceof ClusterAction.Send);
    step(new ClusterEvent.Silenced(false));
    assertThat(done)
        .anyMatch(
            action ->
                action instanceof ClusterAction.Send send
                    && send.message().header().type() == BusType.PONG);
  }

  // ── extensions ──

  @Test
  void anExtensionThatNobodyKnowsIsLoggedOnce() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-16383"),
        line(GREAT, "master", "-", "4 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    done.clear();
    List<BusMessage.Extension> newer = List.of(new BusMessage.UnknownExtension(4, new byte[40]));
    for (int i = 0; i < 3; i++) {
      heard(GREAT, "", 4, new SlotSet(), newer);
    }
    assertThat(done)
        .filteredOn(action -> action instanceof ClusterAction.Log)
        .singleElement()
        .isEqualTo(
            new ClusterAction.Log(
                ClusterAction.Level.WARNING, "Received unknown extension type 4"));
  }

  // ── leases ──

  private boolean extendsLease(String sender, SlotSet claimed) {
    done.clear();
    heard(BusType.PING, sender, "", 8, claimed, List.of());
    return done.stream()
        .anyMatch(
            action ->
                action instanceof ClusterAction.Send send
                    && send.message().header().type() == BusType.PONG
                    && !send.message().header().withoutLease());
  }

  @Test
  void whoeverClaimsAnothersSlotsByTheSameEpochGetsNoLease() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-99"),
        line(GREAT, "master", "-", "8 connected 101-16383"), // elected for it
        line(REPLICA, "master", "-", "8 connected 100"),
        "vars currentEpoch 8 lastVoteEpoch 0");
    SlotSet own = new SlotSet();
    own.add(100);
    SlotSet all = own.copy();
    for (int slot = 101; slot < SlotSet.SLOTS; slot++) {
      all.add(slot);
    }
    assertThat(extendsLease(REPLICA, all)).isFalse();
    assertThat(extendsLease(REPLICA, own)).isTrue();
  }

  // ── what is published ──

  @Test
  void whatIsPublishedWhileANodeIsDialledIsSentOnceTheLinkStands() throws Exception {
    start(
        line(SMALL, "myself,master", "-", "5 connected 0-16383"),
        line(REPLICA, "slave", SMALL, "5 connected"),
        "vars currentEpoch 5 lastVoteEpoch 0");
    step(new ClusterEvent.Tick());
    long link = firstDial();
    publish("early", true);
    publish("to all", false);
    assertThat(published()).isEmpty();
    step(new ClusterEvent.Connected(link, "127.0.0.1", "127.0.0.1", 40_001));
    assertThat(published()).containsExactly("early", "to all");
    publish("late", true);
    assertThat(published()).containsExactly("early", "to all", "late");
  }

  private void publish(String message, boolean sharded) {
    step(
        new ClusterEvent.Publish(
            new byte[] {'c'}, message.getBytes(StandardCharsets.US_ASCII), sharded));
  }

  private List<String> published() {
    List<String> messages = new ArrayList<>();
    for (ClusterAction action : done) {
      if (action instanceof ClusterAction.Send send
          && send.message() instanceof BusMessage.Publish publish) {
        messages.add(new String(publish.message(), StandardCharsets.US_ASCII));
      }
    }
    return messages;
  }
}
