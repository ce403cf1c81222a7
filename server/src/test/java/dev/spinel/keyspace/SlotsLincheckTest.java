package dev.spinel.keyspace;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.Test;

/// What stands under slot locks changes as if one operation came after the other, also where it
/// stands under several, taken in ascending order. The fields are plain: only the locks order them.
public class SlotsLincheckTest {
  private static final int LOW = 3;
  private static final int HIGH = 4;

  private final Slots slots = new Slots(Schedule.FREE);
  private int low = 10;
  private int high = 10;

  private static int me() {
    return (int) Thread.currentThread().threadId();
  }

  @Operation
  public int add() {
    slots.lock(LOW, me());
    int now = ++low;
    slots.unlock(LOW, me());
    return now;
  }

  @Operation
  public int move() {
    slots.lock(LOW, me());
    slots.lock(HIGH, me());
    low--;
    int now = ++high;
    slots.unlock(HIGH, me());
    slots.unlock(LOW, me());
    return now;
  }

  @Operation
  public int total() {
    slots.lock(LOW, me());
    slots.lock(HIGH, me());
    int sum = low + high;
    slots.unlock(HIGH, me());
    slots.unlock(LOW, me());
    return sum;
  }

  @Operation
  public int tryAdd() {
    while (!slots.tryLock(HIGH, me())) {
      Thread.onSpinWait();
    }
    int now = ++high;
    slots.unlock(HIGH, me());
    return now;
  }

  @Test
  void excludeUnderEveryInterleaving() {
    new ModelCheckingOptions()
        .iterations(8)
        .invocationsPerIteration(200)
        .threads(3)
        .actorsPerThread(2)
        .check(getClass());
  }

  @Test
  void excludeUnderStress() {
    new StressOptions()
        .iterations(5)
        .invocationsPerIteration(200)
        .threads(3)
        .actorsPerThread(3)
        .check(getClass());
  }
}
