package dev.spinel.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.cluster.BusMessage.Header;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BusCodecTest {
  private static final String A = "a".repeat(40);
  private static final String B = "b".repeat(40);

  private static Header header(BusType type) {
    SlotSet slots = new SlotSet();
    slots.add(0);
    slots.add(16383);
    return new Header(
        type,
        7000,
        9,
        8,
        1L << 40,
        A,
        slots,
        B,
        "10.0.0.1",
        0,
        17000,
        0x11,
        true,
        true,
        true,
        true,
        12345);
  }

  private static List<BusMessage> all() {
    List<BusMessage.Gossip> gossip =
        List.of(
            new BusMessage.Gossip(B, 1722655433L, 1722655432L, "fe80::1", 7001, 17001, 4, 7101),
            new BusMessage.Gossip(A, 0, 0, "10.0.0.1", 65535, 65535, 0x3ff, 0));
    List<BusMessage.Extension> extensions =
        List.of(
            new BusMessage.Hostname("a.example"),
            new BusMessage.HumanName("first"),
            new BusMessage.Forgotten(B, 59),
            new BusMessage.Shard(B),
            new BusMessage.UnknownExtension(77, new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
    return List.of(
        new BusMessage.Heartbeat(header(BusType.PING), gossip, extensions),
        new BusMessage.Heartbeat(header(BusType.PONG), List.of(), List.of()),
        new BusMessage.Heartbeat(header(BusType.MEET), gossip, List.of()),
        new BusMessage.Fail(header(BusType.FAIL), B),
        new BusMessage.Publish(header(BusType.PUBLISH), new byte[] {1, 0, 2}, new byte[] {3}),
        new BusMessage.Publish(header(BusType.PUBLISHSHARD), new byte[0], new byte[0]),
        new BusMessage.Plain(header(BusType.AUTH_REQUEST)),
        new BusMessage.Plain(header(BusType.AUTH_ACK)),
        new BusMessage.Plain(header(BusType.MFSTART)),
        new BusMessage.Update(header(BusType.UPDATE), 7, B, new SlotSet()),
        new BusMessage.Module(header(BusType.MODULE), new byte[13]));
  }

  @Test
  void whatIsWrittenIsReadAgain() throws Exception {
    for (BusMessage message : all()) {
      byte[] bytes = BusCodec.encode(message);
      BusMessage read = BusCodec.decode(bytes);
      assertThat(read.header()).isEqualTo(message.header());
      assertThat(BusCodec.encode(read)).isEqualTo(bytes);
      assertThat(read)
          .usingRecursiveComparison()
          .ignoringFieldsOfTypes(SlotSet.class)
          .isEqualTo(message);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bus-7.2.6.txt", "bus-7.0.15.txt"})
  void whatRealServersSayIsReadAndWrittenByteForByte(String name) throws Exception {
    Set<String> types = new TreeSet<>();
    for (byte[] bytes : BusRecording.read(name)) {
      BusMessage message = BusCodec.decode(bytes);
      types.add(message.header().type().word());
      assertThat(BusCodec.encode(message)).isEqualTo(bytes);
      assertThat(NodesFile.isId(message.header().sender())).isTrue();
    }
    assertThat(types)
        .contains(
            "ping",
            "pong",
            "meet",
            "fail",
            "publish",
            "publishshard",
            "auth-req",
            "auth-ack",
            "mfstart",
            "update");
  }

  @Test
  void realServersSayWhatWeThinkTheyDo() throws Exception {
    List<BusMessage.Extension> extensions = new ArrayList<>();
    boolean paused = false;
    boolean forced = false;
    for (byte[] bytes : BusRecording.read("bus-7.2.6.txt")) {
      BusMessage message = BusCodec.decode(bytes);
      paused |= message.header().paused();
      forced |= message.header().forced();
      assertThat(message.header().withoutLease()).isFalse();
      assertThat(message.header().pingNumber()).isZero();
      if (message instanceof BusMessage.Heartbeat heartbeat) {
        extensions.addAll(heartbeat.extensions());
      }
      if (message instanceof BusMessage.Publish publish
          && publish.header().type() == BusType.PUBLISH) {
        assertThat(publish.channel()).asString().isEqualTo("news");
        assertThat(publish.message()).asString().isEqualTo("something\0new");
      }
    }
    assertThat(paused).isTrue();
    assertThat(forced).isTrue();
    assertThat(extensions)
        .contains(new BusMessage.Hostname("b.example"), new BusMessage.HumanName("third-node"))
        .anyMatch(BusMessage.Shard.class::isInstance)
        .anyMatch(BusMessage.Forgotten.class::isInstance);
  }

  private static byte[] ping() {
    return BusCodec.encode(all().getFirst());
  }

  private static void refused(byte[] bytes, String words) {
    assertThatThrownBy(() -> BusCodec.decode(bytes))
        .isInstanceOf(BusCodec.Invalid.class)
        .hasMessageContaining(words);
  }

  private static byte[] with(byte[] bytes, int at, int... values) {
    for (int i = 0; i < values.length; i++) {
      bytes[at + i] = (byte) values[i];
    }
    return bytes;
  }

  @Test
  void whatIsWrongIsRefusedInRedisWords() {
    refused(with(ping(), 8, 0, 2), "protocol version 2");
    refused(with(ping(), 12, 0, 11), "Received unknown packet type: 11");
    refused(with(ping(), 14, 0xff, 0xff), "Received invalid ping packet of length");
    int firstExtension = BusCodec.HEADER_BYTES + 2 * 104;
    refused(with(ping(), firstExtension, 0, 0, 0, 17), "without proper padding (17 bytes)");
    refused(with(ping(), firstExtension, 0, 0, 0, 0), "without proper padding (0 bytes)");
    refused(with(ping(), firstExtension, 0x7f, 0, 0, 0), "exceeds total packet length");
    refused(with(ping(), 2214, 0, 4), "Received invalid ping packet of length");
    refused(with(ping(), 2214, 0, 6), "exceeds total packet length");
    byte[] publish = BusCodec.encode(all().get(4));
    refused(with(publish, BusCodec.HEADER_BYTES, 0xff), "Received invalid publish packet");
    refused(with(BusCodec.encode(all().get(3)), 12, 0, 7), "Received invalid update packet");
  }

  @Test
  void namesThatNoFileCouldHoldAreLeftOut() throws Exception {
    BusMessage.Heartbeat evil =
        new BusMessage.Heartbeat(
            header(BusType.PING),
            List.of(new BusMessage.Gossip(B, 0, 0, "10.0.0.1\n" + A, 1, 2, 0, 0)),
            List.of(
                new BusMessage.Hostname("a b"),
                new BusMessage.HumanName("x,shard-id=1"),
                new BusMessage.Shard("z".repeat(39) + "\n")));
    BusMessage.Heartbeat read = (BusMessage.Heartbeat) BusCodec.decode(BusCodec.encode(evil));
    assertThat(read.extensions()).isEmpty();
    assertThat(read.gossip().getFirst().ip()).isEmpty();
  }

  private static final class Noted implements BusReader.Sink {
    final List<BusMessage> messages = new ArrayList<>();
    final List<String> words = new ArrayList<>();

    @Override
    public void message(BusMessage message) {
      messages.add(message);
    }

    @Override
    public void invalid(String invalid) {
      words.add(invalid);
    }
  }

  @Test
  void messagesAreCutOutOfAnyPieces() throws Exception {
    Random random = new Random(3);
    List<byte[]> all = new ArrayList<>(BusRecording.read("bus-7.2.6.txt"));
    all.add(with(ping(), 12, 0, 99));
    int length = all.stream().mapToInt(bytes -> bytes.length).sum();
    byte[] stream = new byte[length];
    int end = 0;
    for (byte[] bytes : all) {
      System.arraycopy(bytes, 0, stream, end, bytes.length);
      end += bytes.length;
    }
    for (int round = 0; round < 20; round++) {
      BusReader reader = new BusReader();
      Noted noted = new Noted();
      int most = round == 0 ? 1 : 1 + random.nextInt(5000);
      for (int at = 0; at < length; ) {
        int n = Math.min(length - at, 1 + random.nextInt(most));
        reader.feed(stream, at, at + n, noted);
        at += n;
      }
      assertThat(reader.error()).isNull();
      assertThat(noted.words).containsExactly("Received unknown packet type: 99");
      assertThat(noted.messages).hasSize(all.size() - 1);
      for (int i = 0; i < noted.messages.size(); i++) {
        assertThat(BusCodec.encode(noted.messages.get(i))).isEqualTo(all.get(i));
      }
    }
  }

  @Test
  void whoeverDoesNotSpeakTheBusIsToldSo() {
    for (byte[] wrong :
        List.of(
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
                .getBytes(java.nio.charset.StandardCharsets.US_ASCII),
            with(ping(), 4, 0, 0, 0, 17),
            with(ping(), 4, 0xff),
            with(ping(), 4, 3, 0, 0, 0))) {
      BusReader reader = new BusReader();
      reader.feed(wrong, 0, wrong.length, new Noted());
      assertThat(reader.error()).isNotNull();
    }
  }

  @Test
  void whateverComesIsReadOrRefused() {
    Random random = new Random(Long.getLong("spinel.seed", 11));
    List<byte[]> all = new ArrayList<>(BusRecording.read("bus-7.2.6.txt"));
    all().forEach(message -> all.add(BusCodec.encode(message)));
    int refused = 0;
    for (int i = 0; i < 60_000; i++) {
      byte[] bytes = all.get(random.nextInt(all.size())).clone();
      if (random.nextInt(4) == 0) {
        bytes = Arrays.copyOf(bytes, BusCodec.HEADER_BYTES + random.nextInt(600));
      }
      for (int n = random.nextInt(12); n > 0; n--) {
        int at =
            random.nextBoolean()
                ? 8 + random.nextInt(8)
                : BusCodec.HEADER_BYTES
                    - 60
                    + random.nextInt(bytes.length - BusCodec.HEADER_BYTES + 60);
        bytes[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : bytes[at] + 1);
      }
      with(bytes, 4, 0, bytes.length >> 16, bytes.length >> 8, bytes.length);
      try {
        BusMessage message = BusCodec.decode(bytes);
        BusCodec.encode(message);
      } catch (BusCodec.Invalid e) {
        assertThat(e.getMessage()).isNotEmpty();
        refused++;
      }
    }
    assertThat(refused).isBetween(5_000, 59_000);
  }
}
