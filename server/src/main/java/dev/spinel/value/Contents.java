package dev.spinel.value;

/// Takes the contents of a value, piece by piece: the same pieces whatever its encoding. A piece
/// may be as long as a string may be; its run is good until the call returns.
public interface Contents {
  /// A piece whose place matters: a string, an element of a list.
  void next(ByteRun piece);

  /// One of many that have no order, in its parts: a member; a member and its score; a field and
  /// its value.
  void member(ByteRun... parts);

  /// The same for a field that expires at a time, in milliseconds since 1970.
  default void timed(long millis, ByteRun... parts) {
    member(parts);
  }
}
