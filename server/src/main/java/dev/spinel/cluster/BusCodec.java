package dev.spinel.cluster;

import dev.spinel.cluster.BusMessage.Extension;
import dev.spinel.cluster.BusMessage.Gossip;
import dev.spinel.cluster.BusMessage.Header;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Messages of the cluster bus as bytes: protocol version 1, as Redis 7.2 speaks it.
///
/// ```
///      0  "RCmb"            80  slots, 2048         2246  the other port      2256  the body:
///      4  length          2128  primary, 40         2248  bus port              gossip: 104 each
///      8  version         2168  ip, 46              2250  flags                 extensions: 8 + n × 8
///     10  port            2214  extensions, count   2252  state                 or what the type asks
///     12  type            2216  30 unused           2253  flags of the message, 3
///     14  gossip, count
///     16  current epoch, configuration epoch, offset: 8 each
///     40  sender, 40
/// ```
///
/// Numbers are big-endian. Whatever comes is checked before it is used: lengths against the length
/// of the message, counts against what is there, names and addresses against the characters that
/// may stand in `nodes.conf`.
public final class BusCodec {
  static final int HEADER_BYTES = 2256;
  static final int VERSION = 1;
  private static final int GOSSIP_BYTES = 104;
  private static final int ID_BYTES = 40;
  private static final int IP_BYTES = 46;
  private static final int EXTENSION_HEADER_BYTES = 8;

  private static final int PAUSED = 1;
  private static final int FORCED = 1 << 1;
  private static final int HAS_EXTENSIONS = 1 << 2;

  /// The second and third byte of flags, which Redis leaves zero and ignores: this bit, and above
  /// it the number of a PING.
  private static final int WITHOUT_LEASE = 1;

  private static final int HOSTNAME = 0;
  private static final int HUMAN_NAME = 1;
  private static final int FORGOTTEN = 2;
  private static final int SHARD = 3;

  private BusCodec() {}

  /// A message that can't be used. It is logged in these words and ignored; the link goes on.
  public static final class Invalid extends Exception {
    private static final long serialVersionUID = 1;

    Invalid(String message) {
      super(message, null, false, false);
    }
  }

  // ── writing ──

