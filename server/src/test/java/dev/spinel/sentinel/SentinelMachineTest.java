package dev.spinel.sentinel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// One machine, step by step, where it matters what comes before what.
class SentinelMachineTest {
  private static final String OURS = "a".repeat(40);
  private static final String NEXT = "b".repeat(40);
  private static final String FOREIGN = "f".repeat(40);

  private final Map<String, String> names = new HashMap<>();
  private final SentinelMachine machine =
      new SentinelMachine(new SentinelSettings(), names::get, new Random(1));
  private final Map<Integer, String> channels = new HashMap<>(); // number → host
  private final Map<String, Integer> commands = new HashMap<>(); // host → number
  private final Map<String, String> infos = new HashMap<>(); // host → INFO
  private final Set<String> silent = new HashSet<>(); // hosts that don't reply
  private final List<String> sent = new ArrayList<>(); // host, then the command
  private final List<String> events = new ArrayList<>();
  private List<String> saved = List.of();
  private boolean isDiskFull;
  private boolean obeys = true; // SLAVEOF has an effect
  private String saidDown = ""; // the host that other Sentinels say is down
  private long now = 1_000_000;

  private void configure(String... directives) {
    List<List<String>> words = new ArrayList<>();
    for (String directive : directives) {
      words.add(List.of(directive.split(" ")));
    }
    assertThat(machine.configure(words, now)).isNull();
  }

  /// Does what the machine wants: whoever isn't silent answers at once.
  private void tell(SentinelEvent event) {
    List<SentinelEvent> follow = new ArrayList<>();
    for (SentinelAction action : machine.step(now, event)) {
      switch (action) {
        case SentinelAction.Dial dial -> {
          channels.put(dial.channel(), dial.to().host());
          if (!dial.forMessages()) {
            commands.put(dial.to().host(), dial.channel());
          }
          follow.add(new SentinelEvent.Connected(dial.channel(), "10.0.0.100"));
        }
        case SentinelAction.Ask ask -> {
          String host = String.valueOf(channels.get(ask.channel()));
          sent.add(host + " " + String.join(" ", ask.arguments()));
          if (!silent.contains(host)) {
            follow.add(new SentinelEvent.Replied(ask.channel(), reply(host, ask.arguments())));
          }
        }
        case SentinelAction.Happened happened ->
            events.add(happened.type() + " " + happened.text());
        case SentinelAction.SaveConfig save -> {
          saved = isDiskFull ? saved : save.directives();
          follow.add(new SentinelEvent.ConfigSaved(!isDiskFull));
        }
        default -> {}
      }
    }
    follow.forEach(this::tell);
  }

  private RespValue reply(String host, List<String> words) {
    return switch (words.getFirst()) {
      case "PING" -> new RespValue.Simple("PONG");
      case "INFO" -> Texts.bulk(infos.get(host));
      case "SLAVEOF" -> {
        if (words.get(1).equals("NO")) {
          infos.put(host, primary(OURS, ""));
        } else if (obeys) {
          infos.put(host, replica(words.get(1), OURS, "up"));
        }
        yield new RespValue.Simple("QUEUED");
      }
      case "SENTINEL" -> // is-master-down-by-addr
          new RespValue.Array(
              List.of(
                  new RespValue.Int(words.get(2).equals(saidDown) ? 1 : 0),
                  Texts.bulk("*"),
                  new RespValue.Int(0)));
      default -> Texts.OK;
    };
  }

  @Test
  void aPrimaryThatDoesNotObeyIsToldOnceInAWhile() {
    group();
    ask("SENTINEL", "FAILOVER", "m");
    infos.put("10.0.0.1", primary(OURS, ""));
    obeys = false;
    run(60_000);
    assertThat(sent.stream().filter("10.0.0.1 SLAVEOF 10.0.0.2 6379"::equals).count())
        .isBetween(2L, 7L);
  }

  @Test
  void aForcedFailoverHasTheSavedVoteOfItsLeader() {
    group();
    ask("SENTINEL", "FAILOVER", "m");
    List<String> types = events.stream().map(line -> line.split(" ")[0]).toList();
    assertThat(types).containsSubsequence("+try-failover", "+vote-for-leader", "+elected-leader");
    assertThat(saved).contains("sentinel leader-epoch m 1", "sentinel current-epoch 1");
  }

