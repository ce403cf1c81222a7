package dev.spinel.value;

/// Takes the contents of a value, piece by piece: the same pieces whatever its encoding. For
/// digests and comparisons, which may copy everything.
public interface Contents {
  /// A piece whose place matters: a string, an element of a list.
  void next(byte[] piece);

  /// One of many that have no order, in its parts: a member; a field and its value.
  void member(byte[]... parts);
}
