package dev.spinel.observe;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/// Who comes and goes over the network, and how many bytes. All but the clients there are now is
/// counted since the statistics were reset. Any thread.
public final class Traffic {
  private final LongSupplier input; // bytes since the start
  private final LongSupplier output;
  private final AtomicInteger clients = new AtomicInteger();
  private final LongAdder accepted = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private volatile long inputBefore; // what the last reset found; stopped world
  private volatile long outputBefore;

  /// @param input and output: bytes of all connections since the start
  public Traffic(LongSupplier input, LongSupplier output) {
    this.input = input;
    this.output = output;
  }

  /// Somebody came, who may still be refused.
  public void accept() {
    accepted.increment();
  }

  public void refuse() {
    refused.increment();
  }

  /// One more is a client.
  public void enter() {
    clients.incrementAndGet();
  }

  public void leave() {
    clients.decrementAndGet();
  }

  public int clients() {
    return clients.get();
  }

  public long accepted() {
    return accepted.sum();
  }

  public long refused() {
    return refused.sum();
  }

  public long bytesIn() {
    return input.getAsLong() - inputBefore;
  }

  public long bytesOut() {
    return output.getAsLong() - outputBefore;
  }

  /// Stopped world.
  void reset() {
    accepted.reset();
    refused.reset();
    inputBefore = input.getAsLong();
    outputBefore = output.getAsLong();
  }
}