  @Test
  void whoeverCannotSaveItsVoteForcesNoFailover() {
    group();
    isDiskFull = true;
    ask("SENTINEL", "FAILOVER", "m");
    run(15_000);
    assertThat(wasSent("10.0.0.2 SLAVEOF")).isFalse();
    assertThat(events).contains("-failover-abort-not-elected master m 10.0.0.1 6379");
  }

  @Test
  void serversThatHaveChangedRolesByAHandoverWriteThatAndEndTheirClients() {
    group();
    ask("SENTINEL", "FAILOVER", "m", "COORDINATED");
    assertThat(sent).contains("10.0.0.1 FAILOVER TO 10.0.0.2 6379 TIMEOUT 180000");
    assertThat(wasSent("10.0.0.1 CONFIG")).isFalse();
    infos.put("10.0.0.1", replica("10.0.0.2", OURS, "up"));
    infos.put("10.0.0.2", primary(OURS, ""));
    run(500);
    for (String host : List.of("10.0.0.1", "10.0.0.2")) {
      assertThat(sent)
          .containsSubsequence(
              host + " MULTI",
              host + " CONFIG REWRITE",
              host + " CLIENT KILL TYPE normal",
              host + " CLIENT KILL TYPE pubsub",
              host + " EXEC");
      assertThat(wasSent(host + " SLAVEOF")).isFalse();
    }
  }

  @Test
  void aHandoverThatComesToNothingIsCalledOff() {
    group("failover-timeout m 5000");
    ask("SENTINEL", "FAILOVER", "m", "COORDINATED");
    run(4000);
    assertThat(sent).doesNotContain("10.0.0.1 FAILOVER ABORT");
    run(2000);
    assertThat(sent).contains("10.0.0.1 FAILOVER ABORT");
    assertThat(events).anyMatch(line -> line.startsWith("-failover-abort-slave-timeout"));
  }

  @Test
  void aPrimaryThatGoesDownWhileItHandsOverIsReplacedAsUsual() {
    group("down-after-milliseconds m 2000");
    ask("SENTINEL", "FAILOVER", "m", "COORDINATED");
    silent.add("10.0.0.1");
    run(1000);
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.1"), "reset"));
    run(6000);
    assertThat(sent).contains("10.0.0.2 SLAVEOF NO ONE");
    assertThat(events).anyMatch(line -> line.startsWith("+switch-master m 10.0.0.1 6379 10.0.0.2"));
  }

  private void run(long millis) {
    for (long end = now + millis; now < end; now += 100) {
      tell(new SentinelEvent.Tick());
    }
  }

  private static String primary(String history, String replicas) {
    return "role:master\r\nrun_id:"
        + "1".repeat(40)
        + "\r\nmaster_replid:"
        + history
        + "\r\nmaster_repl_offset:100\r\n"
        + replicas
        + "db0:keys=1,expires=0\r\n";
  }

  private static String replica(String of, String history, String link) {
    return "role:slave\r\nrun_id:"
        + "2".repeat(40)
        + "\r\nmaster_host:"
        + of
        + "\r\nmaster_port:6379\r\nmaster_link_status:"
        + link
        + "\r\nslave_repl_offset:100\r\nslave_priority:100\r\nmaster_replid:"
        + history
        + "\r\ndb0:keys=1,expires=0\r\n";
  }

  private void group(String... directives) {
    configure("monitor m 10.0.0.1 6379 1");
    configure(directives);
    infos.put(
        "10.0.0.1",
        primary(
            OURS,
            "slave0:ip=10.0.0.2,port=6379,state=online\r\n"
                + "slave1:ip=10.0.0.3,port=6379,state=online\r\n"));
    infos.put("10.0.0.2", replica("10.0.0.1", OURS, "up").replace("priority:100", "priority:50"));
    infos.put("10.0.0.3", replica("10.0.0.1", OURS, "up"));
    tell(new SentinelEvent.Started());
    run(12_000);
    sent.clear();
  }

  private boolean wasSent(String begin) {
    return sent.stream().anyMatch(line -> line.startsWith(begin));
  }

  private void ask(String... words) {
    tell(new SentinelEvent.Asked(1, List.of(words)));
  }

  private void reconnectSilently(String host) {
    silent.add(host);
    tell(new SentinelEvent.LinkEnded(commands.get(host), "reset"));
    run(1500);
    assertThat(wasSent(host + " INFO")).isTrue();
  }

