package dev.spinel.persist;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Whoever has a copy of the data made for other servers. Called by the thread of the snapshot.
public interface CopyOwner {
  /// The copy shows the data of this moment. In the stopped world: returns soon.
  void cut() throws IOException;

  /// Whether it is of use to anybody. Any thread; once false it stays so.
  boolean isWanted();

  /// The copy is complete, or (`failure`) not worth anything. Exactly once.
  ///
  /// @param file where it is, if it is one
  void ended(@Nullable Throwable failure, @Nullable Path file);
}
