package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.OutputLimits;
import dev.spinel.config.Settings;
import dev.spinel.engine.Session;

/// `client-output-buffer-limit`: how much unsent output each client may have. Any thread.
final class OutputBounds {
  enum Verdict {
    WITHIN,
    /// Beyond the soft limit, for now.
    SOFT,
    /// The client is to be disconnected.
    EXCEEDED
  }

  /// Redis doesn't count the fixed buffer that it has for each client.
  private static final int UNCOUNTED_BYTES = 16 << 10;

  private volatile OutputLimits limits;

  OutputBounds(Config config) {
    limits = config.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT);
    config.onChange(
        Settings.CLIENT_OUTPUT_BUFFER_LIMIT,
        changed -> limits = changed.get(Settings.CLIENT_OUTPUT_BUFFER_LIMIT));
  }

  /// Judges a session's unsent output.
  ///
  /// @param softSinceMillis since when it has been beyond the soft limit, 0 if it wasn't
  Verdict verdict(Session session, long pendingBytes, long softSinceMillis, long nowMillis) {
    if (session.isReplica) {
      return Verdict.WITHIN; // its output holds little; what waits for it replication judges
    }
    OutputLimits.Limit limit = of(session);
    long counted = pendingBytes - UNCOUNTED_BYTES;
    if (limit.hardBytes() > 0 && counted >= limit.hardBytes()) {
      return Verdict.EXCEEDED;
    }
    if (limit.softBytes() > 0 && counted >= limit.softBytes()) {
      boolean tooLong =
          softSinceMillis != 0 && nowMillis - softSinceMillis > limit.softSeconds() * 1000L;
      return tooLong ? Verdict.EXCEEDED : Verdict.SOFT;
    }
    return Verdict.WITHIN;
  }

  /// Bytes of output from which on a session's connection closes.
  long hardBytes(Session session) {
    if (session.isReplica) {
      return Long.MAX_VALUE;
    }
    long bytes = of(session).hardBytes();
    return bytes > 0 && bytes < Long.MAX_VALUE - UNCOUNTED_BYTES
        ? bytes + UNCOUNTED_BYTES
        : Long.MAX_VALUE;
  }

  private OutputLimits.Limit of(Session session) {
    OutputLimits now = limits;
    return session.subscribed() ? now.pubsub() : now.normal();
  }
}
