package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.cli.Connection.Pushes;
import dev.spinel.wire.RespValue;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Sends commands and shows their replies: once, repeatedly, with redirects, as long as messages
/// come. The one command of a command line and those of a prompt go this way.
///
/// A person's session (`interactive`) survives a lost connection and a failed command; otherwise
/// either ends the program. Belongs to the main thread, but for [#interrupt].
final class Shell {
  private static final List<String> SUBSCRIBE = List.of("subscribe", "psubscribe", "ssubscribe");
  private static final List<String> UNSUBSCRIBE =
      List.of("unsubscribe", "punsubscribe", "sunsubscribe");

  final Screen screen;
  final Options options;
  final Connection connection;
  final Help help;
  final ScriptDebug debug = new ScriptDebug(this);

  boolean interactive;

  /// How replies are shown: the debugger of scripts changes it.
  Form form;

  @Nullable RespValue lastReply;

  private int databaseBeforeTransaction;
  private boolean shutdownSent;
  private boolean mustAsk;

  /// Set by the main thread, read by a signal's.
  private volatile boolean monitoring;

  private volatile boolean waiting;
  private volatile boolean interrupted;

  Shell(Screen screen, Options options) {
    this.screen = screen;
    this.options = options;
    this.connection = new Connection(screen, options);
    this.help = new Help(screen, connection);
    this.form = options.form;
  }

  String prompt() {
    if (!connection.isOpen()) return "not connected> ";
    if (debug.hasPrompt()) return "lua debugger> ";
    StringBuilder b = new StringBuilder(connection.address());
    if (connection.database != 0) b.append('[').append(connection.database).append(']');
    if (connection.inTransaction) b.append("(TX)");
    if (connection.isSubscribed) b.append("(subscribed mode)");
    return b.append("> ").toString();
  }

  /// Ctrl-C: ends MONITOR and the wait for messages; the program, else.
  void interrupt() {
    if (!monitoring && !waiting) {
      screen.flush();
      Runtime.getRuntime().halt(1);
    }
    synchronized (this) { // else a connection that is made meanwhile would be the one that ends
      interrupted = true;
      connection.abort();
    }
  }

  private synchronized void interruptIsOver() {
    interrupted = false;
  }

  // ── A command ──

  /// Sends a command `repeat` times (for ever, if that is negative) and shows the replies. Connects
  /// first, where need be, and goes where the server redirects to. False if the connection failed.
  boolean issue(List<String> command, long repeat) {
    String name = command.get(0);
    if (!debug.isOn() && (name.equalsIgnoreCase("help") || name.equals("?"))) {
      help.show(command.subList(1, command.size()));
      return true;
    }
    do {
      if (connection.wasRedirected || !connection.isUsable()) {
        if (!connection.reconnect(false)) {
          connection.sayFailure();
          connection.wasRedirected = false;
          return false;
        }
      }
      connection.wasRedirected = false;
      if (mustAsk) {
        mustAsk = false;
        if (!connection.asking()) {
          connection.sayFailure();
          return false;
        }
      }
      if (!send(command, repeat)) {
        connection.sayFailure();
        connection.close();
        return false;
      }
    } while (options.followRedirects && connection.wasRedirected);
    return true;
  }

  private boolean send(List<String> command, long repeat) {
    String[] words = command.toArray(new String[0]);
    String name = words[0].toLowerCase(Locale.ROOT);
    boolean verbatim = isVerbatim(command);
    if (name.equals("shutdown")) shutdownSent = true;
    debug.sends(command);
    boolean subscribes = SUBSCRIBE.contains(name);
    boolean unsubscribes = UNSUBSCRIBE.contains(name);
    for (long left = repeat; left != 0; left = left < 0 ? left : left - 1) {
      try {
        connection.send(words);
      } catch (Lost e) {
        if (!failed(e)) return false;
      }
      if (name.equals("monitor")) return monitor(verbatim);
      int confirmations = 0;
      if (subscribes || unsubscribes) {
        confirmations = Math.max(1, words.length - 1);
        connection.pushes = Pushes.ANSWERED;
      }
      if (name.equals("sync") || name.equals("psync")) {
        screen.out("Entering replica output mode...  (press Ctrl-C to quit)\n");
        new Replica(this).follow(false);
        return false;
      }
      if (!replies(command, name, verbatim, subscribes, confirmations)) return false;
      if (connection.isOpen() && (subscribes || unsubscribes) && !connection.isSubscribed) {
        if (options.showPushes) connection.pushes = Pushes.SHOWN;
      }
      if (connection.wasRedirected) break;
      if (options.intervalMicros > 0) pause(options.intervalMicros);
    }
    return true;
  }

