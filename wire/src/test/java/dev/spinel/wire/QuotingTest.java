package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class QuotingTest {
  @Test
  void wordsAreSplitAtBlanksAndQuotesKeepThem() {
    assertThat(Quoting.split("set  k\t\"a b\"")).isEqualTo(List.of("set", "k", "a b"));
    assertThat(Quoting.split("'it\\'s' \"\\x41\\n\\q\"")).isEqualTo(List.of("it's", "A\nq"));
    assertThat(Quoting.split("set key\"\" bar")).isEqualTo(List.of("set", "key", "bar"));
    assertThat(Quoting.split("")).isEmpty();
    assertThat(Quoting.split(" \r\n")).isEmpty();
    assertThat(Quoting.split("\"\"")).isEqualTo(List.of(""));
    assertThat(Quoting.split("a\0b c")).isEqualTo(List.of("a"));
  }

  @Test
  void anOpenQuoteOrTextBehindAQuoteIsNoLine() {
    for (String line : List.of("\"a", "'a", "get \"\"key", "get \"key\"x", "'a'b", "\"a\\")) {
      assertThat(Quoting.split(line)).as(line).isNull();
    }
  }

  @Test
  void whatIsQuotedIsReadBack() {
    long seed = Long.getLong("spinel.seed", 1);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 2000; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(20); n > 0; n--) text.append((char) random.nextInt(256));
      assertThat(Quoting.unquote(Quoting.quote(text.toString())))
          .as("seed " + seed)
          .isEqualTo(text.toString());
    }
  }
}
