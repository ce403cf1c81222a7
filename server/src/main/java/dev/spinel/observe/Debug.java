package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Condition;
import dev.spinel.engine.Events;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Key;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Waiting;
import dev.spinel.keyspace.Seat;
import dev.spinel.value.ByteRun;
import dev.spinel.value.Contents;
import dev.spinel.value.Entry;
import dev.spinel.value.ListValue;
import dev.spinel.wire.Slice;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Locale;
import java.util.stream.IntStream;

/// DEBUG: what tests of a server need; no other client should use it. It runs in a stopped world.
///
/// Of Redis's many subcommands these are the ones that mean something here, or that its tests call
/// on the way and that are harmless (a switch of something that we don't have).
final class Debug {
  private static final CommandError NOT_ALLOWED =
      new CommandError(
          "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\","
              + " you can run it from a local connection, otherwise you need to set this option in"
              + " the configuration file, and then restart the server.");
  private static final CommandError THRESHOLD =
      new CommandError("ERR argument must be a memory value bigger than 1 and smaller than 4gb");

  private final Config config;
  private final Configuration configuration;
  private final Host host;

  Debug(Config config, Configuration configuration, Host host) {
    this.config = config;
    this.configuration = configuration;
    this.host = host;
  }

  void run(Call call, Reply reply) {
    String allowed = config.get(Settings.ENABLE_DEBUG_COMMAND);
    if (!allowed.equals("yes") && !(allowed.equals("local") && Configuration.isLocal(call))) {
      throw NOT_ALLOWED;
    }
    int count = call.argc();
    switch (call.text(1).toLowerCase(Locale.ROOT) + "/" + count) {
      case "help/2" -> help(reply);
      case "digest/2" -> reply.simple(hex(Digest.of(call.engine(), call.seat())));
      case "object/3" -> object(call, reply);
      case "sdslen/3" -> stringLength(call, reply);
      case "listpack/3" -> {
        String otherwise = "ERR Not a listpack encoded object.";
        encoded(call, otherwise, Entry.LISTPACK, Entry.TIMED_LISTPACK);
        reply.simple("Listpack structure printed on stdout");
      }
      case "quicklist/3", "quicklist/4" -> {
        encoded(call, "ERR Not a quicklist encoded object.", Entry.QUICKLIST);
        reply.simple("Quicklist structure printed on stdout");
      }
      case "populate/3", "populate/4", "populate/5" -> populate(call, reply);
      case "protocol/3" -> protocol(call, reply);
      case "sleep/3" -> {
        host.sleep(
            (long) (Math.max(0, call.arg(2).toDouble()) * 1000)); // a signal ends it, as in Redis
        reply.ok();
      }
      case "segfault/2" -> {
        host.abort();
        host.sleep(Long.MAX_VALUE);
      }
      case "set-active-expire/3" -> {
        call.engine().keyspace.keeper().expiring(call.arg(2).toLong(0) != 0);
        reply.ok();
      }
      case "quicklist-packed-threshold/3" -> packedThreshold(call, reply);
      case "htstats/3", "htstats/4" -> tables(call, reply);
      case "htstats-key/3", "htstats-key/4" -> table(call, reply);
      case "stringmatch-len/4" -> stringMatch(call, reply);
      case "error/3" -> // as it is, and counted nowhere
          reply.writer().error(call.text(2));
      case "log/3" -> {
        host.log("DEBUG LOG: " + call.text(2));
        reply.ok();
      }
      case "loadaof/2" -> loadAof(call, reply);
      case "set-skip-checksum-validation/3" -> {
        call.engine().ignoresChecksums = call.arg(2).toLong(0) != 0;
        reply.ok();
      }
      case "change-repl-id/2" -> {
        host.changeReplicationId();
        reply.ok();
      }
      case "pause-cron/3" -> {
        host.pauseCron(call.arg(2).toLong(0) != 0);
        reply.ok();
      }
      case "drop-cluster-packet-filter/3" -> {
        host.dropBusMessages(call.integer(2));
        reply.ok();
      }
      case "clusterlink/5" -> breakLinks(call, reply);
      case "set-disable-deny-scripts/3" -> {
        call.engine().scriptsMayAll = call.arg(2).toLong(0) != 0;
        reply.ok();
      }
      case "aof-flush-sleep/3" -> reply.ok();
      case "config-rewrite-force-all/2" -> configuration.rewriteAll(reply);
      case "replybuffer/4" -> replyBuffers(call, reply);
      default -> {
        if (call.is(1, "DIGEST-VALUE")) {
          digests(call, reply);
        } else if (call.is(1, "RELOAD")) {
          reload(call, reply);
        } else if (call.is(1, "REPLICATE") && count > 2) {
          replicate(call, reply);
        } else {
          throw unknown(call);
        }
      }
    }
  }

