package dev.spinel.sentinel;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Scripts that are to run, run, or run again: those that end with status 1 or by a signal do, ten
/// times at most, each time after twice the time.
final class ScriptQueue {
  private static final int QUEUE_MAX = 256;
  private static final int RUNNING_MAX = 16;
  private static final int TRIES_MAX = 10;

  private static final class Job {
    final int number;
    final List<String> arguments;
    boolean runs;
    int tries;
    long at; // it runs since, or may run from; 0: now
    long pid;
    boolean killed;

    Job(int number, List<String> arguments) {
      this.number = number;
      this.arguments = arguments;
    }
  }

  private final SentinelMachine machine;
  private final List<Job> jobs = new ArrayList<>();
  private int last;

  ScriptQueue(SentinelMachine machine) {
    this.machine = machine;
  }

  void add(String... arguments) {
    jobs.add(new Job(++last, List.of(arguments)));
    if (jobs.size() > QUEUE_MAX) {
      for (Iterator<Job> i = jobs.iterator(); i.hasNext(); ) {
        if (!i.next().runs) {
          i.remove(); // the oldest
          break;
        }
      }
    }
  }

  int running() {
    int running = 0;
    for (Job job : jobs) {
      running += job.runs ? 1 : 0;
    }
    return running;
  }

  int size() {
    return jobs.size();
  }

  void tick(long now) {
    int running = running();
    for (Job job : jobs) {
      if (running < RUNNING_MAX && !job.runs && job.at <= now) {
        job.runs = true;
        job.at = now;
        job.tries++;
        job.killed = false;
        running++;
        machine.act(new SentinelAction.RunScript(job.number, job.arguments));
      }
    }
    for (Job job : jobs) {
      if (job.runs && now - job.at > machine.periods.scriptRuntime && !job.killed) {
        job.killed = true;
        machine.event(
            SentinelAction.Level.WARNING,
            "-script-timeout",
            null,
            job.arguments.getFirst() + " " + job.pid);
        machine.act(new SentinelAction.KillScript(job.number));
      }
    }
  }

  private @Nullable Job find(int number) {
    for (Job job : jobs) {
      if (job.number == number) {
        return job;
      }
    }
    return null;
  }

  void started(int number, long pid) {
    Job job = find(number);
    if (job != null) {
      job.pid = pid;
      machine.event(SentinelAction.Level.DEBUG, "+script-child", null, Long.toString(pid));
    }
  }

  /// It couldn't be started: told as signal 99, and it isn't tried again.
  void refused(int number) {
    Job job = find(number);
    if (job != null) {
      machine.event(
          SentinelAction.Level.WARNING, "-script-error", null, job.arguments.getFirst() + " 0 2");
      jobs.remove(job);
    }
  }

  void ended(int number, int status, int signal) {
    Job job = find(number);
    if (job == null) {
      return;
    }
    machine.event(
        SentinelAction.Level.DEBUG, "-script-child", null, job.pid + " " + status + " " + signal);
    if ((signal != 0 || status == 1) && job.tries < TRIES_MAX) {
      job.runs = false;
      job.pid = 0;
      job.at = machine.now() + (machine.periods.scriptRetry << (job.tries - 1));
      return;
    }
    if (signal != 0 || status != 0) {
      machine.event(
          SentinelAction.Level.WARNING,
          "-script-error",
          null,
          job.arguments.getFirst() + " " + signal + " " + status);
    }
    jobs.remove(job);
  }

  /// The reply to SENTINEL PENDING-SCRIPTS.
  RespValue reply(long now) {
    List<RespValue> all = new ArrayList<>();
    for (Job job : jobs) {
      List<RespValue> map = new ArrayList<>();
      map.add(Texts.bulk("argv"));
      map.add(new RespValue.Array(job.arguments.stream().map(Texts::bulk).toList()));
      map.add(Texts.bulk("flags"));
      map.add(Texts.bulk(job.runs ? "running" : "scheduled"));
      map.add(Texts.bulk("pid"));
      map.add(Texts.bulk(job.pid));
      map.add(Texts.bulk(job.runs ? "run-time" : "run-delay"));
      map.add(Texts.bulk(job.runs ? now - job.at : job.at == 0 ? 0 : Math.max(0, job.at - now)));
      map.add(Texts.bulk("retry-num"));
      map.add(Texts.bulk(job.tries));
      all.add(new RespValue.Map(map));
    }
    return new RespValue.Array(all);
  }
}
