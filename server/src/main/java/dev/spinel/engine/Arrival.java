package dev.spinel.engine;

/// What a key waits for that has come from another node of the cluster, before that node is told
/// so: it deletes its own then. The handler that asks to wait has written the key already, and said
/// what its effect is; when it runs again it only replies.
public interface Arrival extends Condition {
  @Override
  default boolean isAskedFor() {
    return false;
  }

  @Override
  default boolean startsOver() {
    return false;
  }
}
