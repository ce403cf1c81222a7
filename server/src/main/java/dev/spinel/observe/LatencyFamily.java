package dev.spinel.observe;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.engine.Call;
import dev.spinel.engine.Command;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.CommandTable;
import dev.spinel.engine.Durations;
import dev.spinel.engine.Engine;
import dev.spinel.engine.Family;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Help;
import dev.spinel.engine.LatencyMonitor;
import dev.spinel.engine.Reply;
import dev.spinel.engine.Section;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// LATENCY: how long commands take, and what took too long.
public final class LatencyFamily implements Family {
  private static final int DOCTOR = 0,
      GRAPH = 1,
      HELP = 2,
      HISTOGRAM = 3,
      HISTORY = 4,
      LATEST = 5,
      RESET = 6;

  private static final int GRAPH_COLUMNS = 80;

  public LatencyFamily() {}

  @Override
  public void declare(CommandTable.Builder t) {
    t.container(
        "LATENCY",
        "server 2.8.13",
        """
        Looks at how long things take.
        Depends on subcommand.
        """);
    t.command(
        DOCTOR,
        "LATENCY|DOCTOR",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Says what took too long, and what can be done about it.
        O(1)
        """);
    t.command(
        GRAPH,
        "LATENCY|GRAPH event",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Draws the times of an event.
        O(1)
        """);
    t.command(
        HELP,
        "LATENCY|HELP",
        "server 2.8.13 loading stale",
        """
        Lists the subcommands.
        O(1)
        """);
    t.command(
        HISTOGRAM,
        "LATENCY|HISTOGRAM [command]...",
        "server 7.0.0 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Tells how many calls of commands took how long.
        O(N), N commands with calls
        """);
    t.command(
        HISTORY,
        "LATENCY|HISTORY event",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Lists the times of an event.
        O(1)
        """);
    t.command(
        LATEST,
        "LATENCY|LATEST",
        "server 2.8.13 admin noscript loading stale nondeterministic_output"
            + " request_policy:all_nodes response_policy:special",
        """
        Lists all events with their last times.
        O(1)
        """);
    t.command(
        RESET,
        "LATENCY|RESET [event]...",
        "server 2.8.13 admin noscript loading stale request_policy:all_nodes"
            + " response_policy:agg_sum",
        """
        Forgets the times of events, or of all.
        O(1)
        """);
  }

