package dev.spinel.wire;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Makes the arrays and objects that requests need on their way from the socket to their handler.
///
/// All of them are made here, or announced by [#point], so that a test can have any one of them
/// fail as it does when the Java heap is full. Without assertions this costs nothing.
public final class JavaHeap {
  private static volatile @Nullable Runnable before;

  private JavaHeap() {}

  public static byte[] bytes(int length) {
    assert point();
    return new byte[length];
  }

  public static int[] ints(int length) {
    assert point();
    return new int[length];
  }

  public static long[] longs(int length) {
    assert point();
    return new long[length];
  }

  public static byte[] copy(byte[] of, int length) {
    assert point();
    return Arrays.copyOf(of, length);
  }

  public static int[] copy(int[] of, int length) {
    assert point();
    return Arrays.copyOf(of, length);
  }

  public static long[] copy(long[] of, int length) {
    assert point();
    return Arrays.copyOf(of, length);
  }

  public static boolean[] copy(boolean[] of, int length) {
    assert point();
    return Arrays.copyOf(of, length);
  }

  public static <T> T[] copy(T[] of, int length) {
    assert point();
    return Arrays.copyOf(of, length);
  }

  /// Something is about to be made of the heap's memory: `assert JavaHeap.point();`. Returns true.
  public static boolean point() {
    Runnable test = before;
    if (test != null) test.run();
    return true;
  }

  /// For tests: what runs before anything is made; it may throw an `OutOfMemoryError`. Null:
  /// nothing.
  public static void before(@Nullable Runnable test) {
    before = test;
  }
}
