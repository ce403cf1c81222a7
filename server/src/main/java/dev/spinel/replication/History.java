package dev.spinel.replication;

/// Of which history this server's data is: the replication id, and the one that it had before.
///
/// ```
///   id2 ──────────────┐ secondOffset: the first byte that isn't shared any more
///   id  ──────────────┴────────────────────► (offset)
/// ```
///
/// Two servers with the same id and offset have the same data. A replica that is promoted begins a
/// new history (*shift*): its id becomes the second one, valid up to there, so that other replicas
/// of the old primary can go on with it by a partial resynchronization. An id that no replica can
/// have any more is never used again: whoever writes without counting bytes changes it.
///
/// Belongs to the machine.
public final class History {
  /// The second id of a history that has no past.
  public static final String NONE = "0".repeat(40);

  private String id;
  private String secondId = NONE;
  private long secondOffset = -1;

  public History(String id) {
    this.id = id;
  }

  public String id() {
    return id;
  }

  public String secondId() {
    return secondId;
  }

  /// The first byte that the second id isn't good for, or -1.
  public long secondOffset() {
    return secondOffset;
  }

  /// A new history without a past.
  void begin(String newId) {
    id = newId;
    secondId = NONE;
    secondOffset = -1;
  }

  /// A new history that shares the bytes up to `offset` with the one so far.
  void shift(String newId, long offset) {
    second(id, offset);
    id = newId;
  }

  /// The primary goes on under a new id, from `offset` on.
  void follow(String newId, String oldId, long offset) {
    second(oldId, offset);
    id = newId;
  }

  /// The data up to `offset` was of this history, before this server began one of its own.
  void second(String oldId, long offset) {
    secondId = oldId;
    secondOffset = offset + 1;
  }

  /// Whether the history that is asked for agrees with this one before byte `offset`.
  public boolean shares(String asked, long offset) {
    return asked.equalsIgnoreCase(id)
        || (asked.equalsIgnoreCase(secondId) && offset <= secondOffset);
  }
}
