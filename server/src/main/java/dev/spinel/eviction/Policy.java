package dev.spinel.eviction;

import java.util.Locale;

/// What to evict, and which keys may be: `maxmemory-policy`.
enum Policy {
  NOEVICTION(false),
  VOLATILE_LRU(true),
  VOLATILE_LFU(true),
  VOLATILE_RANDOM(true),
  VOLATILE_TTL(true),
  ALLKEYS_LRU(false),
  ALLKEYS_LFU(false),
  ALLKEYS_RANDOM(false);

  /// Only keys with an expiry may go.
  final boolean onlyExpiring;

  Policy(boolean onlyExpiring) {
    this.onlyExpiring = onlyExpiring;
  }

  static Policy named(String name) {
    return valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  boolean random() {
    return this == VOLATILE_RANDOM || this == ALLKEYS_RANDOM;
  }
}