  private void speakAgain(String host) {
    silent.remove(host);
    List<String> asked = new ArrayList<>();
    for (String line : sent) {
      if (line.startsWith(host + " ")) {
        asked.add(line.substring(host.length() + 1));
      }
    }
    for (String line : asked) {
      tell(new SentinelEvent.Replied(commands.get(host), reply(host, List.of(line.split(" ")))));
    }
  }

  @Test
  void nobodyIsSentSlaveofBeforeItHasSaidOverThisConnectionWhoItIs() {
    group();
    reconnectSilently("10.0.0.3");
    infos.put("10.0.0.3", primary(FOREIGN, ""));
    ask("SENTINEL", "FAILOVER", "m");
    run(500);
    assertThat(events).anyMatch(line -> line.startsWith("+promoted-slave slave 10.0.0.2:6379"));
    assertThat(wasSent("10.0.0.3 SLAVEOF")).isFalse();
    speakAgain("10.0.0.3");
    run(200_000);
    assertThat(events).anyMatch(line -> line.startsWith("+switch-master m 10.0.0.1 6379 10.0.0.2"));
    assertThat(wasSent("10.0.0.3 SLAVEOF")).isFalse();
  }

  @Test
  void aReplicaThatIsBackDuringAFailoverIsSentSlaveofOnceItHasSaidWhoItIs() {
    group();
    reconnectSilently("10.0.0.3");
    ask("SENTINEL", "FAILOVER", "m");
    run(500);
    assertThat(wasSent("10.0.0.3 SLAVEOF")).isFalse();
    speakAgain("10.0.0.3");
    assertThat(wasSent("10.0.0.3 SLAVEOF 10.0.0.2 6379")).isTrue();
  }

  @Test
  void aReplicaOfAnotherDeploymentIsForeignAlsoWhileItsPrimaryIsAway() {
    group();
    infos.put("10.0.0.3", replica("10.9.9.9", FOREIGN, "down"));
    run(400_000);
    assertThat(wasSent("10.0.0.3 SLAVEOF")).isFalse();
    infos.put("10.0.0.3", replica("10.0.0.2", FOREIGN, "down")); // restarted with an old file
    run(400_000);
    assertThat(wasSent("10.0.0.3 SLAVEOF 10.0.0.1 6379")).isTrue();
  }

  @Test
  void whoeverHasGotTheAddressOfAnOldPrimaryIsForeignIfItRanBeforeThatOneWasLost() {
    group();
    infos.put(
        "10.0.0.1", primary(FOREIGN, "").replace("1111", "3333") + "uptime_in_seconds:999\r\n");
    silent.add("10.0.0.1");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.1"), "reset"));
    ask("SENTINEL", "FAILOVER", "m");
    silent.remove("10.0.0.1");
    run(60_000);
    assertThat(events).anyMatch(line -> line.startsWith("+switch-master m 10.0.0.1 6379 10.0.0.2"));
    assertThat(wasSent("10.0.0.1 SLAVEOF")).isFalse();
    infos.put("10.0.0.1", primary(FOREIGN, "").replace("1111", "3333") + "uptime_in_seconds:3\r\n");
    run(60_000);
    assertThat(wasSent("10.0.0.1 SLAVEOF 10.0.0.2 6379")).isTrue();
  }

  @Test
  void anOldPrimaryWithANewHistoryIsKnownAfterARestartOfTheSentinel() {
    group();
    ask("SENTINEL", "FAILOVER", "m");
    run(1000);
    assertThat(saved).contains("sentinel known-former-primary m 10.0.0.1 6379 " + OURS);
    SentinelMachineTest again = new SentinelMachineTest();
    again.now = now;
    again.configure(
        saved.stream().map(line -> line.substring("sentinel ".length())).toArray(String[]::new));
    again.infos.putAll(infos);
    again.infos.put("10.0.0.1", primary(FOREIGN, "")); // restarted with an append-only file
    again.tell(new SentinelEvent.Started());
    assertThat(again.saved.isEmpty() || again.saved.equals(saved)).isTrue();
    again.run(60_000);
    assertThat(again.wasSent("10.0.0.1 SLAVEOF 10.0.0.2 6379")).isTrue();
  }

  private static String with(String info, String field, String value) {
    String changed = info.replaceAll("\n" + field + ":[^\r]*", "\n" + field + ":" + value);
    assertThat(changed).isNotEqualTo(info);
    return changed;
  }

