package dev.spinel.persist;

/// Who else is to be ready before the server ends: replicas, which are to have its last writes.
public interface BeforeEnd {
  /// The end is wanted. Returns whether it has to wait. Stopped world.
  boolean begins();

  /// Whether it doesn't have to wait any more. Any thread.
  boolean isOver();

  /// The end doesn't come, after all. Any thread.
  void takenBack();

  /// The end comes: what there is to say to the log. Stopped world.
  void comes();

  /// Of a server on its own.
  BeforeEnd NOBODY =
      new BeforeEnd() {
        @Override
        public boolean begins() {
          return false;
        }

        @Override
        public boolean isOver() {
          return true;
        }

        @Override
        public void takenBack() {}

        @Override
        public void comes() {}
      };
}
