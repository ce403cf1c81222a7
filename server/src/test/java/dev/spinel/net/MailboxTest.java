package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Crowd;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MailboxTest {
  private final Mailbox mailbox = new Mailbox();

  @Test
  void messagesComeInTheOrderOfPosting() {
    var seen = new ArrayList<Integer>();
    for (int i = 0; i < 1000; i++) {
      int number = i;
      mailbox.post(() -> seen.add(number));
    }
    assertThat(mailbox.isEmpty()).isFalse();
    readAll();
    assertThat(mailbox.isEmpty()).isTrue();
    assertThat(seen).hasSize(1000).isSorted();
  }

  @Test
  void whatIsPostedWhileReadingWaitsForTheNextReading() {
    var seen = new ArrayList<String>();
    mailbox.post(
        () -> {
          seen.add("first");
          mailbox.post(() -> seen.add("later"));
        });
    mailbox.post(() -> seen.add("second"));
    readAll();
    assertThat(seen).containsExactly("first", "second");
    assertThat(mailbox.isEmpty()).isFalse();
    readAll();
    assertThat(seen).containsExactly("first", "second", "later");
  }

  @Test
  void anEmptyMailboxGivesNothing() {
    assertThat(mailbox.take(mailbox.mark())).isNull();
  }

  @Test
  void eachOfManyPostersSeesItsOrderKeptAndNothingIsLost() throws InterruptedException {
    int posters = 8;
    int each = 100_000;
    var next = new int[posters];
    var outOfOrder = new ArrayList<String>();
    var crowd =
        Crowd.of(
            posters,
            poster -> {
              for (int i = 0; i < each; i++) {
                int number = i;
                mailbox.post(
                    () -> {
                      if (next[poster]++ != number) {
                        outOfOrder.add(poster + ": " + number);
                      }
                    });
              }
            });
    long deadline = System.nanoTime() + 30_000_000_000L;
    long seen = 0;
    while (seen < (long) posters * each && System.nanoTime() < deadline) {
      seen += readAll();
    }
    crowd.join();
    assertThat(seen).isEqualTo((long) posters * each);
    assertThat(outOfOrder).isEqualTo(List.of());
    assertThat(mailbox.isEmpty()).isTrue();
  }

  private int readAll() {
    int n = 0;
    var mark = mailbox.mark();
    for (Runnable message; (message = mailbox.take(mark)) != null; n++) {
      message.run();
    }
    return n;
  }
}
