package dev.spinel.value;

/// What is asked of a value without knowing what it is: one object of each type in a seat's
/// [Values], which has the table. The verbs of each type are its own, and called directly.
///
/// How the nodes of its encodings are freed, copied and moved is another table: [Owner].
interface Structure {
  /// As TYPE tells it.
  String typeName();

  /// What OBJECT ENCODING shows: one of [Entry]'s encodings.
  int encoding(long entry);

  /// Before the value at `p` gets another key, of `keyLength` bytes: an entry is one node, so what
  /// would not fit takes another shape.
  void fit(Place p, int keyLength);

  /// Tells all that is in the value.
  void contents(long entry, Contents to);
}
