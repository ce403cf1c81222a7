package dev.spinel.sentinel;

import dev.spinel.sentinel.SentinelAction.Level;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Votes for the Sentinel that leads a failover. Each Sentinel votes once in an epoch, for whoever
/// asks first; a leader has the votes of a majority of all Sentinels ever seen, and of the quorum.
final class Leadership {
  private static final int DESYNC = 1000;

  private final SentinelMachine machine;

  Leadership(SentinelMachine machine) {
    this.machine = machine;
  }

  /// Votes for a Sentinel, if this one has no later vote. Its vote is then in the primary's
  /// `leader` and `leaderEpoch`, and it is saved.
  ///
  /// @return whether something was saved, so that what tells of the vote must wait for it
  boolean vote(WatchedPrimary primary, long epoch, String candidate) {
    boolean saves = false;
    if (epoch > machine.epoch) {
      machine.epoch = epoch;
      machine.save();
      saves = true;
      machine.happened(Level.WARNING, "+new-epoch", primary, Long.toString(epoch));
    }
    if (primary.leaderEpoch < epoch && machine.epoch <= epoch) {
      primary.leader = candidate;
      primary.leaderEpoch = machine.epoch;
      primary.voteIsUnsaved = true;
      machine.save();
      saves = true;
      machine.happened(
          Level.WARNING, "+vote-for-leader", primary, candidate + " " + primary.leaderEpoch);
      if (!candidate.equalsIgnoreCase(machine.id)) {
        primary.failoverAt = machine.now() + machine.random.nextInt(DESYNC);
        primary.retryAt = 0;
        primary.lackedReplica = false;
      }
    }
    return saves;
  }

  /// What became of the last save: a vote that isn't on the disk is none.
  void saved(boolean succeeded) {
    for (WatchedPrimary primary : machine.primaries.values()) {
      if (primary.voteIsUnsaved) {
        if (succeeded) {
          primary.voteIsUnsaved = false;
          machine.act(primary); // our own vote counts from now on
          machine.failover.switchIfDone(primary);
        }
      }
    }
  }

  /// How an election stands.
  ///
  /// @param leader or null if nobody has enough votes
  /// @param isSplit whether nobody can get enough any more, though enough are there
  record Count(@Nullable String leader, boolean isSplit) {}

  /// Counts the votes of an epoch. If this Sentinel hasn't voted it does so now: for whoever has
  /// most votes, else for itself.
  Count count(WatchedPrimary primary, long epoch) {
    Map<String, Integer> votes = new HashMap<>();
    int open = 0;
    int told = 0;
    for (FellowSentinel sentinel : primary.sentinels.values()) {
      if (sentinel.leader != null && sentinel.leaderEpoch == epoch) {
        votes.merge(sentinel.leader, 1, Integer::sum);
        told++;
      } else if (!sentinel.isDown) {
        open++;
      }
    }
    String ahead = most(votes);
    vote(primary, epoch, ahead == null ? machine.id : ahead);
    boolean voted = primary.leader != null && primary.leaderEpoch == epoch;
    if (voted && primary.leader != null) {
      if (primary.voteIsUnsaved) {
        open++;
      } else {
        votes.merge(primary.leader, 1, Integer::sum);
        told++;
      }
    }
    ahead = most(votes);
    int most = ahead == null ? 0 : votes.getOrDefault(ahead, 0);
    int needed = primary.votesNeeded();
    boolean isSplit = most + open < needed && told + open >= needed;
    return new Count(most >= needed ? ahead : null, isSplit);
  }

  private static @Nullable String most(Map<String, Integer> votes) {
    String ahead = null;
    int most = 0;
    for (Map.Entry<String, Integer> each : votes.entrySet()) {
      boolean wins =
          each.getValue() > most
              || (each.getValue() == most && ahead != null && each.getKey().compareTo(ahead) < 0);
      if (wins) {
        ahead = each.getKey();
        most = each.getValue();
      }
    }
    return ahead;
  }
}
