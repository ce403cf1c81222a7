package dev.spinel.sentinel;

import dev.spinel.engine.Principal;
import dev.spinel.peer.PeerLink;
import dev.spinel.wire.Args;
import dev.spinel.wire.Glob;
import dev.spinel.wire.LargeSink;
import dev.spinel.wire.RequestReader;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A client of a Sentinel: its connection, what it subscribes to, whether it may ask.
final class SentinelClient implements PeerLink.Listener {
  private static final long BULK_MAX = 1 << 20;
  private static final long UNSENT_MAX = 32 << 20;

  /// Which replies the client wants.
  enum Replies {
    ON,
    OFF,
    SKIP_NEXT, // after this command
    SKIP
  }

  final long id;
  final long since;
  private long heardAt; // the last bytes
  String lastCommand = "NULL"; // as CLIENT LIST shows it
  int protocol = 2;
  boolean isAuthenticated;
  @Nullable Principal user; // null: one who may do everything
  private boolean endsAfterReply;
  Replies replies = Replies.ON;
  String name = "";
  String libraryName = "";
  String libraryVersion = "";
  final Set<String> channels = new TreeSet<>();
  final Set<String> patterns = new TreeSet<>();
  private final PeerLink link;
  private final SentinelShell shell;
  private final SentinelSession session;
  private final RequestReader reader;
  private final Args arguments = new Args();
  private boolean waits; // for a reply that comes later; what it sends meanwhile is kept
  private boolean closes;

  SentinelClient(long id, PeerLink link, SentinelShell shell) {
    this.id = id;
    this.link = link;
    this.shell = shell;
    this.since = shell.now();
    this.heardAt = since;
    RequestReader.RequestLimits limits = RequestReader.RequestLimits.none();
    limits.bulkBytes = BULK_MAX;
    limits.queryBytes = BULK_MAX * 4;
    this.reader = new RequestReader(limits, LargeSink.NONE);
    this.session = new SentinelSession(this, shell);
    begin();
  }

  /// It is new, or begins anew.
  void begin() {
    SentinelAccess access = shell.access();
    user = access.defaultUser();
    isAuthenticated = !access.isPasswordRequired();
  }

  /// Whether it has logged in, or need not.
  boolean mayAsk() {
    return isAuthenticated || !shell.access().isPasswordRequired();
  }

  /// Ends it, after its reply if it is the one that calls.
  void end(long caller) {
    if (id == caller) {
      endsAfterReply = true;
    } else {
      kill();
    }
  }

  String address() {
    return link.remoteAddress();
  }

  String localAddress() {
    return link.localAddress();
  }

  /// So long it has said nothing.
  long idleSeconds() {
    return (shell.now() - heardAt) / 1000;
  }

  @Override
  public void received(PeerLink from, byte[] bytes, int begin, int end) {
    heardAt = shell.now();
    if (waits) {
      reader.keep(bytes, begin, end);
      return;
    }
    int at = begin;
    while (!waits && !closes && link.isOpen()) {
      reader.authenticated(mayAsk());
      int status = reader.next(bytes, at, end, arguments);
      if (status != RequestReader.COMPLETE) {
        if (status == RequestReader.ERROR) {
          send(Texts.error("ERR " + reader.error()));
          close();
        } else if (status != RequestReader.INCOMPLETE) {
          kill();
        }
        return;
      }
      at = reader.position();
      List<String> words = new ArrayList<>();
      for (int i = 0; i < arguments.count(); i++) {
        words.add(arguments.at(i).text());
      }
      arguments.release(LargeSink.NONE);
      replies = replies == Replies.SKIP_NEXT ? Replies.SKIP : replies;
      waits = !session.run(words);
      replies = replies == Replies.SKIP && !waits ? Replies.ON : replies;
    }
    if (waits) {
      reader.keep(bytes, at, end);
    }
  }

  /// The machine has answered.
  void answered(RespValue reply) {
    send(reply);
    if (waits) {
      waits = false;
      replies = replies == Replies.SKIP ? Replies.ON : replies;
      received(link, new byte[0], 0, 0);
    }
  }

  /// Replies, if the client wants that.
  void send(RespValue reply) {
    send(ReplyBytes.of(reply, protocol));
  }

  void send(byte[] reply) {
    if (replies == Replies.ON) {
      push(reply);
    }
    if (endsAfterReply) {
      close();
    }
  }

  private void push(byte[] reply) {
    link.send(reply);
    if (link.unsentBytes() > UNSENT_MAX) {
      link.close("client doesn't read its replies");
    }
  }

  void publish(String channel, String text) {
    if (channels.contains(channel)) {
      push(ReplyBytes.of(push("message", channel, text), protocol));
    }
    for (String pattern : patterns) {
      if (Glob.matches(Texts.bytes(pattern), Texts.bytes(channel))) {
        push(ReplyBytes.of(push("pmessage", pattern, channel, text), protocol));
      }
    }
  }

  private static RespValue push(String... parts) {
    List<RespValue> all = new ArrayList<>();
    for (String part : parts) {
      all.add(Texts.bulk(part));
    }
    return new RespValue.Push(all);
  }

  boolean isSubscriber() {
    return !channels.isEmpty() || !patterns.isEmpty();
  }

  /// Ends it, behind what was sent.
  void close() {
    closes = true;
    if (link.unsentBytes() == 0) {
      link.close("asked to");
    }
  }

  /// Ends it at once.
  void kill() {
    link.close("killed");
  }

  @Override
  public void drained(PeerLink from, long unsentBytes) {
    if (closes && unsentBytes == 0) {
      link.close("asked to");
    }
  }

  @Override
  public void closed(PeerLink ending, String reason) {
    reader.close();
    shell.left(this);
  }
}
