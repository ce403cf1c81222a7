package dev.spinel.rdb;

/// What was read is not what an RDB stream may have at that place. Nothing of it has become data.
public final class RdbException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /// What kind of fault it is.
  public enum Fault {
    /// The stream ends too early.
    TRUNCATED,
    /// The bytes make no sense.
    CORRUPT,
    /// They do, but this program can't hold what they say.
    UNSUPPORTED,
    /// They say a value without elements, which no key has.
    EMPTY
  }

  private final Fault fault;
  private final long offset;

  RdbException(Fault fault, long offset, String expected) {
    super(expected, null, false, false);
    this.fault = fault;
    this.offset = offset;
  }

  public Fault fault() {
    return fault;
  }

  /// How many bytes of the stream had been read.
  public long offset() {
    return offset;
  }

  /// What was found, and what was expected in its place.
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
