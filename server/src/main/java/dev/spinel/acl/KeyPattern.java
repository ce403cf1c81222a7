package dev.spinel.acl;

import dev.spinel.engine.Synopsis;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;

/// Which keys may be used, and how: `~glob`, `%R~glob`, `%W~glob`.
///
/// @param uses [#READ], [#WRITE] or both
record KeyPattern(Slice glob, int uses) {
  static final int READ = 1, WRITE = 2;

  private static final int WRITES = Synopsis.INSERT | Synopsis.UPDATE | Synopsis.DELETE;

  /// What a command does with a key, as uses.
  ///
  /// @param flags of a key specification, see [Synopsis]
  static int usesOf(int flags) {
    return ((flags & Synopsis.ACCESS) != 0 ? READ : 0) | ((flags & WRITES) != 0 ? WRITE : 0);
  }

  /// Whether all these uses of some key are allowed.
  boolean allows(int wanted) {
    return (uses & wanted) == wanted;
  }

  boolean matches(Slice key) {
    return Glob.matches(glob, key);
  }

  /// The rule as it is shown.
  String rule() {
    String mark = uses == (READ | WRITE) ? "~" : uses == READ ? "%R~" : "%W~";
    return mark + glob.text();
  }

  /// The rule as it is written to files. `%RW~*` is shown as `~*`, which would be read as the flag
  /// that no other pattern may follow.
  String exactRule() {
    String rule = rule();
    return rule.equals("~*") ? "%RW~*" : rule;
  }
}