  /// REPLICATE: whatever it is, replicas get it as a command.
  private static void replicate(Call call, Reply reply) {
    ByteArrayOutputStream request = new ByteArrayOutputStream();
    request.writeBytes(latin("*" + (call.argc() - 2) + "\r\n"));
    for (int i = 2; i < call.argc(); i++) {
      request.writeBytes(latin("$" + call.arg(i).length + "\r\n"));
      request.writeBytes(call.bytes(i));
      request.writeBytes(latin("\r\n"));
    }
    call.recorder().toReplicas(request.toByteArray());
    reply.ok();
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /// REPLYBUFFER: the outputs of connections give their memory back by themselves, so there is
  /// nothing to set.
  private static void replyBuffers(Call call, Reply reply) {
    if (call.is(2, "PEAK-RESET-TIME")) {
      if (!call.is(3, "NEVER") && !call.is(3, "RESET")) {
        call.integer(3);
      }
    } else if (!call.is(2, "RESIZING")) {
      throw unknown(call);
    }
    reply.ok();
  }

  private static CommandError unknown(Call call) {
    return new CommandError(
        "ERR unknown subcommand or wrong number of arguments for '"
            + call.text(1)
            + "'. Try DEBUG HELP.");
  }

  /// CLUSTERLINK KILL.
  private void breakLinks(Call call, Reply reply) {
    if (!call.is(2, "KILL")) {
      throw unknown(call);
    }
    boolean all = call.is(3, "ALL");
    boolean to = all || call.is(3, "TO");
    boolean from = all || call.is(3, "FROM");
    if (!to && !from) {
      throw new CommandError("ERR Unknown direction " + call.text(3));
    }
    host.breakBusLinks(call.text(4), to, from);
    reply.ok();
  }

  /// Saves all data, forgets it, and loads it again.
  private void reload(Call call, Reply reply) {
    boolean merge = false;
    boolean flush = true;
    boolean save = true;
    for (int i = 2; i < call.argc(); i++) {
      if (call.is(i, "MERGE")) {
        merge = true;
      } else if (call.is(i, "NOFLUSH")) {
        flush = false;
      } else if (call.is(i, "NOSAVE")) {
        save = false;
      } else {
        throw new CommandError(
            "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
      }
    }
    if (save && !host.save(call.seat())) {
      throw new CommandError("ERR");
    }
    if (flush) {
      call.flushAll(false);
      call.engine().libraries().flush();
    }
    if (!host.reload(call.seat(), merge)) {
      throw new CommandError("ERR Error trying to load the RDB dump, check server logs.");
    }
    call.noEffect();
    reply.ok();
  }

  /// Forgets all data, and loads the append-only file.
  private void loadAof(Call call, Reply reply) {
    if (call.waitedFor() instanceof AofLoaded loaded) {
      if (!loaded.well) {
        throw new CommandError("ERR Error trying to load the AOF files, check server logs.");
      }
      call.noEffect();
      reply.ok();
    } else if (!call.await(new AofLoaded(), Call.FOR_EVER)) {
      throw new CommandError("ERR DEBUG LOADAOF can't run in a transaction");
    }
  }

  /// That the append-only file is loaded, by a thread of its own, as its commands need a world that
  /// goes on.
  private final class AofLoaded implements Condition {
    volatile boolean well;

    @Override
    public void begin(Waiting call) {
      Thread loading =
          new Thread(
              () -> {
                try {
                  well = host.loadAof();
                } finally {
                  call.again();
                }
              },
              "spinel-loadaof");
      loading.setDaemon(true);
      loading.start();
    }

    @Override
    public boolean isAskedFor() {
      return false;
    }
  }

  // ── data ──

  private static void digests(Call call, Reply reply) {
    reply.array(call.argc() - 2);
    for (int i = 2; i < call.argc(); i++) {
      Key key = call.peek(i);
      reply.simple(
          hex(key.exists() ? Digest.ofValue(call.seat(), key.entry()) : Digest.ofNothing()));
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private static Key existing(Call call) {
    Key key = call.stored(2);
    if (!key.exists()) {
      throw CommandError.NO_SUCH_KEY;
    }
    return key;
  }

  private static void encoded(Call call, String otherwise, int... encodings) {
    int encoding = call.values().encoding(existing(call).entry());
    if (IntStream.of(encodings).noneMatch(each -> each == encoding)) {
      throw new CommandError(otherwise);
    }
  }

  private static void object(Call call, Reply reply) {
    Key key = existing(call);
    long entry = key.entry();
    int encoding = call.values().encoding(entry);
    int access = Entry.access(call.values().memory(), entry);
    long idle = call.limits().lfu ? 0 : (call.now() / 1000 & 0xffffff) - access & 0xffffff;
    StringBuilder text = new StringBuilder(200);
    text.append("Value at:0x").append(Long.toHexString(entry));
    text.append(" refcount:1 encoding:").append(Entry.encodingName(encoding));
    text.append(" serializedlength:").append(bytes(call, key));
    text.append(" lru:").append(access).append(" lru_seconds_idle:").append(idle);
    if (encoding == Entry.QUICKLIST) {
      ListValue lists = call.values().lists();
      long nodes = lists.nodes(entry);
      text.append(" ql_nodes:").append(nodes);
      text.append(" ql_avg_node:").append(Fields.decimal((double) lists.length(entry) / nodes));
      text.append(" ql_listpack_max:").append(call.limits().get(Settings.LIST_MAX_LISTPACK_SIZE));
      text.append(" ql_compressed:0 ql_uncompressed_size:").append(bytes(call, key));
    }
    reply.simple(text.toString());
  }

  /// The bytes of the value's own data: of its strings, or its elements.
  private static long bytes(Call call, Key key) {
    if (key.type() == Entry.STRING) {
      return call.values().strings().length(key.entry()) + 1L;
    }
    Weight weight = new Weight();
    call.values().contents(key.entry(), weight);
    return weight.bytes;
  }

  /// Each piece with what a listpack adds to it.
  private static final class Weight implements Contents {
    long bytes;

    @Override
    public void next(ByteRun piece) {
      bytes += piece.length() + 2;
    }

    @Override
    public void member(ByteRun... parts) {
      for (ByteRun part : parts) {
        next(part);
      }
    }
  }

  private static void stringLength(Call call, Reply reply) {
    Key key = existing(call);
    if (key.type() != Entry.STRING || key.encoding() == Entry.INT) {
      throw new CommandError("ERR Not an sds encoded string.");
    }
    int name = key.name.length;
    int length = call.values().strings().length(key.entry());
    long taken = call.values().dictionary().memoryUse(key.entry(), 0);
    reply.simple(
        "key_sds_len:"
            + name
            + ", key_sds_avail:0, key_zmalloc: "
            + name
            + ", val_sds_len:"
            + length
            + ", val_sds_avail:0, val_zmalloc: "
            + Math.max(length, taken - name));
  }

  /// Makes keys that aren't there: `prefix:0` to `prefix:n-1`, `value:0`…, filled up with zeros to
  /// a size if one is given. Nothing of it is journaled.
  private static void populate(Call call, Reply reply) {
    long keys = positive(call, 2);
    String prefix = call.argc() > 3 ? call.text(3) : "key";
    int size = call.argc() > 4 ? (int) Math.min(positive(call, 4), 512L << 20) : 0;
    for (long i = 0; i < keys; i++) {
      Slice name = Slice.of(prefix + ":" + i);
      Key key = call.peek(name);
      if (key.exists()) {
        call.done(key);
        continue;
      }
      byte[] value = ("value:" + i).getBytes(StandardCharsets.ISO_8859_1);
      if (size > 0) {
        value = java.util.Arrays.copyOf(value, size);
      }
      call.values().strings().set(key.place, name, new Slice(value), -1);
      call.changed(key, Events.STRING, "set", 0);
      call.done(key);
    }
    call.noEffect();
    reply.ok();
  }

  private static long positive(Call call, int i) {
    return call.integer(
        i, 0, Long.MAX_VALUE, new CommandError("ERR value is out of range, must be positive"));
  }

  private static void packedThreshold(Call call, Reply reply) {
    String text = call.text(2).toLowerCase(Locale.ROOT);
    int digits = 0;
    while (digits < text.length() && Character.isDigit(text.charAt(digits))) {
      digits++;
    }
    long unit =
        switch (text.substring(digits)) {
          case "", "b" -> 1;
          case "k" -> 1000;
          case "kb" -> 1 << 10;
          case "m" -> 1_000_000;
          case "mb" -> 1 << 20;
          case "g" -> 1_000_000_000;
          case "gb" -> 1 << 30;
          default -> -1;
        };
    if (digits == 0 || digits > 12 || unit < 0) {
      throw THRESHOLD;
    }
    long bytes = Long.parseLong(text.substring(0, digits)) * unit;
    if (bytes >= 4L << 30) {
      throw THRESHOLD;
    }
    for (Seat seat : call.engine().keyspace.world().seats()) {
      seat.values.lists().plainFrom(bytes == 0 ? ListValue.PLAIN_BYTES : bytes);
    }
    reply.ok();
  }

  private static void tables(Call call, Reply reply) {
    long number = call.integer(2);
    if (number < 0 || number >= call.engine().keyspace.databases()) {
      throw new CommandError("ERR Out of range database");
    }
    var database = call.engine().keyspace.database((int) number);
    text(
        reply,
        "[Dictionary HT]\n"
            + table(database.size(call.seat()))
            + "[Expires HT]\n"
            + table(database.expiring(call.seat())));
  }

  private static void table(Call call, Reply reply) {
    Key key = existing(call);
    if (!Entry.isNested(key.encoding())) {
      throw new CommandError(
          "ERR The value stored at the specified key is not represented using an hash table");
    }
    long header = Entry.valueAddress(call.values().memory(), key.entry());
    text(reply, table(call.values().dictionary().count(header)));
  }

  private static String table(long elements) {
    return elements == 0
        ? "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n"
        : "Hash table 0 stats (main hash table):\n number of elements: " + elements + "\n";
  }

  private static void text(Reply reply, String text) {
    reply.verbatim("txt", text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private static void stringMatch(Call call, Reply reply) {
    reply.flag(dev.spinel.wire.Glob.matches(call.arg(2), call.arg(3)));
  }

  // ── the rest ──

  /// Holds up all clients, as in a server with one thread.
  private static void protocol(Call call, Reply reply) {
    switch (call.text(2).toLowerCase(Locale.ROOT)) {
      case "string" -> reply.bulk("Hello World");
      case "integer" -> reply.integer(12345);
      case "double" -> reply.number(3.141);
      case "bignum" ->
          reply
              .writer()
              .bigNumber(
                  "1234567999999999999999999999999999999".getBytes(StandardCharsets.ISO_8859_1));
      case "null" -> reply.nil();
      case "array" -> {
        reply.array(3);
        three(reply);
      }
      case "set" -> {
        reply.set(3);
        three(reply);
      }
      case "map" -> {
        reply.map(3);
        for (int i = 0; i < 3; i++) {
          reply.integer(i);
          reply.bool(i == 1);
        }
      }
      case "attrib" -> {
        if (reply.protocol() >= 3) {
          reply.writer().attribute(1);
          reply.bulk("key-popularity");
          reply.array(2);
          reply.bulk("key:123");
          reply.integer(90);
        }
        reply.bulk("Some real reply following the attribute");
      }
      case "push" -> {
        if (reply.protocol() < 3) {
          throw new CommandError("ERR RESP2 is not supported by this command");
        }
        reply.push(2);
        reply.bulk("server-cpu-usage");
        reply.integer(42);
        reply.bulk("Some real reply following the push reply");
      }
      case "true" -> reply.bool(true);
      case "false" -> reply.bool(false);
      case "verbatim" -> text(reply, "This is a verbatim\nstring");
      default ->
          throw new CommandError(
              "ERR Wrong protocol type name. Please use one of the following:"
                  + " string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
    }
  }

  private static void three(Reply reply) {
    for (int i = 0; i < 3; i++) {
      reply.integer(i);
    }
  }

  private static void help(Reply reply) {
    String[] lines = HELP.split("\n");
    reply.array(lines.length);
    for (String line : lines) {
      reply.simple(line);
    }
  }

  private static final String HELP =
      """
      DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
      CHANGE-REPL-ID
          Has replicas that come back copy all data.
      CLUSTERLINK KILL <to|from|all> <node-id>
          Breaks links of the cluster's bus.
      CONFIG-REWRITE-FORCE-ALL
          Writes all settings to the configuration file.
      DIGEST
          A fingerprint of all data.
      DIGEST-VALUE <key> [<key> ...]
          A fingerprint of each key's value.
      DROP-CLUSTER-PACKET-FILTER <type>
          Drops messages of the cluster's bus that are of this type; -1: none.
      ERROR <text>
          Replies with the text as an error.
      HTSTATS <database> [FULL]
          How many keys the tables of a database hold.
      HTSTATS-KEY <key> [FULL]
          How many elements the table of a value holds.
      LISTPACK <key>
          Whether the value is a listpack.
      LOG <text>
          Writes the text to the log.
      OBJECT <key>
          How the value is kept.
      POPULATE <count> [<prefix>] [<size>]
          Makes so many string keys.
      PROTOCOL <type>
          An example of a type of reply.
      QUICKLIST <key>
          Whether the value is a quicklist.
      LOADAOF
          Forgets all data, and loads the append-only file.
      RELOAD [MERGE] [NOFLUSH] [NOSAVE]
          Saves the data, forgets it, and loads it again.
      QUICKLIST-PACKED-THRESHOLD <size>
          From which size on an element of a list has a node of its own.
      REPLICATE <word> [<word> ...]
          Sends the words to replicas as a command.
      REPLYBUFFER <PEAK-RESET-TIME|RESIZING> <value>
          Nothing: there is no such buffer.
      SDSLEN <key>
          The lengths of a key and its string.
      SEGFAULT
          Ends the server by SIGABRT.
      SET-ACTIVE-EXPIRE <0|1>
          Whether keys are removed in the background when their time has come.
      SET-SKIP-CHECKSUM-VALIDATION <0|1>
          Whether checksums of payloads are left uncompared.
      SLEEP <seconds>
          Stops the server for so long.
      STRINGMATCH-LEN <pattern> <string>
          Whether the pattern matches.
      HELP
          This text.\
      """;
}
