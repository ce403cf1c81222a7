package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/// Walks an [OrderedTree] and checks that nodes are of the size that references say and no larger
/// than need be, that counts and first cells of inner cells are true, and that keys ascend.
final class OrderedTreeVerifier {
  record Cell(long key, long word) {}

  private final Memory m;
  private final Allocator allocator;
  private final LongConsumer nodes;
  private final boolean refused;
  private final List<Cell> cells = new ArrayList<>();

  /// @param nodes takes the address of each node
  /// @param refused memory was refused: nodes may be larger than they need be
  OrderedTreeVerifier(Memory m, Allocator allocator, LongConsumer nodes, boolean refused) {
    this.m = m;
    this.allocator = allocator;
    this.nodes = nodes;
    this.refused = refused;
  }

  /// All cells in order.
  List<Cell> verify(long rootAt) {
    long ref = m.getLong(rootAt);
    long count = m.getLong(rootAt + 8);
    if (ref == 0) {
      check(count == 0, "a count without a node");
      return cells;
    }
    if (OrderedTree.level(ref) > 0)
      check(refused || OrderedTree.cells(ref) > 1, "a root of one child");
    node(ref, count, count == 0);
    return cells;
  }

  private void node(long ref, long count, boolean mayBeEmpty) {
    long address = OrderedTree.address(ref);
    int level = OrderedTree.level(ref);
    int n = OrderedTree.cells(ref);
    int lines = OrderedTree.lines(ref);
    nodes.accept(address);
    check(allocator.capacity(address) == lines << 6, "lines of a node");
    check(n <= OrderedTree.MAX && (n > 0 || mayBeEmpty), "cells of a node");
    int needed = OrderedTree.linesFor(level, n);
    check(lines >= needed && (refused || lines <= needed + 3), lines + " lines for " + needed);
    if (level == 0) {
      check(count == n, "count of a leaf");
      for (int i = 0; i < n; i++) {
        long at = address + ((long) i << OrderedTree.LEAF_SHIFT);
        Cell cell = new Cell(m.getLong(at), m.getLong(at + 8));
        if (!cells.isEmpty()) check(cells.getLast().key <= cell.key, "order of keys");
        cells.add(cell);
      }
      return;
    }
    long sum = 0;
    for (int i = 0; i < n; i++) {
      long at = address + ((long) i << OrderedTree.INNER_SHIFT);
      long child = m.getLong(at + 16);
      long below = m.getLong(at + 24);
      check(OrderedTree.level(child) == level - 1, "level of a child");
      int first = cells.size();
      node(child, below, false);
      check(cells.size() - first == below, "count of an inner cell");
      Cell cell = new Cell(m.getLong(at), m.getLong(at + 8));
      check(cells.get(first).equals(cell), "first cell below an inner cell");
      sum += below;
    }
    check(sum == count, "count above an inner node");
  }

  private static void check(boolean good, String what) {
    if (!good) throw new AssertionError(what);
  }
}