  /// 10.0.0.1 has been replaced by 10.0.0.2, and follows it without having copied anything;
  /// 10.0.0.3 has. Then 10.0.0.2 is silent.
  private void replacedAndLost() {
    group("down-after-milliseconds m 2000", "failover-timeout m 3000");
    ask("SENTINEL", "FAILOVER", "m");
    obeys = false;
    infos.put("10.0.0.1", with(replica("10.0.0.2", OURS, "down"), "slave_repl_offset", "9000"));
    infos.put("10.0.0.2", primary(NEXT, "") + "master_replid2:" + OURS + "\r\n");
    infos.put("10.0.0.3", replica("10.0.0.2", NEXT, "up"));
    run(20_000);
    assertThat(events).anyMatch(line -> line.startsWith("+switch-master m 10.0.0.1 6379 10.0.0.2"));
    sent.clear();
    events.clear();
    silent.add("10.0.0.2");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.2"), "reset"));
    infos.put("10.0.0.3", replica("10.0.0.2", NEXT, "down"));
  }

  @Test
  void anOldPrimaryThatHasNotCopiedYetIsNotPromotedForItsLargerOffset() {
    replacedAndLost();
    run(5000);
    assertThat(wasSent("10.0.0.3 SLAVEOF NO ONE")).isTrue();
    assertThat(wasSent("10.0.0.1 SLAVEOF NO ONE")).isFalse();
  }

  @Test
  void anOldPrimaryIsPromotedAgainOnceItHasCopied() {
    replacedAndLost();
    silent.add("10.0.0.3");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.3"), "reset"));
    run(10_000);
    assertThat(events).anyMatch(line -> line.startsWith("-failover-abort-no-good-slave"));
    assertThat(wasSent("10.0.0.1 SLAVEOF NO ONE")).isFalse();
    infos.put("10.0.0.1", replica("10.0.0.2", NEXT, "down")); // it was connected for a moment
    run(10_000);
    assertThat(wasSent("10.0.0.1 SLAVEOF NO ONE")).isTrue();
  }

  @Test
  void whoeverWasPromotedByALeaderThatIsGoneMayBePromoted() {
    group("down-after-milliseconds m 2000");
    silent.add("10.0.0.1");
    silent.add("10.0.0.3");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.1"), "reset"));
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.3"), "reset"));
    infos.put("10.0.0.2", primary(NEXT, "") + "master_replid2:" + OURS + "\r\n");
    run(10_000);
    assertThat(events).anyMatch(line -> line.startsWith("+switch-master m 10.0.0.1 6379 10.0.0.2"));
  }

  @Test
  void aJumpOfTheClockEndsAFailoverThatHasToldNobodyAnything() {
    group("down-after-milliseconds m 2000", "failover-timeout m 300000");
    ask("SENTINEL", "DEBUG", "TILT-PERIOD", "1500");
    isDiskFull = true; // nor is its own vote saved
    silent.add("10.0.0.1");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.1"), "reset"));
    run(3000);
    assertThat(events).anyMatch(line -> line.startsWith("+try-failover"));
    now += 60_000;
    run(100);
    assertThat(events).contains("-failover-abort-tilt master m 10.0.0.1 6379");
    isDiskFull = false;
    run(1300);
    everybodyPublishes();
    assertThat(wasSent("10.0.0.2 SLAVEOF")).isFalse();
    run(3000);
    assertThat(wasSent("10.0.0.2 SLAVEOF NO ONE")).isTrue();
  }

  /// After a silence, for which connections would be ended.
  private void everybodyPublishes() {
    for (int each : List.copyOf(channels.keySet())) {
      tell(new SentinelEvent.Message(each, new RespValue.Array(List.of())));
    }
  }

  @Test
  void replicasOfAPrimaryThatWasLostDuringTiltHaveNotBeenAloneForTooLong() {
    group("down-after-milliseconds m 200", "failover-timeout m 300000");
    ask("SENTINEL", "DEBUG", "TILT-PERIOD", "6000");
    now += 60_000;
    run(100);
    silent.add("10.0.0.1");
    tell(new SentinelEvent.LinkEnded(commands.get("10.0.0.1"), "reset"));
    for (String host : List.of("10.0.0.2", "10.0.0.3")) {
      String lost = "master_link_down_since_seconds:5\r\n";
      infos.put(host, replica("10.0.0.1", OURS, "down") + lost);
    }
    run(5500);
    everybodyPublishes();
    run(2000);
    assertThat(events).anyMatch(line -> line.startsWith("+promoted-slave"));
  }

