package dev.spinel.engine;

/// Hears of each timed command, for the slow log.
public interface Slow {
  void ran(Call call, long nanos);

  Slow NOBODY = (call, nanos) -> {};
}
