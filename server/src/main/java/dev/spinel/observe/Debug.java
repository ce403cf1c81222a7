package dev.spinel.observe;

import dev.spinel.commands.Keys;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.value.Entry;
import java.util.HexFormat;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/// DEBUG: what tests and the curious ask of a server. Runs in a stopped world.
final class Debug {
  private static final String REFUSED =
      "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you"
          + " can run it from a local connection, otherwise you need to set this option in the"
          + " configuration file, and then restart the server.";

  private final Host host;

  Debug(Host host) {
    this.host = host;
  }

  void run(Call call, Reply reply) {
    String allowed = host.config().text(Settings.ENABLE_DEBUG_COMMAND);
    if (allowed.equals("no") || allowed.equals("local") && !local(call)) {
      throw new CommandError(REFUSED);
    }
    String what = call.text(1).toUpperCase(Locale.ROOT);
    int count = call.argc();
    switch (what) {
      case "DIGEST" -> reply.simple(hex(Digest.of(call.engine(), call.seat())));
      case "DIGEST-VALUE" -> digests(call, reply);
      case "OBJECT" -> object(call, reply);
      case "SLEEP" -> {
        long nanos = (long) (call.arg(2).toDouble() * 1e9);
        long until = System.nanoTime() + nanos;
        for (long left = nanos; left > 0; left = until - System.nanoTime()) {
          LockSupport.parkNanos(left);
        }
        reply.ok();
      }
      case "SET-ACTIVE-EXPIRE" -> {
        call.engine().keyspace.keeper().expiring(call.integer(2) != 0);
        reply.ok();
      }
      case "JMAP", "SET-DISABLE-DENY-SCRIPTS", "PAUSE-CRON", "REPLYBUFFER", "MALLCTL" -> reply.ok();
      case "QUICKLIST-PACKED-THRESHOLD" -> {
        call.values().lists().plainFrom(bytes(call, 2));
        reply.ok();
      }
      case "SDSLEN" -> {
        Key key = existing(call, 2);
        long length = key.type() == Entry.STRING ? call.values().strings().length(key.entry()) : 0;
        reply.simple(
            "key_sds_len:"
                + key.name.length
                + ", key_sds_avail:0, key_zmalloc: "
                + key.name.length
                + ", val_sds_len:"
                + length
                + ", val_sds_avail:0, val_zmalloc: "
                + length);
      }
      case "ERROR" -> reply.error(call.text(2));
      case "LOG" -> {
        host.log("DEBUG LOG: " + call.text(2));
        reply.ok();
      }
      case "PROTOCOL" -> protocol(call, reply);
      case "CHANGE-REPL-ID" -> reply.ok();
      case "RELOAD", "LOADAOF" -> throw new CommandError("ERR this build has no persistence yet");
      case "HELP" -> help(reply);
      default -> {
        if (count < 2) {
          throw CommandError.SYNTAX;
        }
        throw new CommandError(
            "ERR unknown subcommand or wrong number of arguments for '"
                + call.text(1)
                + "'. Try DEBUG HELP.");
      }
    }
  }

  private static boolean local(Call call) {
    String address = call.session().outlet.address();
    return address.startsWith("127.") || address.startsWith("[::1]") || address.startsWith("/");
  }

  private static String hex(byte[] digest) {
    return HexFormat.of().formatHex(digest);
  }

  /// A number of bytes with a unit, as 200b or 1kb.
  private static long bytes(Call call, int i) {
    String text = call.text(i).toLowerCase(Locale.ROOT);
    long factor = 1;
    for (String unit : new String[] {"kb", "mb", "gb", "k", "m", "g", "b"}) {
      if (text.endsWith(unit)) {
        factor =
            switch (unit) {
              case "kb" -> 1024;
              case "mb" -> 1024 * 1024;
              case "gb" -> 1024 * 1024 * 1024;
              case "k" -> 1000;
              case "m" -> 1000_000;
              case "g" -> 1000_000_000;
              default -> 1;
            };
        text = text.substring(0, text.length() - unit.length());
        break;
      }
    }
    try {
      long value = Long.parseLong(text) * factor;
      return value == 0 ? 1L << 30 : value;
    } catch (NumberFormatException e) {
      throw new CommandError("ERR argument must be a memory value");
    }
  }

