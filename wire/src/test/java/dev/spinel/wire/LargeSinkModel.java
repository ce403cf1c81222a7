package dev.spinel.wire;

import java.util.HashMap;
import java.util.Map;

/// A sink that remembers everything, and objects to whatever is out of order.
final class LargeSinkModel implements LargeSink {
  final Map<Long, byte[]> live = new HashMap<>();
  private final Map<Long, Integer> filled = new HashMap<>();
  private long next = 1;
  boolean declines;

  @Override
  public long begin(int length) {
    if (length < RequestReader.LARGE_BYTES) throw new AssertionError("small: " + length);
    if (declines) return 0;
    live.put(next, new byte[length]);
    filled.put(next, 0);
    return next++;
  }

  @Override
  public void fill(long node, int at, byte[] src, int from, int n) {
    if (filled.get(node) != at) throw new AssertionError("a gap at " + at);
    if (n < 1) throw new AssertionError("nothing to fill");
    System.arraycopy(src, from, live.get(node), at, n);
    filled.put(node, at + n);
  }

  @Override
  public void read(long node, int at, byte[] into, int from, int n) {
    if (filled.get(node) != live.get(node).length) throw new AssertionError("incomplete");
    System.arraycopy(live.get(node), at, into, from, n);
  }

  @Override
  public void abandon(long node) {
    if (live.remove(node) == null) throw new AssertionError("abandoned twice");
    filled.remove(node);
  }

  String text(Slice s) {
    if (s.node == 0) return s.text();
    if (filled.get(s.node) != s.length) throw new AssertionError("incomplete");
    return Requests.text(live.get(s.node));
  }
}
