package dev.spinel.engine;

import java.util.List;

/// The libraries of functions as data: for whoever saves, loads or copies all that a server has.
/// They aren't in the keyspace, and FLUSHALL leaves them.
public interface LibraryStore {
  /// The texts of those that there are. In a stopped world: those of this moment.
  List<byte[]> codes();

  /// Begins to load others, which nobody sees until [Incoming#join].
  Incoming incoming();

  /// Removes all. Stopped world.
  void flush();

  /// Libraries that are being loaded. Belongs to one thread.
  interface Incoming {
    /// Loads one more. Errors: it can't be loaded, or two are called alike.
    void add(byte[] code);

    /// All of them join those that there are. Stopped world. Errors: one that is there is called
    /// like one of these; then none joins.
    ///
    /// @param replacing whether they may take the place of those of the same names
    void join(boolean replacing);

    /// None of them is going to join.
    void abandon();
  }

  /// There are none, and there can't be any.
  LibraryStore NONE =
      new LibraryStore() {
        @Override
        public List<byte[]> codes() {
          return List.of();
        }

        @Override
        public Incoming incoming() {
          throw new IllegalStateException("there can't be any libraries");
        }

        @Override
        public void flush() {}
      };
}
