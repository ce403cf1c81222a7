package dev.spinel.value;

/// Dictionaries whose headers exist only while they hold something: those of the slots. A [Place]
/// in one of them asks here for its header whenever that may have become another.
///
/// One per seat; each verb needs the slot's lock.
public interface Tables {
  /// The table's header, 0 if it holds nothing.
  long header(int database, int slot);

  /// The table's header, made if there is none.
  long make(int database, int slot);

  /// The table became empty: its header goes, unless a walk still needs it.
  void emptied(int database, int slot);
}
