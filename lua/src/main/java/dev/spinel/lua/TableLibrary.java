package dev.spinel.lua;

import org.jspecify.annotations.Nullable;

/// The table `table`.
final class TableLibrary {
  private TableLibrary() {}

  static void open(Lua lua) {
    lua.library(
        "table",
        table -> {
          table.set("concat", lua.function(TableLibrary::concat));
          table.set("foreach", lua.function(TableLibrary::forEach));
          table.set("foreachi", lua.function(TableLibrary::forEachListed));
          table.set("getn", lua.function(call -> call.ret((double) call.table(1).length())));
          table.set("insert", lua.function(TableLibrary::insert));
          table.set("maxn", lua.function(TableLibrary::greatestKey));
          table.set("remove", lua.function(TableLibrary::remove));
          table.set("setn", lua.function(TableLibrary::setLength));
          table.set("sort", lua.function(TableLibrary::sort));
        });
  }

  private static void concat(LuaCall call) {
    LuaString separator = call.string(2, LuaString.EMPTY);
    LuaTable table = call.table(1);
    int i = (int) call.integer(3, 1);
    int last = call.isNil(4) ? (int) table.length() : (int) call.integer(4);
    LuaBuffer all = call.lua().buffer();
    for (; i < last; i++) {
      addField(call, all, table, i);
      all.put(separator);
      call.lua().step(1);
    }
    if (i == last) addField(call, all, table, i);
    call.ret(all.toLuaString());
  }

  private static void addField(LuaCall call, LuaBuffer all, LuaTable table, int i) {
    Object value = table.get((long) i);
    LuaString text = Lua.toText(value);
    if (text == null) {
      String type = Lua.typeName(value);
      throw call.error("invalid value (" + type + ") at index " + i + " in table for 'concat'");
    }
    all.put(text);
  }

  private static void forEach(LuaCall call) {
    LuaTable table = call.table(1);
    LuaFunction function = call.function(2);
    Object key = null;
    while (true) {
      int at = table.nextUsed(table.position(key));
      if (at == 0) return;
      Object next = table.keyAt(at);
      key = next == null ? (Double) (double) at : next;
      Object result = call.lua().invoke(call, function, key, table.valueAt(at));
      if (result != null) {
        call.results.add(result);
        return;
      }
    }
  }

  private static void forEachListed(LuaCall call) {
    LuaTable table = call.table(1);
    int count = (int) table.length();
    LuaFunction function = call.function(2);
    for (int i = 1; i <= count; i++) {
      Object result = call.lua().invoke(call, function, (double) i, table.get((long) i));
      if (result != null) {
        call.results.add(result);
        return;
      }
    }
  }

  private static void greatestKey(LuaCall call) {
    double[] greatest = new double[1];
    call.table(1)
        .forEach(
            (key, value) -> {
              if (key instanceof Double number && number > greatest[0]) greatest[0] = number;
              return true;
            });
    call.ret(greatest[0]);
  }

  private static void insert(LuaCall call) {
    LuaTable table = call.table(1);
    int end = (int) table.length() + 1;
    int position = end;
    switch (call.count()) {
      case 2 -> {}
      case 3 -> {
        position = (int) call.integer(2);
        if (position > end) end = position;
        call.lua().step(Math.max(0, end - (long) position));
        for (int i = end; i > position; i--) table.set((long) i, table.get((long) i - 1));
      }
      default -> throw call.error("wrong number of arguments to 'insert'");
    }
    table.set((long) position, call.get(call.count()));
  }

  private static void remove(LuaCall call) {
    LuaTable table = call.table(1);
    int end = (int) table.length();
    int position = (int) call.integer(2, end);
    if (position < 1 || position > end) return;
    Object removed = table.get((long) position);
    call.lua().step(end - (long) position);
    for (int i = position; i < end; i++) table.set((long) i, table.get((long) i + 1));
    table.set((long) end, null);
    call.results.add(removed);
  }

  private static void setLength(LuaCall call) {
    call.table(1);
    throw call.error("'setn' is obsolete");
  }

  // ── sort ──

  private static void sort(LuaCall call) {
    LuaTable table = call.table(1);
    int count = (int) table.length();
    Object order = call.isNil(2) ? null : call.function(2);
    new Sort(call, table, order).run(1, count);
  }

  /// Quicksort with the median of three as pivot, as C Lua does it: which pairs are compared, in
  /// which order, and what an order that contradicts itself leads to, is the same.
  private record Sort(LuaCall call, LuaTable table, @Nullable Object order) {
    private @Nullable Object get(int i) {
      return table.get((long) i);
    }

    private void swap(int i, @Nullable Object atI, int j, @Nullable Object atJ) {
      table.set((long) i, atJ);
      table.set((long) j, atI);
    }

    private boolean isLess(@Nullable Object a, @Nullable Object b) {
      call.lua().step(1);
      if (order == null) return Operations.less(call, a, b);
      return ExpressionNode.isTrue(call.lua().invoke(call, order, a, b));
    }

    private LuaError invalid() {
      return call.error("invalid order function for sorting");
    }

    /// Swaps the elements at i < j if they are in the wrong order.
    private void order(int i, int j) {
      Object low = get(i);
      Object high = get(j);
      if (isLess(high, low)) swap(i, low, j, high);
    }

    void run(int first, int last) {
      int low = first;
      int high = last;
      while (low < high) {
        order(low, high);
        if (high - low == 1) return;
        int middle = (low + high) / 2;
        Object pivot = get(middle);
        Object bottom = get(low);
        if (isLess(pivot, bottom)) {
          swap(middle, pivot, low, bottom);
        } else {
          Object top = get(high);
          if (isLess(top, pivot)) swap(middle, pivot, high, top);
        }
        if (high - low == 2) return;
        int i = partition(low, high, middle);
        // The smaller part by recursion, which so is never deep; the larger one in this loop.
        if (i - low < high - i) {
          run(low, i - 1);
          low = i + 1;
        } else {
          run(i + 1, high);
          high = i - 1;
        }
      }
    }

    /// Moves the pivot to where it belongs, what isn't greater before it, what isn't less behind
    /// it.
    private int partition(int low, int high, int middle) {
      Object pivot = get(middle);
      swap(middle, pivot, high - 1, get(high - 1));
      int i = low;
      int j = high - 1;
      while (true) {
        Object left = get(++i);
        while (isLess(left, pivot)) {
          if (i > high) throw invalid();
          left = get(++i);
        }
        Object right = get(--j);
        while (isLess(pivot, right)) {
          if (j < low) throw invalid();
          right = get(--j);
        }
        if (j < i) break;
        swap(i, left, j, right);
      }
      swap(high - 1, get(high - 1), i, get(i));
      return i;
    }
  }
}
