package dev.spinel.pubsub;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Events;
import dev.spinel.engine.Family;
import dev.spinel.engine.Help;
import dev.spinel.engine.Inbox;
import dev.spinel.engine.Notifier;
import dev.spinel.engine.Recorder;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Session;
import dev.spinel.wire.Glob;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Numbers;
import dev.spinel.wire.Output;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// Publish and subscribe: SUBSCRIBE, PUBLISH, PUBSUB and their relatives; and keyspace events,
/// which are published here.
///
/// A message is put into the inbox of each thread that has subscribers, under the lock of its
/// channel ([Subscribers]), so that all subscribers of a channel get its messages in one order. It
/// is written to a subscriber's output on the subscriber's own thread, after the reply that the
/// thread is writing.
public final class PubSub implements Family, Notifier {
  private static final int PSUBSCRIBE = 0,
      PUBLISH = 1,
      PUBSUB_CHANNELS = 2,
      PUBSUB_HELP = 3,
      PUBSUB_NUMPAT = 4,
      PUBSUB_NUMSUB = 5,
      PUBSUB_SHARDCHANNELS = 6,
      PUBSUB_SHARDNUMSUB = 7,
      PUNSUBSCRIBE = 8,
      SPUBLISH = 9,
      SSUBSCRIBE = 10,
      SUBSCRIBE = 11,
      SUNSUBSCRIBE = 12,
      UNSUBSCRIBE = 13;

  private static final byte[] NOTHING = {};

  /// Bytes of the Java heap that a subscription takes besides its name.
  private static final int NAME_BYTES = 300;

  private static final int CHANNELS = 0, PATTERNS = 1, SHARDS = 2;
  private static final String[] SUBSCRIBED = {"subscribe", "psubscribe", "ssubscribe"};
  private static final String[] UNSUBSCRIBED = {"unsubscribe", "punsubscribe", "sunsubscribe"};

  /// What one session is subscribed to, by kind. Its own thread.
  private static final class Subscriptions {
    final List<LinkedHashSet<Slice>> of =
        List.of(new LinkedHashSet<>(), new LinkedHashSet<>(), new LinkedHashSet<>());

    /// What the running transaction has unsubscribed from: messages sent before that still come,
    /// behind the reply.
    final List<HashSet<Slice>> left = List.of(new HashSet<>(), new HashSet<>(), new HashSet<>());

    boolean isSubscribed(int kind, Slice name) {
      return of.get(kind).contains(name) || left.get(kind).contains(name);
    }

    void forgetLeft() {
      for (HashSet<Slice> names : left) {
        names.clear();
      }
    }
  }

  /// The other nodes of a cluster, which are told what clients publish here.
  @FunctionalInterface
  public interface Broadcast {
    /// Any thread that runs commands. The slices are dead afterwards.
    ///
    /// @param sharded whether only the nodes that have the channel's slot are concerned
    void publish(Slice channel, Slice message, boolean sharded);
  }

  private final Subscribers[] subscribers = {
    new Subscribers(), new Subscribers(), new Subscribers()
  };
  private @Nullable Broadcast broadcast; // before the first session

