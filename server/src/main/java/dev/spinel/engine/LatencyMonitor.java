package dev.spinel.engine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What took long, by kind of event (`latency-monitor-threshold`): the last 160 seconds in which
/// something did, each with its longest time. Any thread.
public final class LatencyMonitor {
  private static final int SAMPLES = 160;

  /// The longest time of one second.
  ///
  /// @param second since 1970
  public record Sample(long second, long millis) {}

  /// An event's samples, the oldest first, and the longest time that it ever took.
  public record Series(String event, List<Sample> samples, long longestMillis) {}

  private final Limits limits;
  private final Clock clock;
  private final Map<String, Series> events = new HashMap<>(); // this object's monitor

  LatencyMonitor(Limits limits, Clock clock) {
    this.limits = limits;
    this.clock = clock;
  }

  /// Whether times are asked for at all.
  public boolean isOn() {
    return limits.latencyThresholdMillis != 0;
  }

  /// Something took so long.
  public void took(String event, long nanos) {
    long threshold = limits.latencyThresholdMillis;
    long millis = nanos / 1_000_000;
    if (threshold != 0 && millis >= threshold) {
      add(event, millis);
    }
  }

  private synchronized void add(String event, long millis) {
    Series before = events.get(event);
    List<Sample> samples = new ArrayList<>(before == null ? List.of() : before.samples());
    long second = clock.millis() / 1000;
    Sample last = samples.isEmpty() ? null : samples.getLast();
    if (last != null && last.second == second) {
      samples.set(samples.size() - 1, new Sample(second, Math.max(millis, last.millis)));
    } else {
      samples.add(new Sample(second, millis));
    }
    if (samples.size() > SAMPLES) {
      samples.removeFirst();
    }
    long longest = before == null ? millis : Math.max(millis, before.longestMillis());
    events.put(event, new Series(event, List.copyOf(samples), longest));
  }

  /// All events that have samples, by name.
  public synchronized List<Series> all() {
    return events.values().stream().sorted(Comparator.comparing(Series::event)).toList();
  }

  public synchronized @Nullable Series of(String event) {
    return events.get(event);
  }

  /// Forgets an event (its name in any case). Returns how many there were.
  public synchronized int reset(String event) {
    String name = event.toLowerCase(Locale.ROOT);
    return events.remove(name) == null ? 0 : 1;
  }

  /// Forgets all events. Returns how many there were.
  public synchronized int reset() {
    int count = events.size();
    events.clear();
    return count;
  }
}