  @Override
  public void run(int row, Call call, Reply reply) {
    LatencyMonitor monitor = call.engine().latency();
    switch (row) {
      case DOCTOR -> reply.verbatim("txt", latin(advice(call, monitor.all())));
      case GRAPH -> graph(call, reply);
      case HELP -> Help.reply(call, reply);
      case HISTOGRAM -> histograms(call, reply);
      case HISTORY -> history(monitor.of(call.text(2)), reply);
      case LATEST -> latest(monitor.all(), reply);
      case RESET -> {
        int forgotten = call.argc() == 2 ? monitor.reset() : 0;
        for (int i = 2; i < call.argc(); i++) {
          forgotten += monitor.reset(call.text(i));
        }
        reply.integer(forgotten);
      }
      default -> throw new AssertionError(row);
    }
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  // ── events ──

  private static void history(LatencyMonitor.@Nullable Series series, Reply reply) {
    List<LatencyMonitor.Sample> samples = series == null ? List.of() : series.samples();
    reply.array(samples.size());
    for (LatencyMonitor.Sample each : samples) {
      reply.array(2);
      reply.integer(each.second());
      reply.integer(each.millis());
    }
  }

  private static void latest(List<LatencyMonitor.Series> all, Reply reply) {
    reply.array(all.size());
    for (LatencyMonitor.Series each : all) {
      LatencyMonitor.Sample last = each.samples().getLast();
      reply.array(4);
      reply.bulk(each.event());
      reply.integer(last.second());
      reply.integer(last.millis());
      reply.integer(each.longestMillis());
    }
  }

  private static void graph(Call call, Reply reply) {
    LatencyMonitor.Series series = call.engine().latency().of(call.text(2));
    if (series == null) {
      throw new CommandError("ERR No samples available for event '" + call.text(2) + "'");
    }
    List<LatencyMonitor.Sample> samples = series.samples();
    long low = samples.stream().mapToLong(LatencyMonitor.Sample::millis).min().orElse(0);
    long high = samples.stream().mapToLong(LatencyMonitor.Sample::millis).max().orElse(0);
    StringBuilder text = new StringBuilder();
    text.append(series.event()).append(" - high ").append(high);
    text.append(" ms, low ").append(low);
    text.append(" ms (all time high ").append(series.longestMillis()).append(" ms)\n");
    text.append("-".repeat(GRAPH_COLUMNS)).append('\n');
    Sparkline line = new Sparkline();
    for (LatencyMonitor.Sample each : samples) {
      line.add(each.millis(), age(call.now() / 1000 - each.second()));
    }
    line.draw(text, GRAPH_COLUMNS);
    reply.verbatim("txt", latin(text.toString()));
  }

  private static String age(long seconds) {
    if (seconds < 60) {
      return seconds + "s";
    } else if (seconds < 3600) {
      return seconds / 60 + "m";
    }
    return seconds < 86400 ? seconds / 3600 + "h" : seconds / 86400 + "d";
  }

  private static String advice(Call call, List<LatencyMonitor.Series> all) {
    if (!call.engine().latency().isOn()) {
      return "Nothing is watched: set latency-monitor-threshold to the milliseconds from which on"
          + " something takes too long, as by CONFIG SET latency-monitor-threshold 100.\n";
    }
    if (all.isEmpty()) {
      return "Nothing has taken too long since this is watched.\n";
    }
    StringBuilder text = new StringBuilder("What took too long:\n\n");
    for (LatencyMonitor.Series each : all) {
      long sum = each.samples().stream().mapToLong(LatencyMonitor.Sample::millis).sum();
      text.append("- ").append(each.event()).append(": in ").append(each.samples().size());
      text.append(" different seconds, ").append(sum / each.samples().size());
      text.append(" ms on average, ").append(each.longestMillis()).append(" ms at most. ");
      text.append(adviceFor(each.event())).append('\n');
    }
    return text.toString();
  }

  private static String adviceFor(String event) {
    return switch (event) {
      case "command" ->
          "SLOWLOG GET shows which commands these were; those that look at many elements can be"
              + " split, or sent to a replica.";
      case "fast-command" ->
          "Such commands do little: the thread didn't get the processor, or the machine was"
              + " swapping. See whether event-loops is more than the processors that it has.";
      case "aof-write", "aof-fsync-always" ->
          "The disk is slow, or busy with something else; appendfsync everysec doesn't wait for"
              + " it.";
      case "eviction-cycle", "eviction-del" ->
          "Memory is short: raise maxmemory, or lower maxmemory-eviction-tenacity.";
      case "expire-cycle" ->
          "Many keys expire at one time: spread their times, or give active-expire-effort less.";
      default -> "";
    };
  }

  // ── histograms ──

  private static void histograms(Call call, Reply reply) {
    Engine engine = call.engine();
    Map<Command, Durations> all = engine.durations();
    Map<Command, Durations> shown = all;
    if (call.argc() > 2) {
      shown = new LinkedHashMap<>();
      for (int i = 2; i < call.argc(); i++) {
        Command named = engine.table.byName(call.arg(i));
        List<Command> of = new ArrayList<>();
        if (named != null) {
          of.add(named);
          of.addAll(named.subcommands());
        }
        for (Command each : of) {
          Durations durations = all.get(each);
          if (durations != null) {
            shown.put(each, durations);
          }
        }
      }
    }
    long[][] counts = engine.commandStatistics();
    reply.map(shown.size());
    for (Map.Entry<Command, Durations> each : shown.entrySet()) {
      reply.bulk(each.getKey().name);
      histogram(each.getValue(), counts[each.getKey().index][0], reply);
    }
  }

  /// Of quick commands some are timed, which stand for all.
  private static void histogram(Durations durations, long calls, Reply reply) {
    long timed = durations.count();
    long all = calls == 0 ? timed : calls;
    List<long[]> steps = new ArrayList<>();
    durations.cumulate(
        (micros, count) ->
            steps.add(new long[] {micros, Math.round((double) count * all / timed)}));
    reply.map(2);
    reply.bulk("calls");
    reply.integer(all);
    reply.bulk("histogram_usec");
    reply.map(steps.size());
    for (long[] step : steps) {
      reply.integer(step[0]);
      reply.integer(step[1]);
    }
  }

  /// INFO latencystats: what per cent of the calls of each command took how long at most.
  public static final class Percentiles implements Section {
    private final Config config;

    public Percentiles(Config config) {
      this.config = config;
    }

    @Override
    public String title() {
      return "Latencystats";
    }

    @Override
    public boolean standard() {
      return false;
    }

    @Override
    public void tell(Call call, Fields out) {
      List<Double> wanted = config.get(Settings.LATENCY_TRACKING_INFO_PERCENTILES);
      if (!config.get(Settings.LATENCY_TRACKING)) {
        return;
      }
      for (Map.Entry<Command, Durations> each : call.engine().durations().entrySet()) {
        StringBuilder text = new StringBuilder();
        for (double percent : wanted) {
          text.append(text.isEmpty() ? "p" : ",p").append(plain(percent)).append('=');
          text.append(micros(each.getValue().percentile(percent)));
        }
        out.field("latency_percentiles_usec_" + each.getKey().name, text.toString());
      }
    }

    /// With as many decimals as it needs, six at most.
    private static String plain(double percent) {
      return BigDecimal.valueOf(percent)
          .setScale(6, RoundingMode.HALF_EVEN)
          .stripTrailingZeros()
          .toPlainString();
    }

    private static String micros(long nanos) {
      String rest = Long.toString(nanos % 1000);
      return nanos / 1000 + "." + "0".repeat(3 - rest.length()) + rest;
    }
  }
}
