package dev.spinel.journal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Args;
import dev.spinel.wire.LargeSink;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class EffectsTest {
  private final Effects effects = new Effects(LargeSink.NONE);
  private final ByteArrayOutputStream read = new ByteArrayOutputStream();

  private String appended() {
    Journal journal = new Journal();
    journal.attach(Journal.AOF, read::write);
    Lane lane = journal.lane();
    lane.append(effects, Journal.ALL);
    lane.close();
    assertThat(journal.offset(Journal.AOF)).as("counted as it was read").isEqualTo(read.size());
    return read.toString(StandardCharsets.ISO_8859_1);
  }

  private static String encoded(String... words) {
    StringBuilder text = new StringBuilder("*" + words.length + "\r\n");
    for (String word : words) {
      text.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return text.toString();
  }

  @Test
  void whatComesAfterAMarkCanBeTakenBack() {
    effects.database(0);
    effects.add("SET", "a", "1");
    effects.mark();
    effects.database(5);
    effects.command(3).add("HSET").add("h"); // cut off
    effects.rollBack();
    effects.database(0);
    effects.add("DEL", "b");
    assertThat(appended())
        .isEqualTo(
            "*1\r\n$5\r\nMULTI\r\n"
                + encoded("SELECT", "0")
                + encoded("SET", "a", "1")
                + encoded("DEL", "b")
                + "*1\r\n$4\r\nEXEC\r\n");
  }

  @Test
  void aMarkInNothingTakesEverythingBack() {
    effects.mark();
    effects.database(3);
    effects.add("SET", "a", "x".repeat(100_000));
    effects.rollBack();
    assertThat(effects.isEmpty()).isTrue();
    effects.database(0);
    effects.add("DEL", "b");
    assertThat(appended()).isEqualTo(encoded("SELECT", "0") + encoded("DEL", "b"));
  }

  @Test
  void aLongCallIsHandedOverFromItsWords() {
    String[] words = new String[30_000];
    words[0] = "MSET";
    for (int i = 1; i < words.length; i++) {
      words[i] = i % 1_000 == 0 ? "y".repeat(70_000 + i) : "word" + i;
    }
    effects.database(0);
    effects.add("DEL", "before");
    effects.command(Args.of(words));
    effects.add("DEL", "after");
    assertThat(appended())
        .isEqualTo(
            "*1\r\n$5\r\nMULTI\r\n"
                + encoded("SELECT", "0")
                + encoded("DEL", "before")
                + encoded(words)
                + encoded("DEL", "after")
                + "*1\r\n$4\r\nEXEC\r\n");
  }
}
