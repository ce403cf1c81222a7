package dev.spinel.peer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// The simulated network does what it says, so that tests over it mean something.
class SimNetworkTest {
  private static final Address B = new Address("b", 1);
  private static final Peers.Dialling PATIENT = new Peers.Dialling(0);

  /// Notes what one end is told.
  private final class Noting implements PeerLink.Listener {
    final List<String> told = new ArrayList<>();
    final StringBuilder received = new StringBuilder();
    @Nullable PeerLink link;

    @Override
    public void connected(PeerLink stands) {
      link = stands;
      told.add("connected");
    }

    @Override
    public void received(PeerLink from, byte[] bytes, int begin, int end) {
      received.append(new String(bytes, begin, end - begin, StandardCharsets.ISO_8859_1));
    }

    @Override
    public void closed(PeerLink ended, String reason) {
      told.add("closed: " + reason);
    }
  }

  private SimNetwork network = new SimNetwork(1, SimNetwork.Conditions.GOOD);
  private final Noting a = new Noting();
  private final Noting b = new Noting();

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private PeerLink connect() {
    listen();
    PeerLink link = network.host("a").dial(B, PATIENT, a);
    assertThat(network.runUntil(() -> a.link != null, 1000)).isTrue();
    return link;
  }

  private void listen() {
    network
        .host("b")
        .listen(
            1,
            link -> {
              b.link = link;
              return b;
            });
  }

  @Test
  void bytesArriveInOrderWhateverTheDelays() {
    network = new SimNetwork(System.nanoTime(), SimNetwork.Conditions.ROUGH);
    PeerLink link = connect();
    StringBuilder sent = new StringBuilder();
    for (int i = 0; i < 500; i++) {
      String text = "message " + i + " ".repeat(i % 50);
      sent.append(text);
      link.send(bytes(text));
    }
    assertThat(link.unsentBytes()).isPositive();
    network.run(100_000);
    assertThat(b.received.toString()).isEqualTo(sent.toString());
    assertThat(link.unsentBytes()).isZero();
  }

  @Test
  void nobodyListensSoItIsRefused() {
    network.host("a").dial(B, PATIENT, a);
    network.run(1000);
    assertThat(a.told).containsExactly("closed: Connection refused");
  }

  @Test
  void whoClosesAndWhoIsLeftAreToldOnce() {
    PeerLink link = connect();
    link.send(bytes("last words"));
    link.close("enough");
    link.close("twice");
    network.run(1000);
    assertThat(a.told).containsExactly("connected", "closed: enough");
    assertThat(b.told).containsExactly("closed: connection lost");
    assertThat(b.received.toString()).isEqualTo("last words");
  }

  @Test
  void aBrokenLinkLosesWhatIsUnderWay() {
    PeerLink link = connect();
    link.send(bytes("lost"));
    assertThat(network.breakLinks("a", "b")).isEqualTo(1);
    network.run(1000);
    assertThat(b.received.toString()).isEmpty();
    assertThat(a.told).containsExactly("connected", "closed: Connection reset by peer");
    assertThat(b.told).containsExactly("closed: Connection reset by peer");
  }

  @Test
  void aPartitionIsSilentAndItsBytesArriveLater() {
    PeerLink link = connect();
    network.part("a", "b");
    link.send(bytes("late"));
    network.run(100_000);
    assertThat(b.received.toString()).isEmpty();
    assertThat(a.told).containsExactly("connected");
    network.heal();
    network.run(1000);
    assertThat(b.received.toString()).isEqualTo("late");
  }

  @Test
  void diallingIntoAPartitionTakesItsTime() {
    listen();
    network.host("a");
    network.isolate("b");
    network.host("a").dial(B, new Peers.Dialling(500), a);
    network.run(10_000);
    assertThat(a.told).containsExactly("closed: Connection timed out");
    network.heal();
    network.run(10_000);
    assertThat(b.link).as("nobody comes after all").isNull();
  }

  @Test
  void ofACrashOthersLearnWhenTheySend() {
    connect();
    network.host("a").crash();
    network.run(100_000);
    assertThat(b.told).isEmpty();
    b.link.send(bytes("are you there?"));
    network.run(1000);
    assertThat(b.told).containsExactly("closed: Connection reset by peer");
    assertThat(a.told).as("its life is over").containsExactly("connected");
  }

  @Test
  void aHostThatIsPausedCatchesUp() {
    PeerLink link = connect();
    network.host("b").pause();
    link.send(bytes("patience"));
    network.run(5000);
    assertThat(b.received.toString()).isEmpty();
    network.host("b").goOn();
    network.run(1000);
    assertThat(b.received.toString()).isEqualTo("patience");
  }

  @Test
  void whoPausesALinkReceivesNothing() {
    PeerLink link = connect();
    b.link.pause();
    link.send(bytes("waits"));
    network.run(1000);
    assertThat(b.received.toString()).isEmpty();
    b.link.resume();
    network.run(1000);
    assertThat(b.received.toString()).isEqualTo("waits");
  }

  @Test
  void equalSeedsGiveEqualRuns() {
    List<Long> runs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      network = new SimNetwork(42, SimNetwork.Conditions.ROUGH);
      a.link = null;
      PeerLink link = connect();
      for (int n = 0; n < 100; n++) {
        link.send(bytes("x".repeat(n * 10)));
        network.run(network.random().nextInt(30));
      }
      network.run(10_000);
      runs.add(network.happened());
    }
    assertThat(runs.get(0)).isEqualTo(runs.get(1));
  }
}
