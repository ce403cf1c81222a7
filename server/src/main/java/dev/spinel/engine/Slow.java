package dev.spinel.engine;

/// Called after each command that is timed, for the slow log.
public interface Slow {
  void ran(Call call, long nanos);
}
