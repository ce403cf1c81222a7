package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.Quoting;
import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What walks the keyspace with SCAN: `--scan`, `--bigkeys`, `--memkeys`, `--hotkeys`.
final class KeySurvey extends Sampler {
  private static final int PAUSE_EACH = 100;
  private static final int REPORT_EACH = 1_000_000;

  KeySurvey(Shell shell) {
    super(shell);
  }

  // ── The walk ──

  private String cursor = "0";
  private long rounds;
  private long sampled;
  private long keysAtStart;

  private List<RespValue> scan(boolean pauses) {
    if (pauses && rounds > 0 && rounds % PAUSE_EACH == 0) pause();
    rounds++;
    String count = Integer.toString(options.count);
    String pattern = options.pattern;
    RespValue reply =
        pattern == null
            ? ask("SCAN", cursor, "COUNT", count)
            : ask("SCAN", cursor, "MATCH", pattern, "COUNT", count);
    if (reply instanceof RespValue.Error e) throw fail("SCAN error: " + e.text());
    if (!(reply instanceof RespValue.Array both)) throw fail("Non ARRAY response from SCAN!");
    if (both.elements().size() != 2) throw fail("Invalid element count from SCAN!");
    cursor = Form.textOf(both.elements().get(0));
    return both.elements().get(1).elements();
  }

  private boolean isOver() {
    return stopped || cursor.equals("0");
  }

  private void pause() {
    screen.flush();
    if (options.intervalMicros > 0) Shell.pause(options.intervalMicros);
  }

  private void countKeys() {
    RespValue reply = ask("DBSIZE");
    if (reply instanceof RespValue.Error e) throw fail("Couldn't determine DBSIZE: " + e.text());
    if (!(reply instanceof RespValue.Int n)) throw fail("Non INTEGER response from DBSIZE!");
    keysAtStart = n.value();
  }

  /// How far the walk was when this round began.
  private String percent(long before) {
    return "[" + Figures.padded(100 * (double) before / keysAtStart, 5, 2) + "%] ";
  }

  private static String plain(RespValue key) {
    return Form.cString(Form.textOf(key));
  }

  private static String quoted(RespValue key) {
    return Quoting.quote(Form.textOf(key));
  }

  int scan() {
    stopOnInterrupt();
    do {
      for (RespValue key : scan(false)) {
        screen.outLine(options.form == Form.STANDARD ? quoted(key) : plain(key));
      }
      if (options.intervalMicros > 0) pause();
    } while (!isOver());
    return 0;
  }

  // ── The largest ──

  /// What is known of the keys of one type.
  private static final class Kind {
    final String name;
    final @Nullable String sizeCommand;
    final String unit;
    long biggest;
    long count;
    long total;
    @Nullable String biggestKey;

    Kind(String name, @Nullable String sizeCommand, String unit) {
      this.name = name;
      this.sizeCommand = sizeCommand;
      this.unit = unit;
    }
  }

  /// In the order in which redis-cli happens to list them.
  private static Map<String, Kind> kinds() {
    Map<String, Kind> kinds = new LinkedHashMap<>();
    for (Kind kind :
        List.of(
            new Kind("list", "LLEN", "items"),
            new Kind("hash", "HLEN", "fields"),
            new Kind("string", "STRLEN", "bytes"),
            new Kind("stream", "XLEN", "entries"),
            new Kind("set", "SCARD", "members"),
            new Kind("zset", "ZCARD", "members"))) {
      kinds.put(kind.name, kind);
    }
    return kinds;
  }

  int bigKeys(boolean byMemory) {
    Map<String, Kind> kinds = kinds();
    begin("biggest");
    long bytesOfKeys = 0;
    long before;
    do {
      before = sampled;
      List<RespValue> keys = scan(true);
      List<@Nullable Kind> kindOf = kindsOf(keys, kinds);
      long[] sizes = sizesOf(keys, kindOf, byMemory);
      for (int i = 0; i < keys.size(); i++) {
        Kind kind = kindOf.get(i);
        if (kind == null) continue;
        kind.total += sizes[i];
        kind.count++;
        bytesOfKeys += Form.textOf(keys.get(i)).length();
        sampled++;
        if (sizes[i] > kind.biggest) {
          kind.biggest = sizes[i];
          kind.biggestKey = quoted(keys.get(i));
          screen.outLine(
              percent(before)
                  + "Biggest "
                  + Figures.left(kind.name, 6)
                  + " found so far '"
                  + kind.biggestKey
                  + "' with "
                  + sizes[i]
                  + " "
                  + unit(kind, byMemory));
        }
        report(before);
      }
    } while (!isOver());
    summary(before);
    screen.outLine(
        "Total key length in bytes is "
            + bytesOfKeys
            + " (avg len "
            + Figures.fixed(bytesOfKeys == 0 ? 0 : (double) bytesOfKeys / sampled, 2)
            + ")\n");
    for (Kind kind : kinds.values()) {
      if (kind.biggestKey == null) continue;
      screen.outLine(
          "Biggest "
              + Figures.right(kind.name, 6)
              + " found '"
              + kind.biggestKey
              + "' has "
              + kind.biggest
              + " "
              + unit(kind, byMemory));
    }
    screen.outLine("");
    for (Kind kind : kinds.values()) {
      double share = sampled == 0 ? 0 : 100 * (double) kind.count / sampled;
      double average = kind.count == 0 ? 0 : (double) kind.total / kind.count;
      screen.outLine(
          kind.count
              + " "
              + kind.name
              + "s with "
              + kind.total
              + " "
              + unit(kind, byMemory)
              + " ("
              + Figures.padded(share, 5, 2)
              + "% of keys, avg size "
              + Figures.fixed(average, 2)
              + ")");
    }
    return 0;
  }

