package dev.spinel.net;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// The mailbox is a linearizable queue for any number of posters and one reader, if the reader
/// waits, as a loop does over its turns, for a letter that is half posted.
public class MailboxLincheckTest {
  private final Mailbox mailbox = new Mailbox();
  private int read;

  @Operation
  public void post(int number) {
    mailbox.post(() -> read = number);
  }

  @Operation(nonParallelGroup = "reader")
  public @Nullable Integer take() {
    while (true) {
      var message = mailbox.take(mailbox.mark());
      if (message != null) {
        message.run();
        return read;
      }
      if (mailbox.isEmpty()) {
        return null;
      }
      Thread.onSpinWait();
    }
  }

  @Operation(nonParallelGroup = "reader")
  public boolean isEmpty() {
    return mailbox.isEmpty();
  }

  @Test
  void isAQueueUnderEveryInterleaving() {
    new ModelCheckingOptions()
        .iterations(20)
        .invocationsPerIteration(500)
        .threads(3)
        .actorsPerThread(3)
        .check(getClass());
  }

  @Test
  void isAQueueUnderStress() {
    new StressOptions()
        .iterations(20)
        .invocationsPerIteration(1000)
        .threads(3)
        .actorsPerThread(3)
        .check(getClass());
  }
}
