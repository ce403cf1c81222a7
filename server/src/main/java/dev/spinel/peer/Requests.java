package dev.spinel.peer;

import dev.spinel.wire.Numbers;
import dev.spinel.wire.RespValue;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Commands over a link, and their replies in order.
///
/// ```java
/// var requests = new Requests(peers, ReplyReader.ReplyLimits.USUAL);
/// requests.dial(address, how);
/// requests.ask(1000, answer, "PING");            // may be asked before the link stands
/// ```
///
/// Every answer is told exactly once: its reply, or why there is none. A reply that doesn't come in
/// time ends the link, since those behind it can't be told apart any more. Pushes (RESP3), and
/// messages of RESP2 once [#messages] has said that they come, go to the consumer of pushes.
///
/// After [#stream] the bytes that follow are somebody else's: a replication stream.
public final class Requests implements PeerLink.Listener {
  /// Gets a reply, once.
  public interface Answer {
    /// The reply, which may be an error of the other server's.
    void replied(RespValue reply);

    /// There is none, and there never will be.
    void failed(String reason);
  }

  private static final class Asked {
    final Answer answer;
    final long dueMillis; // Long.MAX_VALUE: never

    Asked(Answer answer, long dueMillis) {
      this.answer = answer;
      this.dueMillis = dueMillis;
    }
  }

  private final Peers peers;
  private final ReplyReader reader;
  private final ReplyReader.Sink sink = this::reply;
  private final ArrayDeque<Asked> asked = new ArrayDeque<>();
  private final ByteArrayOutputStream early = new ByteArrayOutputStream();
  private final int waitingMax;
  private Consumer<RespValue> pushes = push -> {};
  private Consumer<String> ended = reason -> {};
  private Consumer<PeerLink> stood = link -> {};
  private PeerLink.@Nullable Listener stream;
  private @Nullable PeerLink link;
  private Peers.@Nullable Alarm alarm;
  private boolean stands;
  private boolean over;
  private boolean messages;
  private String overReason = "";

  public Requests(Peers peers, ReplyReader.ReplyLimits limits) {
    this(peers, limits, 10_000);
  }

  /// @param waitingMax replies that may be outstanding; a request beyond that fails at once
  public Requests(Peers peers, ReplyReader.ReplyLimits limits, int waitingMax) {
    this.peers = peers;
    this.reader = new ReplyReader(limits);
    this.waitingMax = waitingMax;
  }

  /// Gets pushes and messages.
  public void onPush(Consumer<RespValue> consumer) {
    pushes = consumer;
  }

  /// Is told once that the link stands.
  public void onConnect(Consumer<PeerLink> consumer) {
    stood = consumer;
  }

  /// Is told once that the link has ended, with the reason, after all answers were.
  public void onEnd(Consumer<String> consumer) {
    ended = consumer;
  }

  /// Connects. Once.
  public void dial(Address to, Peers.Dialling how) {
    assert link == null;
    link = peers.dial(to, how, this);
  }

  /// The link, or null before [#dial].
  public @Nullable PeerLink link() {
    return link;
  }

  /// Whether requests may succeed: the link stands, or will.
  public boolean isOpen() {
    return !over;
  }

  /// Whether the link stands.
  public boolean isConnected() {
    return stands && !over;
  }

  /// Sends a command. Arguments are characters 0 to 255, a byte each.
  ///
  /// @param timeoutMillis in which the reply must come; 0: whenever it does
  public void ask(long timeoutMillis, Answer answer, String... arguments) {
    if (over) {
      answer.failed(overReason);
      return;
    }
    if (asked.size() >= waitingMax) {
      answer.failed("too many replies are outstanding");
      return;
    }
    long due = timeoutMillis == 0 ? Long.MAX_VALUE : peers.now() + timeoutMillis;
    asked.addLast(new Asked(answer, due));
    write(command(arguments));
    if (asked.size() == 1) {
      watch();
    }
  }

  /// Sends a command that has no reply (REPLCONF ACK), or whose reply is a push.
  public void tell(String... arguments) {
    if (!over) {
      write(command(arguments));
    }
  }

