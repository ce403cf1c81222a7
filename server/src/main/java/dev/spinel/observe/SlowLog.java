package dev.spinel.observe;

import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Slow;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;

/// The last commands that took longer than `slowlog-log-slower-than`. Any dispatcher adds, anybody
/// reads.
final class SlowLog implements Slow {
  private static final int MOST_WORDS = 32;
  private static final int MOST_BYTES = 128;

  private record Entry(
      long id, long atSeconds, long micros, byte[][] words, String address, byte[] name) {}

  private final Host host;
  private final ArrayDeque<Entry> entries = new ArrayDeque<>(); // this
  private long next; // this

  SlowLog(Host host) {
    this.host = host;
  }

  @Override
  public void ran(Call call, long nanos) {
    long limit = call.limits().slowlogMicros;
    if (limit < 0 || nanos / 1000 < limit || call.command().is(Command.SKIP_SLOWLOG)) {
      return;
    }
    byte[][] words = new byte[Math.min(call.argc(), MOST_WORDS)][];
    for (int i = 0; i < words.length; i++) {
      if (i == MOST_WORDS - 1 && call.argc() > MOST_WORDS) {
        words[i] = ascii("... (" + (call.argc() - MOST_WORDS + 1) + " more arguments)");
      } else {
        int length = call.args().lengthAt(i);
        byte[] word = length > MOST_BYTES && call.arg(i).node != 0 ? new byte[0] : call.bytes(i);
        words[i] = word;
        if (length > MOST_BYTES) {
          byte[] more = ascii("... (" + (length - MOST_BYTES) + " more bytes)");
          byte[] cut = java.util.Arrays.copyOf(word, MOST_BYTES + more.length);
          System.arraycopy(more, 0, cut, MOST_BYTES, more.length);
          words[i] = cut;
        }
      }
    }
    synchronized (this) {
      entries.addFirst(
          new Entry(
              next++,
              call.now() / 1000,
              nanos / 1000,
              words,
              call.session().outlet.address(),
              call.session().name));
      long most = host.config().get(Settings.SLOWLOG_MAX_LEN);
      while (entries.size() > most) {
        entries.removeLast();
      }
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  synchronized void length(Reply reply) {
    reply.integer(entries.size());
  }

  synchronized void reset() {
    entries.clear();
  }

  void get(Call call, Reply reply) {
    long count = 10;
    if (call.argc() == 3) {
      count =
          call.integer(
              2,
              -1,
              Long.MAX_VALUE,
              new CommandError("ERR count should be greater than or equal to -1"));
    }
    ArrayList<Entry> shown;
    synchronized (this) {
      shown = new ArrayList<>(entries);
    }
    int length = (int) Math.min(count == -1 ? Long.MAX_VALUE : count, shown.size());
    reply.array(length);
    for (Entry entry : shown.subList(0, length)) {
      reply.array(6);
      reply.integer(entry.id);
      reply.integer(entry.atSeconds);
      reply.integer(entry.micros);
      reply.array(entry.words.length);
      for (byte[] word : entry.words) {
        reply.bulk(word);
      }
      reply.bulk(entry.address);
      reply.bulk(entry.name);
    }
  }
}