  @Test
  void whatOthersSaidOfTheOldPrimaryDoesNotCountForTheNext() {
    group("down-after-milliseconds m 500");
    ask("SENTINEL", "SET", "m", "quorum", "2");
    ask("PUBLISH", "__sentinel__:hello", "10.0.0.9,26379," + FOREIGN + ",0,m,10.0.0.1,6379,0");
    run(2000);
    saidDown = "10.0.0.1";
    lose("10.0.0.1");
    run(1000);
    assertThat(events).anyMatch(line -> line.startsWith("+odown master m 10.0.0.1"));
    ask("PUBLISH", "__sentinel__:hello", "10.0.0.9,26379," + FOREIGN + ",7,m,10.0.0.2,6379,7");
    events.clear();
    lose("10.0.0.2");
    run(2000);
    assertThat(events).contains("+sdown master m 10.0.0.2 6379");
    assertThat(events).noneMatch(line -> line.startsWith("+odown"));
    saidDown = "10.0.0.2";
    run(1000);
    assertThat(events).anyMatch(line -> line.startsWith("+odown master m 10.0.0.2"));
  }

  private void lose(String host) {
    silent.add(host);
    tell(new SentinelEvent.LinkEnded(commands.get(host), "reset"));
  }

  @Test
  void aFailoverWithoutAReplicaToPromoteBeginsAnewAsSoonAsThereIsOne() {
    group("down-after-milliseconds m 2000", "failover-timeout m 300000");
    for (String host : List.of("10.0.0.2", "10.0.0.3")) {
      infos.put(host, with(infos.get(host), "slave_priority", "0"));
    }
    lose("10.0.0.1");
    run(10_000);
    assertThat(events).containsOnlyOnce("-failover-abort-no-good-slave master m 10.0.0.1 6379");
    assertThat(events).containsOnlyOnce("+try-failover master m 10.0.0.1 6379");
    infos.put("10.0.0.3", with(infos.get("10.0.0.3"), "slave_priority", "100"));
    run(3000);
    assertThat(wasSent("10.0.0.3 SLAVEOF NO ONE")).isTrue();
  }

  @Test
  void aNewerConfigurationEndsAFailoverAlsoIfItNamesTheOldPrimary() {
    group();
    silent.add("10.0.0.3"); // never says that it follows the new one
    ask("SENTINEL", "FAILOVER", "m");
    run(500);
    assertThat(events).anyMatch(line -> line.startsWith("+promoted-slave slave 10.0.0.2:6379"));
    ask("PUBLISH", "__sentinel__:hello", "10.0.0.9,26379," + FOREIGN + ",7,m,10.0.0.1,6379,7");
    assertThat(events).contains("+switch-master m 10.0.0.2 6379 10.0.0.1 6379");
    run(12_000);
    assertThat(events).noneMatch(line -> line.startsWith("+failover-end"));
    assertThat(saved)
        .contains("sentinel monitor m 10.0.0.1 6379 1", "sentinel config-epoch m 7")
        .contains("sentinel known-replica m 10.0.0.2 6379");
  }

  @Test
  void hostsWhoseNamesAreNotKnownAreNotTheSame() {
    configure(
        "resolve-hostnames yes",
        "announce-hostnames yes",
        "monitor m r0 6379 1",
        "known-replica m r1 6379",
        "known-replica m r2 6379");
    tell(new SentinelEvent.Started());
    assertThat(saved)
        .contains("sentinel known-replica m r1 6379", "sentinel known-replica m r2 6379");
  }

  @Test
  void aNewPrimaryWhoseNameIsNotKnownYetIsTakenWithTheNextHello() {
    names.put("r0", "10.0.0.1");
    names.put("s1", "10.0.0.50");
    configure("resolve-hostnames yes", "announce-hostnames yes", "monitor m r0 6379 1");
    infos.put("10.0.0.1", primary(OURS, ""));
    tell(new SentinelEvent.Started());
    run(1000);
    String hello = "s1,26379," + "b".repeat(40) + ",3,m,r1,6379,3";
    ask("PUBLISH", "__sentinel__:hello", hello);
    assertThat(events).noneMatch(line -> line.startsWith("+switch-master"));
    names.put("r1", "10.0.0.2");
    infos.put("10.0.0.2", primary(OURS, ""));
    ask("PUBLISH", "__sentinel__:hello", hello);
    assertThat(events).contains("+switch-master m r0 6379 r1 6379");
  }
}
