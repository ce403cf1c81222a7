package dev.spinel.engine;

/// The settings that handlers read, as plain fields. Written by the assembly when the configuration
/// changes, without order among them; read racily, which is as good as the command having come a
/// moment earlier.
public final class Limits {
  public long maxBulkBytes = 512L << 20;
  public int hashMaxListpackEntries = 128;
  public int hashMaxListpackValue = 64;
  public int listMaxListpackSize = -2;
  public int setMaxIntsetEntries = 512;
  public boolean lazyUserDelete;
  public boolean lazyUserFlush;
  public boolean lazyServerDelete;
  public boolean lazyExpire;
  public boolean lazyEviction;
  public boolean lfu;

  /// Whether OBJECT REFCOUNT shows small integers as shared: an access time each would forbid that.
  public boolean sharesIntegers = true;

  public int lfuLogFactor = 10;
  public int lfuDecayMinutes = 1;

  /// Bits of [Events]; 0 = nothing is notified.
  public int notify;

  public long slowlogMicros = 10_000;
}