  public static byte[] encode(BusMessage message) {
    ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES + bodyBytes(message));
    header(out, message);
    out.position(HEADER_BYTES);
    switch (message) {
      case BusMessage.Heartbeat heartbeat -> {
        for (Gossip gossip : heartbeat.gossip()) {
          gossip(out, gossip);
        }
        for (Extension extension : heartbeat.extensions()) {
          extension(out, extension);
        }
      }
      case BusMessage.Fail fail -> text(out, fail.node(), ID_BYTES);
      case BusMessage.Publish publish ->
          out.putInt(publish.channel().length)
              .putInt(publish.message().length)
              .put(publish.channel())
              .put(publish.message());
      case BusMessage.Plain _ -> {}
      case BusMessage.Update update -> {
        out.putLong(update.configEpoch());
        text(out, update.node(), ID_BYTES);
        update.slots().write(out.array(), out.position());
      }
      case BusMessage.Module module -> out.put(module.body());
    }
    return out.array();
  }

  private static int bodyBytes(BusMessage message) {
    return switch (message) {
      case BusMessage.Heartbeat heartbeat -> {
        int bytes = heartbeat.gossip().size() * GOSSIP_BYTES;
        for (Extension extension : heartbeat.extensions()) {
          bytes += EXTENSION_HEADER_BYTES + dataBytes(extension);
        }
        yield bytes;
      }
      case BusMessage.Fail _ -> ID_BYTES;
      case BusMessage.Publish publish -> 8 + publish.channel().length + publish.message().length;
      case BusMessage.Plain _ -> 0;
      case BusMessage.Update _ -> 8 + ID_BYTES + SlotSet.BYTES;
      case BusMessage.Module module -> module.body().length;
    };
  }

  private static int dataBytes(Extension extension) {
    return switch (extension) {
      case BusMessage.Hostname host -> aligned(host.name().length() + 1);
      case BusMessage.HumanName human -> aligned(human.name().length() + 1);
      case BusMessage.Forgotten _ -> ID_BYTES + 8;
      case BusMessage.Shard _ -> ID_BYTES;
      case BusMessage.UnknownExtension unknown -> aligned(unknown.data().length);
    };
  }

  private static int aligned(int bytes) {
    return (bytes + 7) & ~7;
  }

  private static void header(ByteBuffer out, BusMessage message) {
    Header header = message.header();
    int gossips = 0;
    int extensions = 0;
    if (message instanceof BusMessage.Heartbeat heartbeat) {
      gossips = heartbeat.gossip().size();
      extensions = heartbeat.extensions().size();
    }
    out.put((byte) 'R').put((byte) 'C').put((byte) 'm').put((byte) 'b');
    out.putInt(out.capacity());
    out.putShort((short) VERSION);
    out.putShort((short) header.port());
    out.putShort((short) header.type().ordinal());
    out.putShort((short) gossips);
    out.putLong(header.currentEpoch());
    out.putLong(header.configEpoch());
    out.putLong(header.offset());
    text(out, header.sender(), ID_BYTES);
    header.slots().write(out.array(), out.position());
    out.position(out.position() + SlotSet.BYTES);
    text(out, header.primary(), ID_BYTES);
    text(out, header.ip(), IP_BYTES);
    out.putShort((short) extensions);
    out.position(out.position() + 30);
    out.putShort((short) header.otherPort());
    out.putShort((short) header.busPort());
    out.putShort((short) header.flags());
    out.put((byte) (header.down() ? 1 : 0));
    out.put(
        (byte)
            ((header.paused() ? PAUSED : 0)
                | (header.forced() ? FORCED : 0)
                | (extensions > 0 ? HAS_EXTENSIONS : 0)));
    out.putShort((short) (header.pingNumber() << 1 | (header.withoutLease() ? WITHOUT_LEASE : 0)));
  }

  private static void gossip(ByteBuffer out, Gossip gossip) {
    text(out, gossip.node(), ID_BYTES);
    out.putInt((int) gossip.pingSent());
    out.putInt((int) gossip.pongReceived());
    text(out, gossip.ip(), IP_BYTES);
    out.putShort((short) gossip.port());
    out.putShort((short) gossip.busPort());
    out.putShort((short) gossip.flags());
    out.putShort((short) gossip.otherPort());
    out.putShort((short) 0);
  }

  private static void extension(ByteBuffer out, Extension extension) {
    int bytes = dataBytes(extension);
    int type =
        switch (extension) {
          case BusMessage.Hostname _ -> HOSTNAME;
          case BusMessage.HumanName _ -> HUMAN_NAME;
          case BusMessage.Forgotten _ -> FORGOTTEN;
          case BusMessage.Shard _ -> SHARD;
          case BusMessage.UnknownExtension unknown -> unknown.type();
        };
    out.putInt(EXTENSION_HEADER_BYTES + bytes).putShort((short) type).putShort((short) 0);
    int end = out.position() + bytes;
    switch (extension) {
      case BusMessage.Hostname host -> text(out, host.name(), bytes);
      case BusMessage.HumanName human -> text(out, human.name(), bytes);
      case BusMessage.Forgotten forgotten -> {
        text(out, forgotten.node(), ID_BYTES);
        out.putLong(forgotten.ttlSeconds());
      }
      case BusMessage.Shard shard -> text(out, shard.id(), ID_BYTES);
      case BusMessage.UnknownExtension unknown -> out.put(unknown.data());
    }
    out.position(end);
  }

  /// Text in a field of so many bytes; the rest is zeros.
  private static void text(ByteBuffer out, String text, int bytes) {
    byte[] latin = text.getBytes(StandardCharsets.ISO_8859_1);
    out.put(latin, 0, Math.min(bytes, latin.length));
    out.position(out.position() + Math.max(0, bytes - latin.length));
  }

  // ── reading ──

  /// @param bytes one whole message, as [BusReader] cuts it out
  /// @throws Invalid with the words for the log
  public static BusMessage decode(byte[] bytes) throws Invalid {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    assert bytes.length >= HEADER_BYTES && in.getInt(4) == bytes.length;
    if (in.getShort(8) != VERSION) {
      throw new Invalid("Received a packet of bus protocol version " + (in.getShort(8) & 0xffff));
    }
    int code = in.getShort(12) & 0xffff;
    BusType type = BusType.of(code);
    if (type == null) {
      throw new Invalid("Received unknown packet type: " + code);
    }
    Header header = readHeader(in, type);
    return switch (type) {
      case PING, PONG, MEET -> readHeartbeat(in, header);
      case FAIL -> {
        check(in, type, ID_BYTES);
        yield new BusMessage.Fail(header, text(in, HEADER_BYTES, ID_BYTES));
      }
      case PUBLISH, PUBLISHSHARD -> {
        checkAtLeast(in, type, 8);
        long channel = in.getInt(HEADER_BYTES) & 0xffffffffL;
        long message = in.getInt(HEADER_BYTES + 4) & 0xffffffffL;
        check(in, type, 8 + channel + message);
        int at = HEADER_BYTES + 8;
        yield new BusMessage.Publish(
            header,
            Arrays.copyOfRange(bytes, at, at + (int) channel),
            Arrays.copyOfRange(bytes, at + (int) channel, bytes.length));
      }
      case AUTH_REQUEST, AUTH_ACK, MFSTART -> {
        check(in, type, 0);
        yield new BusMessage.Plain(header);
      }
      case UPDATE -> {
        check(in, type, 8 + ID_BYTES + SlotSet.BYTES);
        yield new BusMessage.Update(
            header,
            in.getLong(HEADER_BYTES),
            text(in, HEADER_BYTES + 8, ID_BYTES),
            SlotSet.read(bytes, HEADER_BYTES + 8 + ID_BYTES));
      }
      case MODULE -> {
        checkAtLeast(in, type, 13);
        check(in, type, 13 + (in.getInt(HEADER_BYTES + 8) & 0xffffffffL));
        yield new BusMessage.Module(header, Arrays.copyOfRange(bytes, HEADER_BYTES, bytes.length));
      }
    };
  }

  private static void check(ByteBuffer in, BusType type, long body) throws Invalid {
    if (in.capacity() != HEADER_BYTES + body) {
      throw new Invalid(
          "Received invalid "
              + type.word()
              + " packet of length "
              + in.capacity()
              + " but expected length "
              + (HEADER_BYTES + body));
    }
  }

  private static void checkAtLeast(ByteBuffer in, BusType type, long body) throws Invalid {
    if (in.capacity() < HEADER_BYTES + body) {
      check(in, type, body);
    }
  }

  private static Header readHeader(ByteBuffer in, BusType type) {
    int flags = in.get(2253);
    return new Header(
        type,
        in.getShort(10) & 0xffff,
        in.getLong(16),
        in.getLong(24),
        in.getLong(32),
        text(in, 40, ID_BYTES),
        SlotSet.read(in.array(), 80),
        text(in, 2128, ID_BYTES),
        address(text(in, 2168, IP_BYTES)),
        in.getShort(2246) & 0xffff,
        in.getShort(2248) & 0xffff,
        in.getShort(2250) & 0xffff,
        in.get(2252) != 0,
        (flags & PAUSED) != 0,
        (flags & FORCED) != 0,
        (in.getShort(2254) & WITHOUT_LEASE) != 0,
        (in.getShort(2254) & 0xffff) >>> 1);
  }

  private static BusMessage readHeartbeat(ByteBuffer in, Header header) throws Invalid {
    int gossips = in.getShort(14) & 0xffff;
    checkAtLeast(in, header.type(), (long) gossips * GOSSIP_BYTES);
    List<Gossip> gossip = new ArrayList<>(gossips);
    int at = HEADER_BYTES;
    for (int i = 0; i < gossips; i++, at += GOSSIP_BYTES) {
      gossip.add(
          new Gossip(
              text(in, at, ID_BYTES),
              in.getInt(at + 40) & 0xffffffffL,
              in.getInt(at + 44) & 0xffffffffL,
              address(text(in, at + 48, IP_BYTES)),
              in.getShort(at + 94) & 0xffff,
              in.getShort(at + 96) & 0xffff,
              in.getShort(at + 98) & 0xffff,
              in.getShort(at + 100) & 0xffff));
    }
    List<Extension> extensions = new ArrayList<>();
    if ((in.get(2253) & HAS_EXTENSIONS) != 0) {
      int left = in.getShort(2214) & 0xffff;
      for (; left > 0; left--) {
        at = readExtension(in, at, header.type(), extensions);
      }
    }
    check(in, header.type(), at - HEADER_BYTES);
    return new BusMessage.Heartbeat(header, gossip, extensions);
  }

  /// Returns where the next one begins.
  private static int readExtension(ByteBuffer in, int at, BusType type, List<Extension> extensions)
      throws Invalid {
    int left = in.capacity() - at;
    long length = left < EXTENSION_HEADER_BYTES ? Long.MAX_VALUE : in.getInt(at) & 0xffffffffL;
    if (length > left) {
      throw new Invalid(
          "Received invalid "
              + type.word()
              + " packet with extension data that exceeds total packet length ("
              + in.capacity()
              + ")");
    }
    if (length % 8 != 0 || length < EXTENSION_HEADER_BYTES) {
      throw new Invalid(
          "Received a " + type.word() + " packet without proper padding (" + length + " bytes)");
    }
    int data = at + EXTENSION_HEADER_BYTES;
    int bytes = (int) length - EXTENSION_HEADER_BYTES;
    int kind = in.getShort(at + 4) & 0xffff;
    switch (kind) {
      case HOSTNAME -> {
        String name = text(in, data, bytes);
        if (NodesFile.isHostname(name)) {
          extensions.add(new BusMessage.Hostname(name));
        }
      }
      case HUMAN_NAME -> {
        String name = text(in, data, bytes);
        if (NodesFile.isHumanName(name)) {
          extensions.add(new BusMessage.HumanName(name));
        }
      }
      case FORGOTTEN -> {
        checkExtension(type, bytes, ID_BYTES + 8);
        extensions.add(
            new BusMessage.Forgotten(text(in, data, ID_BYTES), in.getLong(data + ID_BYTES)));
      }
      case SHARD -> {
        checkExtension(type, bytes, ID_BYTES);
        String id = text(in, data, ID_BYTES);
        if (NodesFile.isId(id)) {
          extensions.add(new BusMessage.Shard(id));
        }
      }
      default ->
          extensions.add(
              new BusMessage.UnknownExtension(
                  kind, Arrays.copyOfRange(in.array(), data, data + bytes)));
    }
    return at + (int) length;
  }

  private static void checkExtension(BusType type, int bytes, int expected) throws Invalid {
    if (bytes != expected) {
      throw new Invalid(
          "Received a "
              + type.word()
              + " packet with an extension of "
              + bytes
              + " bytes instead of "
              + expected);
    }
  }

  /// The text of a field, up to the first zero.
  private static String text(ByteBuffer in, int at, int bytes) {
    int n = 0;
    while (n < bytes && in.get(at + n) != 0) {
      n++;
    }
    return new String(in.array(), at, n, StandardCharsets.ISO_8859_1);
  }

  /// An address, or empty if it can't be one.
  private static String address(String text) {
    return NodesFile.isHost(text) ? text : "";
  }
}