  private static Key existing(Call call, int argument) {
    Key key = call.peek(call.arg(argument));
    if (!key.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    return key;
  }

  private static void digests(Call call, Reply reply) {
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      Key key = call.peek(call.arg(i));
      reply.simple(
          hex(key.exists() ? Digest.ofValue(call.seat(), key.entry()) : Digest.ofNothing()));
    }
  }

  private static void object(Call call, Reply reply) {
    Key key = existing(call, 2);
    int access = Entry.access(call.values().memory(), key.entry());
    StringBuilder text = new StringBuilder(128);
    String encoding = Keys.encodingName(call, key);
    long bytes = call.values().dictionary().memoryUse(key.entry(), 5);
    text.append("Value at:0x").append(Long.toHexString(key.entry()));
    text.append(" refcount:1 encoding:").append(encoding);
    text.append(" serializedlength:").append(bytes);
    text.append(" lru:").append(access);
    text.append(" lru_seconds_idle:").append((call.now() / 1000 - access) & 0xffffff);
    if (encoding.equals("quicklist")) {
      long nodes = call.values().lists().nodes(key.entry());
      text.append(" ql_nodes:").append(nodes);
      text.append(" ql_avg_node:")
          .append(
              String.format(
                  Locale.ROOT, "%.2f", (double) call.values().lists().length(key.entry()) / nodes));
      text.append(" ql_listpack_max:").append(call.limits().listMaxListpackSize);
      text.append(" ql_compressed:0 ql_uncompressed_size:").append(bytes);
    }
    reply.simple(text.toString());
  }

  private static void protocol(Call call, Reply reply) {
    switch (call.text(2).toUpperCase(Locale.ROOT)) {
      case "STRING" -> reply.bulk("Hello World");
      case "INTEGER" -> reply.integer(12345);
      case "DOUBLE" -> reply.number(3.141);
      case "NULL" -> reply.nil();
      case "BIGNUM" ->
          reply
              .writer()
              .bigNumber(
                  "1234567999999999999999999999999999999"
                      .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
      case "ARRAY" -> {
        reply.array(3);
        for (int i = 0; i < 3; i++) {
          reply.integer(i);
        }
      }
      case "SET" -> {
        reply.set(3);
        for (int i = 0; i < 3; i++) {
          reply.integer(i);
        }
      }
      case "MAP" -> {
        reply.map(3);
        for (int i = 0; i < 3; i++) {
          reply.integer(i);
          reply.bool(i == 1);
        }
      }
      case "ATTRIB" -> {
        if (reply.protocol() >= 3) {
          reply.writer().attribute(1);
          reply.bulk("key-popularity");
          reply.array(2);
          reply.bulk("key:123");
          reply.integer(90);
        }
        reply.bulk("Some real reply following the attribute");
      }
      case "PUSH" -> {
        if (reply.protocol() < 3) {
          throw new CommandError("ERR RESP2 is not supported by this command");
        }
        reply.push(2);
        reply.bulk("server-cpu-usage");
        reply.integer(42);
      }
      case "TRUE" -> reply.bool(true);
      case "FALSE" -> reply.bool(false);
      case "VERBATIM" ->
          reply.verbatim(
              "txt",
              "This is a verbatim\nstring".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
      default ->
          throw new CommandError(
              "ERR Wrong protocol type name. Please use one of the following:"
                  + " string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
    }
  }

  private static void help(Reply reply) {
    String[] lines = {
      "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "DIGEST",
      "    A fingerprint of all data, in hexadecimal.",
      "DIGEST-VALUE <key> [<key> ...]",
      "    Fingerprints of single values.",
      "ERROR <text>",
      "    Answers with this error.",
      "LOG <text>",
      "    Writes a line to the log.",
      "OBJECT <key>",
      "    Tells how a value is kept.",
      "PROTOCOL <type>",
      "    Answers with a value of this type.",
      "QUICKLIST-PACKED-THRESHOLD <size>",
      "    Elements of lists from this size on get nodes of their own.",
      "SDSLEN <key>",
      "    Lengths of a key and its string.",
      "SET-ACTIVE-EXPIRE <0|1>",
      "    Switches the removal of expired keys in the background.",
      "SLEEP <seconds>",
      "    Stops the whole server for so long.",
      "HELP",
      "    Prints this help."
    };
    reply.array(lines.length);
    for (String line : lines) {
      reply.simple(line);
    }
  }
}