  /// From now on arrays that begin with `message`, `pmessage`, `smessage` or the confirmations of
  /// (un)subscribing are pushes, as a RESP2 connection sends them.
  public void messages() {
    messages = true;
  }

  /// What follows the last reply is no reply any more but belongs to this listener, from its
  /// [PeerLink.Listener#received] to its end. Called while an answer is told, or when no reply is
  /// outstanding.
  public void stream(PeerLink.Listener listener) {
    assert asked.isEmpty();
    stream = listener;
  }

  public void close(String reason) {
    if (link != null) {
      link.close(reason);
    }
  }

  /// A command as bytes.
  public static byte[] command(String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(64);
    header(out, '*', arguments.length);
    for (String argument : arguments) {
      byte[] bytes = argument.getBytes(StandardCharsets.ISO_8859_1);
      header(out, '$', bytes.length);
      out.writeBytes(bytes);
      out.write('\r');
      out.write('\n');
    }
    return out.toByteArray();
  }

  private static void header(ByteArrayOutputStream out, char type, long n) {
    out.write(type);
    out.writeBytes(Numbers.bytes(n));
    out.write('\r');
    out.write('\n');
  }

  private void write(byte[] bytes) {
    if (stands && link != null) {
      link.send(bytes);
    } else {
      early.writeBytes(bytes);
    }
  }

  // ── the link ──

  @Override
  public void connected(PeerLink connected) {
    stands = true;
    if (early.size() > 0) {
      connected.send(early.toByteArray());
      early.reset();
    }
    stood.accept(connected);
  }

  @Override
  public void received(PeerLink from, byte[] bytes, int begin, int end) {
    int at = begin;
    if (stream == null) {
      at = reader.feed(bytes, begin, end, sink);
      String error = reader.error();
      if (error != null) {
        from.close("Protocol error: " + error);
        return;
      }
    }
    if (stream != null && at < end && from.isOpen()) {
      stream.received(from, bytes, at, end);
    }
  }

  @Override
  public void drained(PeerLink from, long unsentBytes) {
    if (stream != null) {
      stream.drained(from, unsentBytes);
    }
  }

  @Override
  public void closed(PeerLink ending, String reason) {
    over = true;
    overReason = reason;
    if (alarm != null) {
      alarm.cancel();
    }
    for (Asked next; (next = asked.poll()) != null; ) {
      next.answer.failed(reason);
    }
    if (stream != null) {
      stream.closed(ending, reason);
    }
    ended.accept(reason);
  }

  // ── replies ──

  private boolean reply(RespValue reply) {
    if (reply instanceof RespValue.Push || (messages && isMessage(reply))) {
      pushes.accept(reply);
      return stream == null;
    }
    Asked first = asked.poll();
    if (first == null) {
      close("Protocol error: a reply that nobody has asked for");
      return false;
    }
    watch();
    first.answer.replied(reply);
    return stream == null && link != null && link.isOpen();
  }

  private static boolean isMessage(RespValue reply) {
    return reply instanceof RespValue.Array array
        && !array.elements().isEmpty()
        && array.elements().getFirst() instanceof RespValue.Bulk first
        && switch (new String(first.bytes(), StandardCharsets.ISO_8859_1)) {
          case "message", "pmessage", "smessage" -> true;
          case "subscribe", "psubscribe", "ssubscribe" -> true;
          case "unsubscribe", "punsubscribe", "sunsubscribe" -> true;
          default -> false;
        };
  }

  /// Sets the alarm for the first reply that is outstanding.
  private void watch() {
    if (alarm != null) {
      alarm.cancel();
      alarm = null;
    }
    Asked first = asked.peek();
    if (first != null && first.dueMillis != Long.MAX_VALUE) {
      alarm = peers.after(Math.max(0, first.dueMillis - peers.now()), this::late);
    }
  }

  private void late() {
    alarm = null;
    Asked first = asked.peek();
    if (first != null && first.dueMillis <= peers.now()) {
      close("no reply in time");
    } else {
      watch();
    }
  }
}
