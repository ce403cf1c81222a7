package dev.spinel.cli;

/// What `--version` says: the Redis whose client this equals.
final class Version {
  static final String REDIS = "7.2.6";

  private Version() {}

  static String line() {
    return "redis-cli " + REDIS;
  }
}
