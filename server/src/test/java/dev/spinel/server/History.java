package dev.spinel.server;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What several clients did at once, and whether one order of it explains every reply.
///
/// The search is Wing and Gong's with Lowe's memory of what was tried: among the operations that
/// may come next (they began before every open one ended) one is chosen whose reply the [Model]
/// allows; if that leads nowhere, the next one; a set of done operations with a state that was met
/// before isn't entered again. An operation without a response may have happened or not.
final class History {
  /// One operation: a command, or what stands between MULTI and EXEC. `from` and `to` in any unit
  /// of time; `reply` null and `to` the greatest number: its client never heard.
  record Operation(int session, List<List<String>> commands, long from, long to, String reply) {
    @Override
    public String toString() {
      return "%d %s [%d %s] %s"
          .formatted(session, commands, from, reply == null ? "-" : Long.toString(to), reply);
    }
  }

  private record Tried(BitSet done, String state) {}

  private final List<Operation> operations = new ArrayList<>();

  synchronized void add(Operation operation) {
    operations.add(operation);
  }

  int size() {
    return operations.size();
  }

  List<Operation> operations() {
    return operations;
  }

  /// Null if some order explains it all; else how far the best one came.
  String contradiction() {
    operations.sort(Comparator.comparingLong(Operation::from));
    var search = new Search();
    return search.goOn(new BitSet(), new Model(), 0) ? null : search.report();
  }

  private final class Search {
    private final Set<Tried> tried = new HashSet<>();
    private BitSet best = new BitSet();

    boolean goOn(BitSet done, Model model, int firstOpen) {
      int n = operations.size();
      while (firstOpen < n && done.get(firstOpen)) {
        firstOpen++;
      }
      long earliestEnd = Long.MAX_VALUE;
      boolean complete = true;
      for (int i = firstOpen; i < n && operations.get(i).from() < earliestEnd; i++) {
        if (!done.get(i)) {
          earliestEnd = Math.min(earliestEnd, operations.get(i).to());
        }
      }
      for (int i = firstOpen; i < n && complete; i++) {
        complete = done.get(i) || operations.get(i).reply() == null;
      }
      if (complete) {
        return true;
      }
      if (done.cardinality() > best.cardinality()) {
        best = (BitSet) done.clone();
      }
      if (!tried.add(new Tried((BitSet) done.clone(), model.state()))) {
        return false;
      }
      for (int i = firstOpen; i < n && operations.get(i).from() < earliestEnd; i++) {
        if (!done.get(i)) {
          Model next = model.copy();
          if (next.allows(operations.get(i))) {
            done.set(i);
            if (goOn(done, next, firstOpen)) {
              return true;
            }
            done.clear(i);
          }
        }
      }
      return false;
    }

    String report() {
      StringBuilder text = new StringBuilder("no order explains these replies; the best explains ");
      text.append(best.cardinality()).append(" of ").append(operations.size()).append('\n');
      int open = best.nextClearBit(0);
      for (int i = Math.max(0, open - 12); i < Math.min(operations.size(), open + 12); i++) {
        text.append(best.get(i) ? "  ok  " : "  ??  ").append(operations.get(i)).append('\n');
      }
      return text.toString();
    }
  }
}
