package dev.spinel.cli.benchmark;

import dev.spinel.wire.KeySlot;
import java.nio.charset.StandardCharsets;

/// A primary of the cluster that is loaded, and tags of keys that belong to it. Any thread.
final class TargetNode {
  private static final String LETTERS =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

  /// Three letters for each slot. Without capitals some slots would have none.
  private static final byte[][] TAGS = new byte[16384][];

  static {
    byte[] letters = LETTERS.getBytes(StandardCharsets.US_ASCII);
    for (byte a : letters) {
      for (byte b : letters) {
        for (byte c : letters) {
          byte[] tag = {a, b, c};
          TAGS[KeySlot.of(tag, 0, tag.length)] = tag;
        }
      }
    }
  }

  final String id;
  final String host;
  final int port;
  private volatile int[] slots;
  private int next; // races are harmless: any of its slots will do

  TargetNode(String id, String host, int port, int[] slots) {
    this.id = id;
    this.host = host;
    this.port = port;
    this.slots = slots;
  }

  void slots(int[] changed) {
    slots = changed;
  }

  /// The tag of one of its slots, another one each time.
  byte[] nextTag() {
    int[] all = slots;
    int at = next;
    next = at + 1;
    return TAGS[all[Math.floorMod(at, all.length)]];
  }

  String address() {
    return host + ":" + port;
  }
}
