package dev.spinel.script;

/// Which keys a script touches, as far as it has been seen: only those of its calls, or others,
/// too. It decides under which locks the script runs.
///
/// ```
///   UNSEEN ── a run that kept to its keys ──► KEEPS ── touches another key ──► ROAMS
///      └───── a run that didn't ─────────────────────────────────────────────────┘
///   stopped world                             locks of its keys                stopped world
/// ```
///
/// So a script first runs alone in the server. Most scripts keep to their keys, always or never,
/// and what is seen once holds from then on. One that keeps to them at first, and touches others
/// later, begins anew if it has changed nothing yet, and otherwise takes the locks that it lacks
/// out of order ([dev.spinel.engine.InnerCalls]); both cost time, and happen once. What needs all
/// of the server, as FLUSHALL and KEYS do, can't be had any more then. So a script that may call
/// such a command, by what its text says ([dev.spinel.lua.LuaWords]), roams from the start: if it
/// names one, or composes names, or gets them from the data. One that calls what its arguments name
/// roams in those calls in which they name such a command.
///
/// Any thread.
final class Reach {
  private enum Seen {
    UNSEEN,
    KEEPS,
    ROAMS
  }

  private volatile Seen seen;

  /// @param roams whether it is known to touch keys other than those of its calls
  Reach(boolean roams) {
    seen = roams ? Seen.ROAMS : Seen.UNSEEN;
  }

  boolean isGlobal() {
    return seen != Seen.KEEPS;
  }

  /// It has run.
  ///
  /// @param kept to its keys
  void ran(boolean kept) {
    if (!kept) {
      seen = Seen.ROAMS;
    } else if (seen == Seen.UNSEEN) {
      seen = Seen.KEEPS;
    }
  }
}
