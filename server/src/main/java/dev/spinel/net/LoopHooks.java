package dev.spinel.net;

import dev.spinel.wire.Chunks;

/// What the owner of a loop does at the edges of each turn, on the loop's thread (quickly, and
/// without throwing), and what he provides for it.
public interface LoopHooks {
  /// Before anything of the owner's runs in this turn: no message, timer or handler runs outside a
  /// turn.
  void turnBegins();

  /// Before the turn's replies go to their sockets: the last moment to say which of them may
  /// ([Loop#setReleased]).
  default void aboutToSend() {}

  /// After the last reply of the turn was handed to the sockets, before the loop looks for more and
  /// perhaps sleeps.
  void turnEnds();

  /// Where this loop's outputs keep what doesn't fit into their first 32 KB. Asked once, before the
  /// loop's thread starts; used by that thread only.
  default Chunks chunks() {
    return Chunks.heap();
  }

  /// Nothing to do.
  LoopHooks NONE =
      new LoopHooks() {
        @Override
        public void turnBegins() {}

        @Override
        public void turnEnds() {}
      };
}
