package dev.spinel.cli;

import dev.spinel.wire.RespValue;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/// Has slots moved whole by their nodes (`CLUSTER MIGRATION`), where both ends and their replicas
/// can. Whoever calls moves them key by key otherwise ([SlotMover]), and where the user wants that.
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
  private static final long GIVEN_UP_MILLIS = 10_000;
  private static final int ATTEMPTS = 50;

  private final ClusterOptions options;
  private boolean isPossible = true; // no node has said otherwise
  private String reason = "";

  WholeMover(ClusterOptions options) {
    this.options = options;
  }

  boolean isAllowed() {
    return isPossible && !options.keyByKey;
  }

  /// Why the last slots that [Outcome#NOT_SO] was answered for didn't move whole, though their
  /// nodes know how to; empty if they don't, or a user doesn't want it.
  String reason() {
    return isAllowed() ? reason : "";
  }

  /// Waits until the slots have moved, and the source has deleted what is left of them, or they
  /// won't move.
  Outcome move(Peer from, Peer to, BitSet slots) {
    reason = "";
    if (!isAllowed() || slots.isEmpty()) {
      return Outcome.NOT_SO;
    }
    List<String> command = new ArrayList<>(List.of("CLUSTER", "MIGRATION", "IMPORT"));
    for (int first = slots.nextSetBit(0); first >= 0; ) {
      int end = slots.nextClearBit(first);
      command.add(Integer.toString(first));
      command.add(Integer.toString(end - 1));
      first = slots.nextSetBit(end);
    }
    for (int attempt = 1; ; attempt++) {
      RespValue begun = to.ask(command.toArray(new String[0]));
      if (begun == null) {
        return Outcome.UNKNOWN;
      }
      if (begun instanceof RespValue.Error error) {
        // a stock server, or one of ours with a stock peer: never; else there was another reason
        reason = error.text();
        String why = reason.toLowerCase(Locale.ROOT);
        isPossible = !why.contains("unknown") && !why.contains("use migrate");
        return Outcome.NOT_SO;
      }
      Outcome outcome = await(to, Form.textOf(begun));
      if (outcome == Outcome.MOVED) {
        awaitPurged(from);
      }
      boolean isBusy = reason.contains("just now"); // the source ends its last move
      if (outcome == Outcome.MOVED || !awaitPurged(to) || !isBusy || attempt == ATTEMPTS) {
        return outcome;
      }
    }
  }

  private Outcome await(Peer to, String id) {
    long retracting = 0;
    reason = "";
    while (true) {
      RespValue reply = to.ask("CLUSTER", "MIGRATION", "STATUS", "ID", id);
      if (reply == null || reply instanceof RespValue.Error || reply.elements().isEmpty()) {
        return Outcome.UNKNOWN; // the target was restarted: it has forgotten the move
      }
      int completed = 0;
      int failed = 0;
      for (RespValue move : reply.elements()) {
        String state = field(move, "state");
        completed += state.equals("completed") ? 1 : 0;
        if (state.equals("failed") || state.equals("cancelled")) {
          failed++;
          reason = field(move, "last_error");
        } else if (state.equals("retracting") && ++retracting * LOOK_MILLIS > GIVEN_UP_MILLIS) {
          failed++; // the slots stay where they were; copies go once a replica is back
        }
      }
      if (completed + failed >= reply.elements().size()) {
        return failed == 0 ? Outcome.MOVED : Outcome.NOT_SO;
      }
      if (!pause()) {
        return Outcome.UNKNOWN;
      }
    }
  }

  /// What came of a move that has failed goes in small steps; before, nothing can be done with
  /// these slots. Returns false if the node doesn't answer.
  private static boolean awaitPurged(Peer to) {
    for (long waited = 0; waited < GIVEN_UP_MILLIS; waited += LOOK_MILLIS) {
      String info = Peer.textOf(to.ask("INFO", "cluster"));
      if (info == null) {
        return false;
      }
      if (info.contains("cluster_slots_hidden:0") && info.contains("cluster_slot_exports:0")
          || !pause()) {
        return true;
      }
    }
    return true;
  }

  private static boolean pause() {
    try {
      Thread.sleep(LOOK_MILLIS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static String field(RespValue move, String name) {
    List<RespValue> fields = move.elements();
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      if (Form.textOf(fields.get(i)).equals(name)) {
        return Form.textOf(fields.get(i + 1));
      }
    }
    return "";
  }
}
