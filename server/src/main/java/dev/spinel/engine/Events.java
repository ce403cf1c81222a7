package dev.spinel.engine;

import dev.spinel.config.KeyspaceEvents;

/// Classes of keyspace events, by the names that handlers use; the bits are those of
/// `notify-keyspace-events`.
public final class Events {
  /// Of a change that is none of the events that Redis tells.
  public static final int NONE = 0;

  public static final int KEYSPACE = KeyspaceEvents.KEYSPACE;
  public static final int KEYEVENT = KeyspaceEvents.KEYEVENT;
  public static final int GENERIC = KeyspaceEvents.GENERIC;
  public static final int STRING = KeyspaceEvents.STRING;
  public static final int LIST = KeyspaceEvents.LIST;
  public static final int SET = KeyspaceEvents.SET;
  public static final int HASH = KeyspaceEvents.HASH;
  public static final int ZSET = KeyspaceEvents.ZSET;
  public static final int STREAM = KeyspaceEvents.STREAM;
  public static final int EXPIRED = KeyspaceEvents.EXPIRED;
  public static final int EVICTED = KeyspaceEvents.EVICTED;
  public static final int NEW = KeyspaceEvents.NEW;
  public static final int KEY_MISS = KeyspaceEvents.MISS;

  private Events() {}
}