  /// Reads and shows up to the reply of the command, past messages; false if the connection failed.
  private boolean replies(
      List<String> command, String name, boolean verbatim, boolean subscribes, int confirmations) {
    while (true) {
      if (!readReply(verbatim)) return false;
      if (!connection.isOpen()) return true; // SHUTDOWN has had its effect
      if (connection.isSubscribed || confirmations > 0) {
        if (isMessage(lastReply)) {
          if (confirmations == 0 || !name.equalsIgnoreCase(kindOf(lastReply))) continue;
          if (subscribes) connection.isSubscribed = true;
          if (--confirmations > 0) continue;
        } else if (lastReply instanceof RespValue.Push) {
          continue;
        }
      }
      remember(command, name);
      return true;
    }
  }

  private boolean monitor(boolean verbatim) {
    monitoring = true;
    do {
      if (!readReply(verbatim)) {
        connection.sayFailure();
        throw new Exit(1);
      }
      if (lastReply instanceof RespValue.Error) monitoring = false;
    } while (monitoring && connection.isOpen());
    monitoring = false;
    return true;
  }

  /// What the command has changed about the connection.
  private void remember(List<String> command, String name) {
    boolean failed = lastReply instanceof RespValue.Error;
    int words = command.size();
    switch (name) {
      case "select" -> {
        if (words == 2 && !failed) setDatabase(Figures.atoi(command.get(1)));
      }
      case "auth" -> {
        if (words == 2 || words == 3) connection.select();
      }
      case "multi" -> {
        if (words == 1 && !failed) {
          connection.inTransaction = true;
          databaseBeforeTransaction = connection.database;
        }
      }
      case "exec" -> {
        if (words == 1 && connection.inTransaction) {
          connection.inTransaction = false;
          if (failed || lastReply instanceof RespValue.Nil) setDatabase(databaseBeforeTransaction);
        }
      }
      case "discard" -> {
        if (words == 1 && !failed) {
          connection.inTransaction = false;
          setDatabase(databaseBeforeTransaction);
        }
      }
      case "reset" -> {
        if (words == 1 && !failed) {
          connection.inTransaction = false;
          setDatabase(0);
          connection.resp3 = false;
          if (connection.isSubscribed && options.showPushes) connection.pushes = Pushes.SHOWN;
          connection.isSubscribed = false;
        }
      }
      case "hello" -> {
        if (lastReply instanceof RespValue.Map) connection.resp3 = true;
        else if (lastReply instanceof RespValue.Array) connection.resp3 = false;
      }
      default -> {}
    }
  }

  private void setDatabase(int database) {
    connection.database = database;
    connection.wantedDatabase = database;
  }

  // ── A reply ──

  /// Reads one reply and shows it, or takes note of a redirect. False if the connection is gone and
  /// a new one may be made.
  boolean readReply(boolean verbatim) {
    RespValue reply;
    try {
      reply = connection.read();
    } catch (Lost e) {
      return failed(e);
    }
    lastReply = reply;
    if (reply instanceof RespValue.Error error) {
      if (options.followRedirects && isRedirect(error.text())) {
        redirect(error.text());
        return true;
      }
      if (!interactive && options.failOnError) {
        screen.errLine(error.text());
        throw new Exit(1);
      }
    }
    show(
        debug.isOn()
            ? debug.shown(reply, options.delimiters(), verbatim)
            : verbatim
                ? Form.raw(reply, options.elementDelimiter)
                : form.of(reply, options.delimiters()));
    return true;
  }

  private void show(String text) {
    screen.out(text);
    screen.flush();
  }

  /// True if nothing is lost by it: we ended it ourselves, or SHUTDOWN did.
  private boolean failed(Lost e) {
    if (interrupted) {
      interruptIsOver();
      monitoring = false;
      connection.isSubscribed = false;
      return connection.reconnect(false);
    }
    if (shutdownSent) {
      connection.close();
      return true;
    }
    if (interactive && e.mayReconnect) return false;
    screen.errLine("Error: " + e.text());
    throw new Exit(1);
  }

  private static boolean isRedirect(String error) {
    return error.startsWith("MOVED ") || error.startsWith("ASK ");
  }

