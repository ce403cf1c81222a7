package dev.spinel.cli;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Has slots moved whole by their nodes (`CLUSTER MIGRATION`), where both ends and their replicas
/// can and the user asked for it. Whoever calls moves them key by key otherwise ([SlotMover]).
final class WholeMover {
  /// What became of it.
  enum Outcome {
    MOVED,
    /// It can't be done so here, and nothing has changed.
    NOT_SO,
    /// A node doesn't answer any more: it isn't known.
    UNKNOWN
  }

  private static final long LOOK_MILLIS = 10;

  private boolean isPossible; // allowed, and no node has said otherwise

  void allow() {
    isPossible = true;
  }

  /// Waits until the slots have moved, or won't.
  Outcome move(Peer to, BitSet slots) {
    if (!isPossible || slots.isEmpty()) {
      return Outcome.NOT_SO;
    }
    List<String> command = new ArrayList<>(List.of("CLUSTER", "MIGRATION", "IMPORT"));
    for (int first = slots.nextSetBit(0); first >= 0; ) {
      int end = slots.nextClearBit(first);
      command.add(Integer.toString(first));
      command.add(Integer.toString(end - 1));
      first = slots.nextSetBit(end);
    }
    RespValue begun = to.ask(command.toArray(new String[0]));
    if (begun == null) {
      return Outcome.UNKNOWN;
    }
    if (begun instanceof RespValue.Error) {
      isPossible = false; // a stock server doesn't know the command; one of ours says why it can't
      return Outcome.NOT_SO;
    }
    return await(to, Form.textOf(begun));
  }

  private static Outcome await(Peer to, String id) {
    while (true) {
      RespValue reply = to.ask("CLUSTER", "MIGRATION", "STATUS", "ID", id);
      if (reply == null) {
        return Outcome.UNKNOWN;
      }
      String state = reply instanceof RespValue.Error ? null : state(reply);
      if (state == null) {
        return Outcome.UNKNOWN; // the target was restarted: it has forgotten the move
      }
      switch (state) {
        case "completed" -> {
          return Outcome.MOVED;
        }
        case "failed", "cancelled" -> {
          return Outcome.NOT_SO;
        }
        default -> {
          try {
            Thread.sleep(LOOK_MILLIS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Outcome.UNKNOWN;
          }
        }
      }
    }
  }

  private static @Nullable String state(RespValue reply) {
    for (RespValue move : reply.elements()) {
      List<RespValue> fields = move.elements();
      for (int i = 0; i + 1 < fields.size(); i += 2) {
        if (Form.textOf(fields.get(i)).equals("state")) {
          return Form.textOf(fields.get(i + 1));
        }
      }
    }
    return null;
  }
}
