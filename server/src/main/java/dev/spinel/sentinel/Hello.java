package dev.spinel.sentinel;

import org.jspecify.annotations.Nullable;

/// What Sentinels tell each other, through the servers that they watch and directly: who they are,
/// and where they think that the primary is.
record Hello(
    String host,
    int port,
    String id,
    long epoch,
    String primaryName,
    String primaryHost,
    int primaryPort,
    long configEpoch) {
  static final String CHANNEL = "__sentinel__:hello";

  /// Null if the text is no hello.
  static @Nullable Hello of(String text) {
    String[] parts = text.split(",", -1);
    if (parts.length != 8) {
      return null;
    }
    return new Hello(
        parts[0],
        (int) Texts.leadingNumber(parts[1]),
        parts[2],
        Texts.leadingNumber(parts[3]),
        parts[4],
        parts[5],
        (int) Texts.leadingNumber(parts[6]),
        Texts.leadingNumber(parts[7]));
  }

  String text() {
    return String.join(
        ",",
        host,
        Integer.toString(port),
        id,
        Long.toString(epoch),
        primaryName,
        primaryHost,
        Integer.toString(primaryPort),
        Long.toString(configEpoch));
  }
}
