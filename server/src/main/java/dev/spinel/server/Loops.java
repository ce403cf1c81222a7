package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.Settings;
import dev.spinel.net.Connection;
import dev.spinel.net.Incidents;
import dev.spinel.net.Loop;
import dev.spinel.net.LoopCounts;
import dev.spinel.net.LoopHooks;
import dev.spinel.net.Net;
import dev.spinel.net.TransportChoice;
import dev.spinel.observe.Traffic;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A server's event loops, and what the server keeps for each ([LoopSide]). An embedded server that
/// doesn't listen has none.
final class Loops implements AutoCloseable {
  /// What a loop without clients takes of the heap (some 180 KB), rounded up.
  private static final int BYTES_AT_REST = 256 << 10;

  /// A loop comes round ten times a second, if nothing holds it up.
  private static final long LATE_MILLIS = 500;

  private final Config config;
  private final Function<Loop, LoopSide> makeSide;
  private final ArrayList<LoopSide> sides = new ArrayList<>(); // immutable after start
  private @Nullable Net net; // immutable after start

  /// @param makeSide called once for each loop, before the loop starts
  Loops(Config config, Function<Loop, LoopSide> makeSide) {
    this.config = config;
    this.makeSide = makeSide;
    config.onChange(
        Settings.TCP_KEEPALIVE,
        changed -> {
          if (net != null) {
            net.keepAlive(changed.intOf(Settings.TCP_KEEPALIVE));
          }
        });
  }

  /// How many there are, or will be: as many as the JVM's heap has room for, if that is less than
  /// what was asked for.
  int count() {
    return Math.min(wanted(), mostIn(Runtime.getRuntime().maxMemory()));
  }

  /// How many the configuration asks for.
  int wanted() {
    int count = config.intOf(Settings.EVENT_LOOPS);
    return count == 0 ? Runtime.getRuntime().availableProcessors() : count;
  }

  /// How many loops may share a heap of so many bytes: those at rest take at most an eighth of it,
  /// and those under load, which read into 1 MB each, at most half.
  static int mostIn(long heapBytes) {
    return (int) Math.clamp(heapBytes / 8 / BYTES_AT_REST, 1, 1024);
  }

  /// Starts them all, or none.
  Net start(Incidents incidents) throws IOException {
    TransportChoice choice =
        switch (config.text(Settings.IO_TRANSPORT)) {
          case "nio" -> TransportChoice.NIO;
          case "io_uring" -> TransportChoice.IO_URING;
          default -> TransportChoice.AUTO;
        };
    Net started = Net.start(count(), "spinel-loop-", this::side, incidents, choice);
    net = started;
    started.keepAlive(config.intOf(Settings.TCP_KEEPALIVE));
    return started;
  }

  private synchronized LoopHooks side(Loop loop) {
    LoopSide side = makeSide.apply(loop);
    sides.add(side);
    return side;
  }

  /// Null before the start.
  @Nullable Net net() {
    return net;
  }

  LoopSide sideOf(Connection connection) {
    return sides.get(connection.loop().index());
  }

  /// `nio` or `io_uring`.
  String transport() {
    return net != null && net.transport() == TransportChoice.IO_URING ? "io_uring" : "nio";
  }

  /// What all loops have counted since the start.
  Traffic.Totals counted() {
    long bytesIn = 0, bytesOut = 0, reads = 0, writes = 0, turns = 0, turnNanos = 0, runNanos = 0;
    for (LoopSide side : sides) {
      LoopCounts counts = side.loop.counts();
      bytesIn += counts.bytesIn();
      bytesOut += counts.bytesOut();
      reads += counts.reads();
      writes += counts.writes();
      turns += counts.turns();
      turnNanos += counts.turnNanos();
      runNanos += counts.runNanos();
    }
    return new Traffic.Totals(bytesIn, bytesOut, reads, writes, turns, turnNanos, runNanos, 0, 0);
  }

  /// The loops, each with what the server keeps for it.
  List<LoopSide> sides() {
    return sides;
  }

  /// Whether all loops have come round within so many milliseconds. Any thread.
  boolean haveTurned(long millis) {
    long now = System.nanoTime();
    for (LoopSide side : sides) {
      long last = side.lastCronNanos;
      if (last != 0 && now - last > Math.max(millis, LATE_MILLIS) * 1_000_000) {
        return false;
      }
    }
    return true;
  }

  /// Ends the loops and closes all connections and listeners.
  @Override
  public void close() {
    if (net != null) {
      net.close();
    }
    for (LoopSide side : List.copyOf(sides)) {
      side.pump.dispatcher.close();
    }
  }
}
