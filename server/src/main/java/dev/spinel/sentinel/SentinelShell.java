package dev.spinel.sentinel;

import dev.spinel.engine.Principal;
import dev.spinel.peer.IpAddress;
import dev.spinel.peer.PeerLink;
import dev.spinel.peer.Peers;
import dev.spinel.peer.ReplyReader;
import dev.spinel.peer.Requests;
import dev.spinel.sentinel.SentinelAction.Level;
import dev.spinel.wire.RespValue;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Performs what a [SentinelMachine] wants, over [Peers], and serves clients ([SentinelClient]).
///
/// ```
///   servers, Sentinels ◄─ Requests ─┐                 ┌─ SentinelClient ─► clients, other Sentinels
///                                   ├─ step ─ machine ┤
///                    alarm (tick) ──┘                 └─ SentinelHost: log, file, scripts
/// ```
///
/// Belongs to the thread of its [Peers].
public final class SentinelShell {
  final SentinelHost host;
  private final Peers peers;
  private final Peers.Dialling dialling;
  private final SentinelMachine machine;
  private final LongSupplier clock;
  private final Map<Integer, Requests> channels = new HashMap<>();
  private final Map<Long, SentinelClient> clients = new LinkedHashMap<>();
  private final ArrayDeque<SentinelEvent> events = new ArrayDeque<>();
  private boolean steps;
  private boolean saved = true;
  private boolean isOver;
  private long lastClient; // which is also how many there were
  private long refused;
  long commands; // that clients have sent
  private long waitsFor; // the client whose request is being run, if its reply hasn't come
  private SentinelAccess access = SentinelAccess.OPEN;

  /// @param clock the time of the wall
  /// @param dialling how the servers and Sentinels that it talks to are reached
  public SentinelShell(
      Peers peers,
      SentinelMachine machine,
      SentinelHost host,
      LongSupplier clock,
      Peers.Dialling dialling) {
    this.dialling = dialling;
    this.peers = peers;
    this.machine = machine;
    this.host = host;
    this.clock = clock;
  }

  /// Sets who says what clients may do. Before the first client.
  public void access(SentinelAccess by) {
    access = by;
  }

  SentinelAccess access() {
    return access;
  }

  /// The user is gone: its clients become another one's, who hasn't logged in, and end (the caller
  /// after its reply).
  public void end(Principal user, Principal becomes, long caller) {
    for (SentinelClient client : clients()) {
      if (client.user == user) {
        client.user = becomes;
        client.isAuthenticated = false;
        client.end(caller);
      }
    }
  }

  /// Ends the user's clients that are subscribed to something of which `test` isn't true: a channel
  /// or (second argument true) a pattern.
  public void endListeners(Principal user, BiPredicate<String, Boolean> test, long caller) {
    for (SentinelClient client : clients()) {
      boolean mayListen =
          client.channels.stream().allMatch(name -> test.test(name, false))
              && client.patterns.stream().allMatch(name -> test.test(name, true));
      if (client.user == user && !mayListen) {
        client.end(caller);
      }
    }
  }

  public void start() {
    tell(new SentinelEvent.Started());
    tick();
  }

  /// Nothing more is done.
  public void stop() {
    isOver = true;
  }

  private void tick() {
    if (!isOver) {
      tell(new SentinelEvent.Tick());
      endIdleClients();
      peers.after(machine.nextTickMillis(), this::tick);
    }
  }

  private void endIdleClients() {
    long most = host.clientIdleSeconds();
    if (most > 0) {
      for (SentinelClient client : clients()) {
        if (!client.isSubscriber() && client.idleSeconds() > most) {
          client.kill();
        }
      }
    }
  }

  /// Tells the machine, after whatever it is being told now.
  public void tell(SentinelEvent event) {
    events.add(event);
    if (steps) {
      return;
    }
    steps = true;
    try {
      for (SentinelEvent next; !isOver && (next = events.poll()) != null; ) {
        boolean saves = false;
        for (SentinelAction action : machine.step(clock.getAsLong(), next)) {
          perform(action);
          saves |= action instanceof SentinelAction.SaveConfig;
          if (isOver) {
            return;
          }
        }
        if (saves) {
          events.addFirst(new SentinelEvent.ConfigSaved(saved));
        }
      }
    } finally {
      steps = false;
    }
  }

