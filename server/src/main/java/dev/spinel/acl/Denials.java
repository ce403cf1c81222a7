package dev.spinel.acl;

import dev.spinel.config.Config;
import dev.spinel.config.Octets;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Section;
import dev.spinel.wire.Slice;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// What was refused: ACL LOG, and the counts in INFO. The same refusal once more within a minute
/// counts in the entry that is there, if it is one of the last few.
///
/// The log is bounded by `acllog-max-len`, by the length of what it keeps of a key, and by its size
/// as a whole. Any thread.
public final class Denials implements Section {
  private static final int LOOKED_THROUGH = 10;
  private static final long SAME_MILLIS = 60_000;
  private static final int MOST_OBJECT_BYTES = 4096;
  private static final long MOST_BYTES = 16 << 20;

  private static final String AUTH = "auth"; // the reason that no Denial.Kind is

  /// One refusal, or several of a kind.
  private static final class Entry {
    final String reason;
    final String context;
    final byte[] object;
    final String user;
    final long id;
    final long createdMillis;
    long count = 1;
    long updatedMillis;
    String client;

    Entry(
        String reason,
        String context,
        byte[] object,
        String user,
        long id,
        long nowMillis,
        String client) {
      this.reason = reason;
      this.context = context;
      this.object = object;
      this.user = user;
      this.id = id;
      this.createdMillis = nowMillis;
      this.updatedMillis = nowMillis;
      this.client = client;
    }

    boolean isLike(Entry other) {
      return reason.equals(other.reason)
          && context.equals(other.context)
          && Math.abs(updatedMillis - other.updatedMillis) <= SAME_MILLIS
          && Arrays.equals(object, other.object)
          && user.equals(other.user);
    }

    long bytes() {
      return 300L + object.length + user.length() + client.length();
    }
  }

  private final Config config;
  private final LongAdder logins = new LongAdder();
  private final LongAdder commands = new LongAdder();
  private final LongAdder keys = new LongAdder();
  private final LongAdder channels = new LongAdder();
  private final ArrayDeque<Entry> log = new ArrayDeque<>(); // the monitor; the newest first
  private long nextId; // the monitor
  private long bytes; // of the log; the monitor

  public Denials(Config config) {
    this.config = config;
  }

  /// A user may not run a command.
  void denied(AclRequest request, Command command, User user, Denial denial) {
    switch (denial.kind()) {
      case COMMAND -> commands.increment();
      case KEY -> keys.increment();
      case CHANNEL -> channels.increment();
    }
    byte[] object =
        denial.kind() == Denial.Kind.COMMAND
            ? Octets.bytes(command.name)
            : cut(request.args().at(denial.position()));
    add(request, denial.kind().word, object, user.name);
  }

  /// Somebody tried to log in under this name, and could not.
  void deniedLogin(AclRequest request, String user) {
    logins.increment();
    String kept = user.substring(0, Math.min(user.length(), MOST_OBJECT_BYTES));
    add(request, AUTH, cut(request.args().at(0)), kept);
  }

  private static byte[] cut(Slice object) {
    return object.length <= MOST_OBJECT_BYTES
        ? object.copy()
        : new Slice(object.array, object.offset, MOST_OBJECT_BYTES).copy();
  }

  private void add(AclRequest request, String reason, byte[] object, String user) {
    String client = request.client();
    String context = request.context();
    long most = config.get(Settings.ACLLOG_MAX_LEN);
    synchronized (this) {
      Entry made = new Entry(reason, context, object, user, nextId, request.now(), client);
      Entry known = takeLike(made);
      if (known == null) {
        nextId++;
        known = made;
      } else {
        known.count++;
        known.updatedMillis = made.updatedMillis;
        known.client = made.client;
      }
      log.addFirst(known);
      bytes += known.bytes();
      while (log.size() > most || bytes > MOST_BYTES) {
        bytes -= log.removeLast().bytes();
      }
    }
  }

  /// Takes one of the last entries out that is like another one, if there is one.
  private @Nullable Entry takeLike(Entry other) {
    Iterator<Entry> entries = log.iterator();
    for (int i = 0; i < LOOKED_THROUGH && entries.hasNext(); i++) {
      Entry entry = entries.next();
      if (entry.isLike(other)) {
        entries.remove();
        bytes -= entry.bytes();
        return entry;
      }
    }
    return null;
  }

  synchronized void clear() {
    log.clear();
    bytes = 0;
  }

  /// Replies with the newest entries, so many at most.
  void reply(long now, Reply reply, long most) {
    List<Runnable> lines = new ArrayList<>();
    synchronized (this) {
      for (Entry entry : log) {
        if (lines.size() >= most) {
          break;
        }
        long count = entry.count;
        long updated = entry.updatedMillis;
        String client = entry.client;
        lines.add(() -> reply(reply, entry, count, updated, client, now));
      }
    }
    reply.array(lines.size());
    lines.forEach(Runnable::run);
  }

  private static void reply(
      Reply reply, Entry entry, long count, long updatedMillis, String client, long now) {
    reply.map(10);
    reply.bulk("count");
    reply.integer(count);
    reply.bulk("reason");
    reply.bulk(entry.reason);
    reply.bulk("context");
    reply.bulk(entry.context);
    reply.bulk("object");
    reply.bulk(entry.object);
    reply.bulk("username");
    reply.bulk(Octets.bytes(entry.user));
    reply.bulk("age-seconds");
    reply.number((now - updatedMillis) / 1000.0);
    reply.bulk("client-info");
    reply.bulk(Octets.bytes(client));
    reply.bulk("entry-id");
    reply.integer(entry.id);
    reply.bulk("timestamp-created");
    reply.integer(entry.createdMillis);
    reply.bulk("timestamp-last-updated");
    reply.integer(updatedMillis);
  }

  // ── INFO ──

  @Override
  public String title() {
    return "Stats";
  }

  @Override
  public void tell(Call call, Fields out) {
    out.field("acl_access_denied_auth", logins.sum());
    out.field("acl_access_denied_cmd", commands.sum());
    out.field("acl_access_denied_key", keys.sum());
    out.field("acl_access_denied_channel", channels.sum());
  }
}
