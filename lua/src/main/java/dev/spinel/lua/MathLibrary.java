package dev.spinel.lua;

import java.util.function.DoubleUnaryOperator;

/// The table `math`.
final class MathLibrary {
  private MathLibrary() {}

  static void open(Lua lua) {
    lua.library(
        "math",
        table -> {
          function(lua, table, "abs", Math::abs);
          function(lua, table, "acos", x -> odd(Math.acos(x), x, Double.NaN));
          function(lua, table, "asin", x -> odd(Math.asin(x), x, Double.NaN));
          function(lua, table, "atan", Math::atan);
          set(lua, table, "atan2", MathLibrary::atan2);
          function(lua, table, "ceil", Math::ceil);
          function(lua, table, "cos", x -> odd(Math.cos(x), x, Arithmetic.NAN));
          function(lua, table, "cosh", Math::cosh);
          function(lua, table, "deg", x -> x / (Math.PI / 180));
          function(lua, table, "exp", Math::exp);
          function(lua, table, "floor", Math::floor);
          set(lua, table, "fmod", MathLibrary::fmod);
          table.set("mod", table.get("fmod"));
          set(lua, table, "frexp", MathLibrary::frexp);
          set(lua, table, "ldexp", MathLibrary::ldexp);
          function(lua, table, "log", x -> odd(Math.log(x), x, Arithmetic.NAN));
          function(lua, table, "log10", x -> odd(Math.log10(x), x, Double.NaN));
          set(lua, table, "max", call -> extreme(call, 1));
          set(lua, table, "min", call -> extreme(call, -1));
          set(lua, table, "modf", MathLibrary::modf);
          set(lua, table, "pow", MathLibrary::pow);
          function(lua, table, "rad", x -> x * (Math.PI / 180));
          set(lua, table, "random", MathLibrary::random);
          set(lua, table, "randomseed", call -> call.lua().seed((int) call.integer(1)));
          function(lua, table, "sin", x -> odd(Math.sin(x), x, Arithmetic.NAN));
          function(lua, table, "sinh", Math::sinh);
          function(lua, table, "sqrt", x -> odd(Math.sqrt(x), x, Arithmetic.NAN));
          function(lua, table, "tan", x -> odd(Math.tan(x), x, Arithmetic.NAN));
          function(lua, table, "tanh", Math::tanh);
          table.set("pi", (Double) Math.PI);
          table.set("huge", (Double) Double.POSITIVE_INFINITY);
        });
  }

  private static void set(Lua lua, LuaTable table, String name, HostFunction body) {
    table.set(name, lua.function(body));
  }

  private static void function(Lua lua, LuaTable table, String name, DoubleUnaryOperator function) {
    set(lua, table, name, call -> call.ret(function.applyAsDouble(call.number(1))));
  }

  /// The result of a function at `x`; where it has none, `nan`, which has the sign that C's has.
  private static double odd(double result, double x, double nan) {
    return !Double.isNaN(result) || Double.isNaN(x) ? result : nan;
  }

  // Of two arguments C looks at the second one first, so that is the one that it complains about.

  private static void fmod(LuaCall call) {
    double y = call.number(2);
    double x = call.number(1);
    call.ret(Arithmetic.nan(x % y, x, y));
  }

  private static void atan2(LuaCall call) {
    double x = call.number(2);
    call.ret(Math.atan2(call.number(1), x));
  }

  private static void pow(LuaCall call) {
    double y = call.number(2);
    call.ret(Arithmetic.pow(call.number(1), y));
  }

  private static void ldexp(LuaCall call) {
    int exponent = (int) call.integer(2);
    call.ret(Math.scalb(call.number(1), exponent));
  }

  private static void modf(LuaCall call) {
    double x = call.number(1);
    double whole = x < 0 ? Math.ceil(x) : Math.floor(x);
    call.ret(whole);
    call.ret(Math.copySign(Double.isInfinite(x) ? 0 : x - whole, x));
  }

  private static void frexp(LuaCall call) {
    double x = call.number(1);
    if (x == 0 || Double.isNaN(x) || Double.isInfinite(x)) {
      call.ret(x);
      call.ret(0.0);
      return;
    }
    boolean tiny = Math.abs(x) < Double.MIN_NORMAL;
    double scaled = tiny ? x * 0x1p54 : x;
    int exponent = Math.getExponent(scaled) + 1;
    call.ret(Math.scalb(scaled, -exponent));
    call.ret((double) (tiny ? exponent - 54 : exponent));
  }

  private static void extreme(LuaCall call, int sign) {
    double found = call.number(1);
    for (int i = 2; i <= call.count(); i++) {
      double next = call.number(i);
      if (sign > 0 ? next > found : next < found) found = next;
    }
    call.ret(found);
  }

  private static void random(LuaCall call) {
    double chance = (double) (call.lua().random.next() % Random48.BOUND) / Random48.BOUND;
    switch (call.count()) {
      case 0 -> call.ret(chance);
      case 1 -> {
        int high = (int) call.integer(1);
        if (high < 1) throw call.argumentError(1, "interval is empty");
        call.ret(Math.floor(chance * high) + 1);
      }
      case 2 -> {
        int low = (int) call.integer(1);
        int high = (int) call.integer(2);
        if (low > high) throw call.argumentError(2, "interval is empty");
        call.ret(Math.floor(chance * (high - low + 1)) + low);
      }
      default -> throw call.error("wrong number of arguments");
    }
  }
}