  /// `MOVED 3999 127.0.0.1:6381`; the host may be empty, and is the present one then.
  private void redirect(String error) {
    int slotAt = error.indexOf(' ');
    int hostAt = error.indexOf(' ', slotAt + 1);
    int colon = error.lastIndexOf(':');
    if (hostAt < 0 || colon < hostAt) return;
    String slot = Integer.toString(Figures.atoi(error.substring(slotAt + 1, hostAt)));
    if (colon > hostAt + 1) connection.host = error.substring(hostAt + 1, colon);
    connection.port = Figures.atoi(error.substring(colon + 1));
    if (interactive) {
      screen.outLine(
          "-> Redirected to slot ["
              + slot
              + "] located at "
              + connection.host
              + ":"
              + connection.port);
    }
    connection.wasRedirected = true;
    if (error.startsWith("ASK ")) mustAsk = true;
  }

  private static String kindOf(@Nullable RespValue message) {
    return message == null ? "" : Form.textOf(message.elements().get(0));
  }

  /// Whether it is one of Pub/Sub's: a message, or the answer to a subscription.
  private boolean isMessage(@Nullable RespValue reply) {
    if (!(connection.resp3 ? reply instanceof RespValue.Push : reply instanceof RespValue.Array)) {
      return false;
    }
    List<RespValue> elements = reply == null ? List.of() : reply.elements();
    if (elements.size() < 3 || !(elements.get(0) instanceof RespValue.Bulk kind)) return false;
    String text = Form.textOf(kind);
    return text.endsWith("message") || text.endsWith("subscribe");
  }

  /// Replies that are a text for people, shown as they are in every form.
  private static boolean isVerbatim(List<String> command) {
    int n = command.size();
    String second = n < 2 ? "" : command.get(1).toLowerCase(Locale.ROOT);
    return switch (command.get(0).toLowerCase(Locale.ROOT)) {
      case "info", "lolwut" -> true;
      case "debug" ->
          second.equals("htstats")
              || second.equals("htstats-key")
              || second.equals("client-eviction");
      case "memory" -> second.equals("malloc-stats") || second.equals("doctor");
      case "cluster" -> n == 2 && (second.equals("nodes") || second.equals("info"));
      case "client" -> second.equals("list") || second.equals("info");
      case "latency" -> n == 3 && second.equals("graph") || n == 2 && second.equals("doctor");
      case "proxy" -> second.equals("info");
      default -> false;
    };
  }

  // ── Messages ──

  /// Shows messages for ever: a command line that subscribed.
  void followMessages() {
    while (connection.isSubscribed) {
      if (!readReply(false)) {
        connection.sayFailure();
        throw new Exit(1);
      }
    }
  }

  /// Whether a person pressed a key, or a line is there; asked between messages.
  interface Keys {
    boolean arePressed();
  }

  /// Shows messages until a key is pressed or Ctrl-C ends the subscriptions.
  void followMessagesUntil(Keys keys) {
    boolean says = form != Form.RAW && screen.isForPeople();
    waiting = true;
    try {
      while (connection.isSubscribed && !interrupted) {
        while (connection.isOpen() && connection.client().isBuffered()) showMessage();
        if (says) say();
        int found = await(keys);
        if (says) show("\033[K");
        if (found == KEY) return;
        if (found == MESSAGE) showMessage();
      }
      if (interrupted) endMessages();
    } catch (Lost e) {
      if (!interrupted) {
        screen.errLine("Error: " + e.text());
        throw new Exit(1);
      }
      endMessages();
    } finally {
      waiting = false;
    }
  }

  private static final int KEY = 1;
  private static final int MESSAGE = 2;
  private static final int NEITHER = 3;
  private static final int WAIT_MILLIS = 5000;
  private static final int POLL_MILLIS = 20;

  private int await(Keys keys) throws Lost {
    for (int waited = 0; waited < WAIT_MILLIS; waited += POLL_MILLIS) {
      if (connection.isReadable(POLL_MILLIS)) return MESSAGE;
      if (keys.arePressed()) return KEY;
      if (interrupted) return NEITHER;
    }
    return NEITHER;
  }

  private void showMessage() {
    if (!readReply(false)) {
      connection.sayFailure();
      throw new Exit(1);
    }
  }

  private void say() {
    boolean coloured = screen.hasColours();
    if (coloured) screen.out("\033[1;90m");
    screen.out("Reading messages... (press Ctrl-C to quit or any key to type command)\r");
    if (coloured) screen.out("\033[0m");
    screen.flush();
  }

  /// The subscriptions end with their connection.
  void endMessages() {
    interruptIsOver();
    connection.isSubscribed = false;
    if (!connection.reconnect(false)) {
      connection.sayFailure();
      throw new Exit(1);
    }
  }

  static void pause(long micros) {
    try {
      Thread.sleep(micros / 1000, (int) (micros % 1000 * 1000));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Exit(130);
    }
  }
}