  public PubSub() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.command(
        PSUBSCRIBE,
        "PSUBSCRIBE pattern:pattern...",
        "pubsub 2.0.0 pubsub noscript loading stale while_subscribed",
        """
        Listens to all channels whose names match patterns.
        O(N), N patterns
        """);
    t.command(
        PUBLISH,
        "PUBLISH channel message",
        "pubsub 2.0.0 pubsub loading stale fast may_replicate",
        """
        Sends a message to whoever listens to a channel.
        O(N+M), N listeners of the channel and M patterns in use
        """);
    t.container(
        "PUBSUB",
        "pubsub 2.8.0",
        """
        Looks at who listens to what.
        Depends on subcommand.
        """);
    t.command(
        PUBSUB_CHANNELS,
        "PUBSUB|CHANNELS [pattern:pattern]",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Lists the channels that somebody listens to.
        O(N), N channels in use
        """);
    t.command(
        PUBSUB_HELP,
        "PUBSUB|HELP",
        "pubsub 6.2.0 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        PUBSUB_NUMPAT,
        "PUBSUB|NUMPAT",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Counts the patterns in use.
        O(1)
        """);
    t.command(
        PUBSUB_NUMSUB,
        "PUBSUB|NUMSUB [channel]...",
        "pubsub 2.8.0 pubsub loading stale",
        """
        Counts the listeners of each channel.
        O(N), N channels given
        """);
    t.command(
        PUBSUB_SHARDCHANNELS,
        "PUBSUB|SHARDCHANNELS [pattern:pattern]",
        "pubsub 7.0.0 pubsub loading stale",
        """
        Lists the channels of shards that somebody listens to.
        O(N), N channels in use
        """);
    t.command(
        PUBSUB_SHARDNUMSUB,
        "PUBSUB|SHARDNUMSUB [shardchannel]...",
        "pubsub 7.0.0 pubsub loading stale",
        """
        Counts the listeners of each channel of shards.
        O(N), N channels given
        """);
    t.command(
        PUNSUBSCRIBE,
        "PUNSUBSCRIBE [pattern:pattern]...",
        "pubsub 2.0.0 pubsub noscript loading stale while_subscribed",
        """
        Stops listening by patterns, or by all of them.
        O(N), N patterns
        """);
    t.command(
        SPUBLISH,
        "SPUBLISH @shardchannel:not_key message",
        "pubsub 7.0.0 pubsub loading stale fast may_replicate",
        """
        Sends a message to whoever listens to a channel of a shard.
        O(N), N listeners of the channel
        """);
    t.command(
        SSUBSCRIBE,
        "SSUBSCRIBE @shardchannel:not_key...",
        "pubsub 7.0.0 pubsub noscript loading stale while_subscribed",
        """
        Listens to channels of shards.
        O(N), N channels
        """);
    t.command(
        SUBSCRIBE,
        "SUBSCRIBE channel...",
        "pubsub 2.0.0 pubsub noscript loading stale while_subscribed",
        """
        Listens to channels.
        O(N), N channels
        """);
    t.command(
        SUNSUBSCRIBE,
        "SUNSUBSCRIBE [@shardchannel:not_key]...",
        "pubsub 7.0.0 pubsub noscript loading stale while_subscribed",
        """
        Stops listening to channels of shards, or to all of them.
        O(N), N channels
        """);
    t.command(
        UNSUBSCRIBE,
        "UNSUBSCRIBE [channel]...",
        "pubsub 2.0.0 pubsub noscript loading stale while_subscribed",
        """
        Stops listening to channels, or to all of them.
        O(N), N channels
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    switch (row) {
      case SUBSCRIBE -> subscribe(call, reply, CHANNELS);
      case PSUBSCRIBE -> subscribe(call, reply, PATTERNS);
      case SSUBSCRIBE -> {
        if (call.inMulti()) { // unlike its kin
          throw new CommandError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
        }
        subscribe(call, reply, SHARDS);
      }
      case UNSUBSCRIBE -> unsubscribe(call, reply, CHANNELS);
      case PUNSUBSCRIBE -> unsubscribe(call, reply, PATTERNS);
      case SUNSUBSCRIBE -> unsubscribe(call, reply, SHARDS);
      case PUBLISH -> publish(call, reply, CHANNELS);
      case SPUBLISH -> publish(call, reply, SHARDS);
      case PUBSUB_CHANNELS -> names(call, reply, CHANNELS);
      case PUBSUB_SHARDCHANNELS -> names(call, reply, SHARDS);
      case PUBSUB_NUMSUB -> counts(call, reply, CHANNELS);
      case PUBSUB_SHARDNUMSUB -> counts(call, reply, SHARDS);
      case PUBSUB_NUMPAT -> reply.integer(subscribers[PATTERNS].size());
      case PUBSUB_HELP -> Help.reply(call, reply);
      default -> throw new AssertionError(row);
    }
  }

  // ── subscribing ──

  private void subscribe(Call call, Reply reply, int kind) {
    Session session = call.session();
    LinkedHashSet<Slice> mine = subscriptions(session).of.get(kind);
    try {
      for (int i = 1; i < call.argc(); i++) {
        Slice name = new Slice(call.bytes(i));
        if (!mine.contains(name)) {
          session.hold(NAME_BYTES + name.length);
          mine.add(name);
          subscribers[kind].add(name, session);
        }
        count(session);
        confirm(reply, SUBSCRIBED[kind], name, session, kind);
      }
    } finally {
      session.gatesChanged();
    }
  }

  private void unsubscribe(Call call, Reply reply, int kind) {
    Session session = call.session();
    LinkedHashSet<Slice> mine = subscriptions(session).of.get(kind);
    List<Slice> names = new java.util.ArrayList<>();
    if (call.argc() == 1) {
      names.addAll(mine);
      if (names.isEmpty()) {
        confirm(reply, UNSUBSCRIBED[kind], null, session, kind);
      }
    } else {
      for (int i = 1; i < call.argc(); i++) {
        names.add(new Slice(call.bytes(i)));
      }
    }
    Subscriptions all = subscriptions(session);
    for (Slice name : names) {
      if (mine.contains(name)) {
        subscribers[kind].remove(name, session);
        if (call.inMulti()) {
          all.left.get(kind).add(name);
        }
      }
    }
    if (call.inMulti()) {
      call.recorder()
          .push(new Session[] {session}, NOTHING, (to, text, position) -> all.forgetLeft());
    } else {
      session.receive(); // messages from before come before the confirmation
    }
    for (Slice name : names) {
      if (mine.remove(name)) {
        session.hasUnsubscribed = true;
        session.release(NAME_BYTES + name.length);
      }
      count(session);
      confirm(reply, UNSUBSCRIBED[kind], name, session, kind);
    }
    session.gatesChanged();
  }

  /// A confirmation is a push: it comes even where replies are switched off.
  private static void confirm(
      Reply reply, String what, @Nullable Slice name, Session session, int kind) {
    RespWriter out =
        session.replies == Session.Replies.ON
            ? reply.writer()
            : new RespWriter(session.outlet.output(), session.protocol);
    confirm(out, what, name, session, kind);
  }

  private static void confirm(
      RespWriter out, String what, @Nullable Slice name, Session session, int kind) {
    out.push(3);
    out.bulk(what);
    if (name == null) {
      out.nil();
    } else {
      out.bulk(name);
    }
    out.integer(kind == SHARDS ? session.shardChannels : session.channels + session.patterns);
  }

  private static Subscriptions subscriptions(Session session) {
    Subscriptions of = (Subscriptions) session.subscriptions;
    if (of == null) {
      of = new Subscriptions();
      session.subscriptions = of;
    }
    return of;
  }

  private static void count(Session session) {
    Subscriptions of = subscriptions(session);
    session.channels = of.of.get(CHANNELS).size();
    session.patterns = of.of.get(PATTERNS).size();
    session.shardChannels = of.of.get(SHARDS).size();
  }

  /// Ends all subscriptions of a session: its connection is gone, or it said RESET. Its own thread.
  public void end(Session session) {
    if (session.subscriptions == null) {
      return;
    }
    for (int kind = 0; kind < subscribers.length; kind++) {
      for (Slice name : subscriptions(session).of.get(kind)) {
        subscribers[kind].remove(name, session);
        session.release(NAME_BYTES + name.length);
      }
    }
    session.subscriptions = null;
    session.hasUnsubscribed = true;
    session.channels = 0;
    session.patterns = 0;
    session.shardChannels = 0;
    session.gatesChanged();
  }

  /// Whether `test` is true of all that a session is subscribed to: of each channel's name, or of
  /// each pattern (then its second argument is true). Its own thread, or a stopped world.
  public boolean allMatch(Session session, BiPredicate<Slice, Boolean> test) {
    if (session.subscriptions == null) {
      return true;
    }
    List<LinkedHashSet<Slice>> of = subscriptions(session).of;
    for (int kind = 0; kind < of.size(); kind++) {
      boolean isPattern = kind == PATTERNS;
      if (!of.get(kind).stream().allMatch(name -> test.test(name, isPattern))) {
        return false;
      }
    }
    return true;
  }

  // ── publishing ──

  /// Has other nodes told. Before the first session; in a server without a cluster there are none,
  /// and messages go to its replicas in the stream instead.
  public void broadcast(Broadcast to) {
    broadcast = to;
  }

  private void publish(Call call, Reply reply, int kind) {
    reply.integer(publish(call.arg(1), call.arg(2), kind, call.recorder()));
    Broadcast others = broadcast;
    if (call.limits().inCluster()) {
      if (others != null) {
        others.publish(call.arg(1), call.arg(2), kind == SHARDS);
      }
    } else {
      call.toReplicas();
    }
  }

  /// A message of another node, for the subscribers here. The thread that `by` belongs to.
  public void deliver(byte[] channel, byte[] message, boolean sharded, Recorder by) {
    publish(new Slice(channel), new Slice(message), sharded ? SHARDS : CHANNELS, by);
    by.append();
  }

  /// Ends the subscriptions to channels of these slots, which another node has now. Their
  /// subscribers are told, behind the messages that were sent to them before.
  public void dropChannels(IntPredicate slots, Recorder by) {
    for (Slice name : subscribers[SHARDS].names()) {
      if (slots.test(KeySlot.of(name))) {
        for (Session[] ofOneThread : subscribers[SHARDS].removeAll(name)) {
          by.push(ofOneThread, name.array, (to, text, position) -> drop(to, name, position));
        }
      }
    }
    by.append();
  }

  /// The subscriber's own thread.
  private static void drop(Session session, Slice name, long position) {
    if (session.subscriptions == null || !subscriptions(session).of.get(SHARDS).remove(name)) {
      return; // it has unsubscribed meanwhile
    }
    session.hasUnsubscribed = true;
    session.release(NAME_BYTES + name.length);
    count(session);
    session.gatesChanged();
    Output output = session.outlet.output();
    confirm(new RespWriter(output, session.protocol), UNSUBSCRIBED[SHARDS], name, session, SHARDS);
    if (position != 0) {
      output.mark(position);
    }
    session.outlet.flush();
  }

  /// Publishes `message` on a channel. Returns how many sessions receive it. Any seat.

  private int publish(Slice channel, Slice message, int kind, Recorder by) {
    if (!subscribers[kind].any() && !subscribers[PATTERNS].any()) {
      return 0;
    }
    Slice name = new Slice(channel.copy());
    byte[] text = message.copy();
    int receivers = subscribers[kind].tell(name, new Message(kind, null, name.array, text), by);
    if (kind == CHANNELS && subscribers[PATTERNS].any()) {
      for (Slice pattern : subscribers[PATTERNS].names()) {
        if (Glob.matches(pattern, name)) {
          receivers +=
              subscribers[PATTERNS].tell(
                  pattern, new Message(PATTERNS, pattern.array, name.array, text), by);
        }
      }
    }
    return receivers;
  }

  /// A message, encoded once for all: RESP3 differs from RESP2 in the first byte.
  static final class Message {
    private static final String[] WORDS = {"message", "pmessage", "smessage"};

    private final int kind;
    private final Slice subscribed; // the channel, or the pattern
    private final byte @Nullable [] pattern;
    private final byte[] channel;
    private final byte[] text;
    private byte @Nullable [] encoded; // publisher's thread
    private final Inbox.Message write = this::write;

    Message(int kind, byte @Nullable [] pattern, byte[] channel, byte[] text) {
      this.kind = kind;
      this.subscribed = new Slice(pattern == null ? channel : pattern);
      this.pattern = pattern;
      this.channel = channel;
      this.text = text;
    }

    /// Sends it to subscribers of one thread: now, or once the change that it reports has its
    /// position in the journal.
    void send(Session[] to, Recorder by) {
      if (encoded == null) {
        encoded = encode();
      }
      by.push(to, encoded, write);
    }

    /// Called on the subscriber's own thread. It may have unsubscribed meanwhile, and got the
    /// confirmation.
    private void write(Session to, byte[] bytes, long position) {
      if (to.subscriptions == null
          || to.hasUnsubscribed && !subscriptions(to).isSubscribed(kind, subscribed)) {
        return;
      }
      Output output = to.outlet.output();
      if (to.protocol == 3) {
        output.write((byte) '>');
        output.write(bytes, 1, bytes.length - 1);
      } else {
        output.write(bytes, 0, bytes.length);
      }
      if (position != 0) {
        output.mark(position);
      }
      to.outlet.flush();
    }

    private byte[] encode() {
      byte[] word = WORDS[kind].getBytes(StandardCharsets.ISO_8859_1);
      byte[] out =
          new byte
              [64
                  + word.length
                  + (pattern == null ? 0 : pattern.length + 24)
                  + channel.length
                  + text.length
                  + 48];
      int at = 0;
      out[at++] = '*';
      out[at++] = (byte) (pattern == null ? '3' : '4');
      out[at++] = '\r';
      out[at++] = '\n';
      at = bulk(out, at, word);
      if (pattern != null) {
        at = bulk(out, at, pattern);
      }
      at = bulk(out, at, channel);
      at = bulk(out, at, text);
      return java.util.Arrays.copyOf(out, at);
    }

    private static int bulk(byte[] out, int from, byte[] word) {
      int at = from;
      out[at++] = '$';
      at = Numbers.format(word.length, out, at);
      out[at++] = '\r';
      out[at++] = '\n';
      System.arraycopy(word, 0, out, at, word.length);
      at += word.length;
      out[at++] = '\r';
      out[at++] = '\n';
      return at;
    }
  }

  @Override
  public void event(int enabled, String event, int database, Slice key, Recorder by) {
    if (!subscribers[CHANNELS].any() && !subscribers[PATTERNS].any()) {
      return;
    }
    if ((enabled & Events.KEYSPACE) != 0) {
      publish(channel("__keyspace@" + database + "__:", key), Slice.of(event), CHANNELS, by);
    }
    if ((enabled & Events.KEYEVENT) != 0) {
      publish(Slice.of("__keyevent@" + database + "__:" + event), key, CHANNELS, by);
    }
  }

  private static Slice channel(String prefix, Slice key) {
    byte[] name = new byte[prefix.length() + key.length];
    System.arraycopy(prefix.getBytes(StandardCharsets.ISO_8859_1), 0, name, 0, prefix.length());
    key.copyTo(name, prefix.length());
    return new Slice(name);
  }

  // ── PUBSUB ──

  private void names(Call call, Reply reply, int kind) {
    if (call.argc() > 3) {
      throw wrong(call);
    }
    List<Slice> names = subscribers[kind].names();
    if (call.argc() == 3) {
      Slice pattern = call.arg(2);
      names = names.stream().filter(name -> Glob.matches(pattern, name)).toList();
    }
    reply.array(names.size());
    for (Slice name : names) {
      reply.bulk(name);
    }
  }

  private static CommandError wrong(Call call) {
    return new CommandError(
        "ERR unknown subcommand or wrong number of arguments for '"
            + call.text(1)
            + "'. Try PUBSUB HELP.");
  }

  private void counts(Call call, Reply reply, int kind) {
    reply.array((call.argc() - 2) * 2L);
    for (int i = 2; i < call.argc(); i++) {
      Slice name = new Slice(call.bytes(i));
      reply.bulk(name);
      reply.integer(subscribers[kind].count(name));
    }
  }

  /// How many channels have subscribers, for INFO.
  int channels() {
    return subscribers[CHANNELS].size();
  }

  int patterns() {
    return subscribers[PATTERNS].size();
  }

  int shardChannels() {
    return subscribers[SHARDS].size();
  }
}