  private void perform(SentinelAction action) {
    switch (action) {
      case SentinelAction.Log log -> host.log(log.level(), log.text());
      case SentinelAction.Happened happened -> happened(happened);
      case SentinelAction.Dial dial -> dial(dial);
      case SentinelAction.HangUp hangUp -> {
        Requests requests = channels.remove(hangUp.channel());
        if (requests != null) {
          requests.close("no longer needed");
        }
      }
      case SentinelAction.Ask ask -> ask(ask);
      case SentinelAction.Subscribe subscribe -> {
        Requests requests = channels.get(subscribe.channel());
        if (requests != null) {
          requests.tell(subscribe.arguments().toArray(new String[0]));
        }
      }
      case SentinelAction.SaveConfig save -> {
        String wrong = host.save(save.directives());
        saved = wrong == null;
        if (wrong == null) {
          host.log(Level.NOTICE, "Sentinel new configuration saved on disk");
        } else {
          host.log(
              Level.WARNING,
              "WARNING: Sentinel was not able to save the new configuration on disk!!!: " + wrong);
        }
      }
      case SentinelAction.Reply reply -> reply(reply.client(), reply.reply());
      case SentinelAction.ReplyIfSaved reply ->
          reply(reply.client(), saved ? reply.reply() : reply.otherwise());
      case SentinelAction.RunScript run -> host.runScript(run.job(), run.arguments());
      case SentinelAction.KillScript kill -> host.killScript(kill.job());
      case SentinelAction.SetLogLevel level -> host.setLogLevel(level.word());
      case SentinelAction.Crash _ -> {
        isOver = true;
        host.crash();
      }
    }
  }

  private void happened(SentinelAction.Happened happened) {
    host.log(happened.level(), happened.type() + " " + happened.text());
    if (happened.level() != Level.DEBUG) {
      for (SentinelClient client : List.copyOf(clients.values())) {
        client.publish(happened.type(), happened.text());
      }
    }
  }

  // ── others ──

  private void dial(SentinelAction.Dial dial) {
    int channel = dial.channel();
    Requests requests = new Requests(peers, ReplyReader.ReplyLimits.USUAL);
    channels.put(channel, requests);
    if (dial.forMessages()) {
      requests.messages();
      requests.onPush(message -> tell(new SentinelEvent.Message(channel, message)));
    }
    requests.onConnect(
        link -> tell(new SentinelEvent.Connected(channel, hostOf(link.localAddress()))));
    requests.onEnd(
        reason -> {
          if (channels.remove(channel, requests)) {
            tell(new SentinelEvent.LinkEnded(channel, reason));
          }
        });
    requests.dial(dial.to(), dialling);
  }

  private static String hostOf(String address) {
    int colon = address.lastIndexOf(':');
    String host = colon < 0 ? address : address.substring(0, colon);
    String bare = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    String ip = IpAddress.normal(bare);
    return ip == null ? bare : ip;
  }

  private void ask(SentinelAction.Ask ask) {
    Requests requests = channels.get(ask.channel());
    if (requests == null) {
      return;
    }
    requests.ask(
        0,
        new Requests.Answer() {
          @Override
          public void replied(RespValue reply) {
            if (channels.get(ask.channel()) == requests) {
              tell(new SentinelEvent.Replied(ask.channel(), reply));
            }
          }

          @Override
          public void failed(String reason) {
            // the link's end is told
          }
        },
        ask.arguments().toArray(new String[0]));
  }

  // ── clients ──

  /// A client has connected. Null: there are too many.
  public PeerLink.@Nullable Listener accept(PeerLink link) {
    if (clients.size() >= host.clientsMax() || isOver) {
      refused++;
      link.send(ReplyBytes.of(Texts.error("ERR max number of clients reached"), 2));
      return null;
    }
    SentinelClient client = new SentinelClient(++lastClient, link, this);
    clients.put(client.id, client);
    return client;
  }

  SentinelHost.Counts counts() {
    Set<String> channelNames = new HashSet<>();
    Set<String> patternNames = new HashSet<>();
    for (SentinelClient client : clients.values()) {
      channelNames.addAll(client.channels);
      patternNames.addAll(client.patterns);
    }
    return new SentinelHost.Counts(
        clients.size(), lastClient, refused, commands, channelNames.size(), patternNames.size());
  }

  void left(SentinelClient client) {
    clients.remove(client.id);
  }

  List<SentinelClient> clients() {
    return List.copyOf(clients.values());
  }

  /// Has the machine answer a client. Returns false if the answer comes later.
  boolean ask(SentinelClient client, List<String> arguments) {
    waitsFor = client.id;
    tell(new SentinelEvent.Asked(client.id, arguments));
    boolean answered = waitsFor != client.id;
    waitsFor = 0;
    return answered;
  }

  private void reply(long id, RespValue reply) {
    if (waitsFor == id) {
      waitsFor = 0;
    }
    SentinelClient client = clients.get(id);
    if (client != null) {
      client.answered(reply);
    }
  }

  long now() {
    return clock.getAsLong();
  }

  String sentinelInfo() {
    return machine.info(clock.getAsLong());
  }
}
