package dev.spinel.value;

import dev.spinel.memory.Allocator;
import dev.spinel.memory.Memory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/// Walks an [OrderedTree] and checks that nodes are of the size that references say and no larger
/// than need be, that counts and first cells of inner cells are true, and that keys ascend.
final class OrderedTreeVerifier {
  /// @param at its address in the leaf
  record Cell(long key, long word, long at) {}

  private final Memory m;
  private final Allocator allocator;
  private final OrderedTree tree;
  private final LongConsumer nodes;
  private final boolean refused;
  private final List<Cell> cells = new ArrayList<>();

  /// Of a tree with plain cells.
  ///
  /// @param nodes takes the address of each node
  /// @param refused memory was refused: nodes may be larger than they need be
  OrderedTreeVerifier(Memory m, Allocator allocator, LongConsumer nodes, boolean refused) {
    this(m, allocator, OrderedTree.PLAIN_CELL, nodes, refused);
  }

  OrderedTreeVerifier(
      Memory m, Allocator allocator, int leafBytes, LongConsumer nodes, boolean refused) {
    this.m = m;
    this.allocator = allocator;
    this.tree = new OrderedTree(m, allocator, leafBytes, Sharing.NOTHING);
    this.nodes = nodes;
    this.refused = refused;
  }

  /// All cells in order.
  List<Cell> verify(long rootAt) {
    long ref = m.getLong(rootAt);
    long count = tree.count(rootAt);
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
    int needed = tree.linesFor(level, n);
    check(lines >= needed && (refused || lines <= needed + 3), lines + " lines for " + needed);
    if (level == 0) {
      check(count == n, "count of a leaf");
      for (int i = 0; i < n; i++) {
        long at = address + (long) i * tree.cellBytes(0);
        Cell cell = new Cell(m.getLong(at), m.getLong(at + 8), at);
        if (!cells.isEmpty()) check(cells.getLast().key <= cell.key, "order of keys");
        cells.add(cell);
      }
      return;
    }
    long sum = 0;
    for (int i = 0; i < n; i++) {
      long at = address + ((long) i << OrderedTree.INNER_SHIFT);
      long child = m.getLong(at + 16);
      long below = tree.count(at + 16);
      check(OrderedTree.level(child) == level - 1, "level of a child");
      int first = cells.size();
      node(child, below, false);
      check(cells.size() - first == below, "count of an inner cell");
      Cell cell = cells.get(first);
      check(
          cell.key == m.getLong(at) && cell.word == m.getLong(at + 8),
          "first cell below an inner cell");
      sum += below;
    }
    check(sum == count, "count above an inner node");
  }

  private static void check(boolean good, String what) {
    if (!good) throw new AssertionError(what);
  }
}
