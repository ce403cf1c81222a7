package dev.spinel.keyspace;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// A [Schedule] that a seed decides: of the threads in [#run] only one runs at a time, and at each
/// point where threads meet the seed says who is next. So a run is its seed, whatever the machine.
///
/// Threads that it wasn't given (the keeper) run as they like.
public final class Interleaving implements Schedule {
  /// What one thread does.
  public interface Work {
    void run() throws Exception;
  }

  private static final long HANGS_NANOS = 10_000_000_000L;

  private static final class Worker {
    final Work work;
    Thread thread; // once, before it starts
    BooleanSupplier ready = () -> true; // whoever has the baton
    boolean done; // whoever has the baton
    volatile boolean mine;

    Worker(Work work) {
      this.work = work;
    }
  }

  private final long seed;
  private final Random random;
  private final List<Worker> workers = new ArrayList<>();
  private volatile Throwable failure;
  private volatile boolean running;
  private long points;

  public Interleaving(long seed) {
    this.seed = seed;
    random = new Random(seed);
  }

  /// Runs all at once, one step at a time, until each is done. Errors: the first that one of them
  /// threw, or that all wait for each other; both name the seed.
  public void run(Work... works) throws InterruptedException {
    workers.clear();
    for (Work work : works) {
      var worker = new Worker(work);
      worker.thread = new Thread(() -> live(worker), "worker-" + workers.size());
      workers.add(worker);
    }
    running = true;
    for (Worker worker : workers) {
      worker.thread.start();
    }
    pass();
    for (Worker worker : workers) {
      worker.thread.join(60_000);
      if (worker.thread.isAlive()) {
        throw new AssertionError("seed " + seed + ": a thread hangs");
      }
    }
    running = false;
    if (failure != null) {
      throw new AssertionError("seed " + seed + ": " + failure.getMessage(), failure);
    }
  }

  /// How often somebody else might have run.
  public long points() {
    return points;
  }

  private void live(Worker worker) {
    hold(worker);
    try {
      if (failure == null) {
        worker.work.run();
      }
    } catch (Throwable t) {
      if (failure == null) {
        failure = t;
      }
    }
    worker.done = true;
    pass();
  }

  @Override
  public boolean point() {
    return until(() -> true);
  }

  @Override
  public boolean until(BooleanSupplier free) {
    Worker me = me();
    if (me != null) {
      points++;
      me.ready = free;
      pass();
      hold(me);
      if (failure != null) {
        throw new IllegalStateException("the run has failed");
      }
    }
    return true;
  }

  private Worker me() {
    if (running) {
      for (Worker worker : workers) {
        if (worker.thread == Thread.currentThread() && worker.mine) {
          return worker;
        }
      }
    }
    return null;
  }

  private static void hold(Worker worker) {
    while (!worker.mine) {
      LockSupport.park();
    }
  }

  /// Gives the baton on.
  private void pass() {
    for (Worker worker : workers) {
      worker.mine = false;
    }
    long began = 0;
    while (true) {
      List<Worker> able = new ArrayList<>();
      int left = 0;
      for (Worker worker : workers) {
        if (!worker.done) {
          left++;
          if (failure != null || worker.ready.getAsBoolean()) {
            able.add(worker);
          }
        }
      }
      if (left == 0) {
        return;
      }
      if (!able.isEmpty()) {
        Worker next = able.get(random.nextInt(able.size()));
        next.mine = true;
        LockSupport.unpark(next.thread);
        return;
      }
      // a thread that isn't ours may hold what they wait for
      long now = System.nanoTime();
      began = began == 0 ? now : began;
      if (now - began > HANGS_NANOS) {
        failure = new AssertionError("all wait for each other");
      }
      LockSupport.parkNanos(100_000);
    }
  }
}
