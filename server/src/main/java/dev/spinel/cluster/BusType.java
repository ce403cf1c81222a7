package dev.spinel.cluster;

import org.jspecify.annotations.Nullable;

/// The kinds of messages on the bus. The ordinal is the number on the wire.
public enum BusType {
  PING("ping"),
  PONG("pong"),
  MEET("meet"),
  FAIL("fail"),
  PUBLISH("publish"),
  AUTH_REQUEST("auth-req"),
  AUTH_ACK("auth-ack"),
  UPDATE("update"),
  MFSTART("mfstart"),
  MODULE("module"),
  PUBLISHSHARD("publishshard");

  private static final BusType[] ALL = values();

  private final String word;

  BusType(String word) {
    this.word = word;
  }

  /// As CLUSTER INFO counts it.
  public String word() {
    return word;
  }

  static @Nullable BusType of(int code) {
    return code < ALL.length ? ALL[code] : null;
  }

  boolean isHeartbeat() {
    return this == PING || this == PONG || this == MEET;
  }
}
