package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Octets;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Slow;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;

/// The last commands that took longer than `slowlog-log-slower-than`, at most `slowlog-max-len` of
/// them. Long commands and long arguments are kept in part; passwords are not kept.
///
/// Quick commands are timed by samples, so of those only every sixteenth can get in, unless all
/// commands are asked for (a threshold of 0).
public final class SlowLog implements Slow {
  private static final int MOST_WORDS = 32;
  private static final int MOST_BYTES = 128;
  private static final byte[] REDACTED = ascii("(redacted)");

  private record Slowness(
      long id, long seconds, long micros, byte[][] words, String address, byte[] client) {}

  private final Config config;
  private final ArrayDeque<Slowness> entries = new ArrayDeque<>(); // the newest first; monitor
  private long nextId; // monitor

  public SlowLog(Config config) {
    this.config = config;
  }

  @Override
  public void ran(Call call, long nanos) {
    long threshold = call.limits().get(Settings.SLOWLOG_LOG_SLOWER_THAN);
    boolean slow = threshold >= 0 && nanos / 1000 >= threshold;
    if (slow && !call.command().is(Command.SKIP_SLOWLOG)) {
      add(call, nanos / 1000);
    }
  }

  private void add(Call call, long micros) {
    byte[][] words = words(call);
    long most = config.get(Settings.SLOWLOG_MAX_LEN);
    synchronized (this) {
      entries.addFirst(
          new Slowness(
              nextId++,
              call.now() / 1000,
              micros,
              words,
              call.session().outlet.address(),
              call.session().name));
      while (entries.size() > most) {
        entries.removeLast();
      }
    }
  }

  private static byte[][] words(Call call) {
    int count = call.argc();
    byte[][] words = new byte[Math.min(count, MOST_WORDS)][];
    for (int i = 0; i < words.length; i++) {
      if (i == MOST_WORDS - 1 && count > MOST_WORDS) {
        words[i] = ascii("... (" + (count - MOST_WORDS + 1) + " more arguments)");
      } else if (isSecret(call.command(), call.args(), i)) {
        words[i] = REDACTED;
      } else {
        words[i] = word(call.arg(i));
      }
    }
    return words;
  }

  private static byte[] word(Slice word) {
    if (word.node != 0) {
      return ascii("... (" + word.length + " more bytes)");
    }
    if (word.length <= MOST_BYTES) {
      return word.copy();
    }
    byte[] rest = ascii("... (" + (word.length - MOST_BYTES) + " more bytes)");
    byte[] shown = new byte[MOST_BYTES + rest.length];
    System.arraycopy(word.array, word.offset, shown, 0, MOST_BYTES);
    System.arraycopy(rest, 0, shown, MOST_BYTES, rest.length);
    return shown;
  }

  /// Whether a word of a command is a password, not to be shown or kept.
  static boolean isSecret(Command command, Args args, int i) {
    if (i == 0) {
      return false;
    }
    return switch (command.name) {
      case "auth" -> true;
      case "acl|setuser" -> i > 1;
      case "hello" -> args.at(i - 1).is("AUTH") || i > 1 && args.at(i - 2).is("AUTH");
      case "migrate" ->
          i > 6
              && (args.at(i - 1).is("AUTH")
                  || args.at(i - 1).is("AUTH2")
                  || args.at(i - 2).is("AUTH2"));
      case "config|set" -> {
        Setting<?> setting =
            i > 2 && i % 2 != 0 ? Settings.find(Octets.of(args.at(i - 1).copy())) : null;
        yield setting != null && setting.isSensitive();
      }
      default -> false;
    };
  }

  void get(Call call, Reply reply) {
    if (call.argc() > 3) {
      throw new CommandError(
          "ERR unknown subcommand or wrong number of arguments for '"
              + call.text(1)
              + "'. Try SLOWLOG HELP.");
    }
    long count = 10;
    if (call.argc() == 3) {
      count = call.integer(2, -1, Long.MAX_VALUE, COUNT);
    }
    synchronized (this) {
      count = count == -1 ? entries.size() : Math.min(count, entries.size());
      reply.array(count);
      for (Slowness entry : entries) {
        if (count-- == 0) {
          break;
        }
        reply.array(6);
        reply.integer(entry.id);
        reply.integer(entry.seconds);
        reply.integer(entry.micros);
        reply.array(entry.words.length);
        for (byte[] word : entry.words) {
          reply.bulk(word);
        }
        reply.bulk(entry.address);
        reply.bulk(entry.client);
      }
    }
  }

  private static final CommandError COUNT =
      new CommandError("ERR count should be greater than or equal to -1");

  synchronized int length() {
    return entries.size();
  }

  synchronized void reset() {
    entries.clear();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