  private void begin(String what) {
    stopOnInterrupt();
    countKeys();
    screen.out(
        "\n# Scanning the entire keyspace to find "
            + what
            + " keys as well as\n"
            + "# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n"
            + "# per 100 SCAN commands (not usually needed).\n\n");
  }

  private void report(long before) {
    if (sampled % REPORT_EACH == 0) {
      screen.outLine(percent(before) + "Sampled " + sampled + " keys so far");
    }
  }

  private void summary(long before) {
    screen.outLine("\n-------- summary -------\n");
    if (stopped) screen.out(percent(before));
    screen.outLine("Sampled " + sampled + " keys in the keyspace!");
  }

  private static String unit(Kind kind, boolean byMemory) {
    return byMemory ? "bytes" : kind.unit;
  }

  /// The kind of each key; null of one that is gone.
  private List<@Nullable Kind> kindsOf(List<RespValue> keys, Map<String, Kind> kinds) {
    for (RespValue key : keys) send("type", key, "TYPE", Form.textOf(key));
    List<@Nullable Kind> found = new ArrayList<>();
    for (RespValue key : keys) {
      RespValue reply = read("type", key);
      if (reply instanceof RespValue.Error e) throw fail("TYPE returned an error: " + e.text());
      if (!(reply instanceof RespValue.Simple type)) {
        throw fail("Invalid reply type for TYPE on key '" + plain(key) + "'!");
      }
      found.add(
          type.text().equals("none")
              ? null
              : kinds.computeIfAbsent(type.text(), name -> new Kind(name, null, "?")));
    }
    return found;
  }

  private long[] sizesOf(List<RespValue> keys, List<@Nullable Kind> kinds, boolean byMemory) {
    String samples = Integer.toUnsignedString(options.memorySamples);
    for (int i = 0; i < keys.size(); i++) {
      Kind kind = kinds.get(i);
      if (kind == null || kind.sizeCommand == null && !byMemory) continue;
      String key = Form.textOf(keys.get(i));
      if (!byMemory) send("size", keys.get(i), String.valueOf(kind.sizeCommand), key);
      else if (options.memorySamples == 0) send("size", keys.get(i), "MEMORY", "USAGE", key);
      else send("size", keys.get(i), "MEMORY", "USAGE", key, "SAMPLES", samples);
    }
    long[] sizes = new long[keys.size()];
    for (int i = 0; i < sizes.length; i++) {
      Kind kind = kinds.get(i);
      if (kind == null || kind.sizeCommand == null && !byMemory) continue;
      if (read("size", keys.get(i)) instanceof RespValue.Int n) {
        sizes[i] = n.value();
      } else {
        String command = byMemory ? "MEMORY USAGE" : String.valueOf(kind.sizeCommand);
        screen.errLine(
            "Warning:  "
                + command
                + " on '"
                + plain(keys.get(i))
                + "' failed (may have changed type)");
      }
    }
    return sizes;
  }

  private void send(String what, RespValue key, String... command) {
    try {
      connection.send(command);
    } catch (Lost e) {
      throw fail(what, key, e);
    }
  }

  private RespValue read(String what, RespValue key) {
    try {
      return connection.read();
    } catch (Lost e) {
      throw fail(what, key, e);
    }
  }

  private Exit fail(String what, RespValue key, Lost e) {
    int code = e.mayReconnect ? 3 : 1; // hiredis's numbers of "end" and "input or output"
    return fail(
        "Error getting " + what + " for key '" + plain(key) + "' (" + code + ": " + e.text() + ")");
  }

  // ── The hottest ──

  private static final int HOTTEST = 16;

  int hotKeys() {
    long[] counters = new long[HOTTEST];
    String[] names = new String[HOTTEST];
    begin("hot");
    long before;
    do {
      before = sampled;
      List<RespValue> keys = scan(true);
      long[] frequencies = frequenciesOf(keys);
      for (int i = 0; i < keys.size(); i++) {
        sampled++;
        report(before);
        int place = place(counters, names, frequencies[i]);
        if (place < 0) continue;
        counters[place] = frequencies[i];
        names[place] = quoted(keys.get(i));
        screen.outLine(
            percent(before)
                + "Hot key '"
                + names[place]
                + "' found so far with counter "
                + frequencies[i]);
      }
    } while (!isOver());
    summary(before);
    for (int i = HOTTEST - 1; i >= 0; i--) {
      if (counters[i] > 0) {
        screen.outLine("hot key found with counter: " + counters[i] + "\tkeyname: " + names[i]);
      }
    }
    return 0;
  }

  /// Makes a place for a counter among the largest, which stand at the end; -1 if it isn't one.
  private static int place(long[] counters, String[] names, long frequency) {
    int k = 0;
    while (k < HOTTEST && frequency > counters[k]) k++;
    if (--k < 0) return -1;
    if (k > 0 && counters[k] != 0) {
      System.arraycopy(counters, 1, counters, 0, k);
      System.arraycopy(names, 1, names, 0, k);
    }
    return k;
  }

  private long[] frequenciesOf(List<RespValue> keys) {
    for (RespValue key : keys) send("freq", key, "OBJECT", "FREQ", Form.textOf(key));
    long[] frequencies = new long[keys.size()];
    for (int i = 0; i < frequencies.length; i++) {
      RespValue reply = read("freq", keys.get(i));
      if (reply instanceof RespValue.Error e) throw fail("Error: " + e.text());
      if (reply instanceof RespValue.Int n) {
        frequencies[i] = n.value();
      } else {
        screen.errLine(
            "Warning: OBJECT freq on '" + quoted(keys.get(i)) + "' failed (may have been deleted)");
      }
    }
    return frequencies;
  }
}
