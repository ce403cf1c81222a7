package dev.spinel.lua;

import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;

/// The library `bit`: Lua BitOp 1.0.2, on 32 bits. A number counts by its lowest 32 bits, fractions
/// rounded to even, and every result is signed.
public final class BitLibrary {
  /// Added to a double of up to 51 bits, it has the sum's lowest 32 bits be those of the integer.
  private static final double TO_BITS = 0x1.8p52;

  private static final String LOWER = "0123456789abcdef";
  private static final String UPPER = "0123456789ABCDEF";
  private static final int DIGITS = 8;

  private BitLibrary() {}

  /// Puts the table `bit` into the globals.
  public static void open(Lua lua) {
    LuaTable bit = lua.table(0, 12);
    unary(lua, bit, "tobit", a -> a);
    unary(lua, bit, "bnot", a -> ~a);
    fold(lua, bit, "band", (a, b) -> a & b);
    fold(lua, bit, "bor", (a, b) -> a | b);
    fold(lua, bit, "bxor", (a, b) -> a ^ b);
    shift(lua, bit, "lshift", (a, n) -> a << n);
    shift(lua, bit, "rshift", (a, n) -> a >>> n);
    shift(lua, bit, "arshift", (a, n) -> a >> n);
    shift(lua, bit, "rol", Integer::rotateLeft);
    shift(lua, bit, "ror", Integer::rotateRight);
    unary(lua, bit, "bswap", Integer::reverseBytes);
    bit.set("tohex", lua.function(BitLibrary::tohex));
    lua.globals().set("bit", bit);
  }

  private static void unary(Lua lua, LuaTable bit, String name, IntUnaryOperator operator) {
    bit.set(name, lua.function(call -> call.ret((double) operator.applyAsInt(bits(call, 1)))));
  }

  private static void fold(Lua lua, LuaTable bit, String name, IntBinaryOperator operator) {
    bit.set(
        name,
        lua.function(
            call -> {
              int result = bits(call, 1);
              for (int i = call.count(); i > 1; i--) {
                result = operator.applyAsInt(result, bits(call, i));
              }
              call.ret((double) result);
            }));
  }

  private static void shift(Lua lua, LuaTable bit, String name, IntBinaryOperator operator) {
    bit.set(
        name,
        lua.function(
            call -> {
              int value = bits(call, 1);
              call.ret((double) operator.applyAsInt(value, bits(call, 2) & 31));
            }));
  }

  private static void tohex(LuaCall call) {
    int value = bits(call, 1);
    int wanted = call.count() < 2 ? DIGITS : bits(call, 2);
    String digits = wanted < 0 ? UPPER : LOWER;
    int count = wanted == Integer.MIN_VALUE ? DIGITS : Math.min(DIGITS, Math.abs(wanted));
    byte[] text = new byte[count];
    for (int i = count - 1; i >= 0; i--) {
      text[i] = (byte) digits.charAt(value & 15);
      value >>>= 4;
    }
    call.ret(LuaString.of(text));
  }

  private static int bits(LuaCall call, int n) {
    return (int) Double.doubleToRawLongBits(call.number(n) + TO_BITS);
  }
}
