package dev.spinel.cluster;

/// What a node is said to be: bits, as they stand in headers and gossip.
final class NodeFlags {
  static final int PRIMARY = 1;
  static final int REPLICA = 1 << 1;

  /// It may have failed: one node says so.
  static final int PFAIL = 1 << 2;

  /// It has failed: the majority of primaries says so.
  static final int FAIL = 1 << 3;

  static final int MYSELF = 1 << 4;

  /// Its id isn't known yet.
  static final int HANDSHAKE = 1 << 5;

  static final int NOADDR = 1 << 6;

  /// The first message to it is a MEET.
  static final int MEET = 1 << 7;

  /// Replicas may migrate to it.
  static final int MIGRATE_TO = 1 << 8;

  static final int NOFAILOVER = 1 << 9;

  private static final int[] SHOWN = {
    MYSELF, PRIMARY, REPLICA, PFAIL, FAIL, HANDSHAKE, NOADDR, NOFAILOVER
  };
  private static final String[] WORDS = {
    "myself", "master", "slave", "fail?", "fail", "handshake", "noaddr", "nofailover"
  };

  private NodeFlags() {}

  /// As CLUSTER NODES lists them.
  static String text(int flags) {
    var text = new StringBuilder();
    for (int i = 0; i < SHOWN.length; i++) {
      if ((flags & SHOWN[i]) != 0) {
        text.append(text.isEmpty() ? "" : ",").append(WORDS[i]);
      }
    }
    return text.isEmpty() ? "noflags" : text.toString();
  }

  /// The flag of this word in `nodes.conf`; 0 for "noflags"; -1: no flag is called so.
  static int flag(String word) {
    for (int i = 0; i < SHOWN.length; i++) {
      if (WORDS[i].equalsIgnoreCase(word)) {
        return SHOWN[i];
      }
    }
    return word.equalsIgnoreCase("noflags") ? 0 : -1;
  }
}
