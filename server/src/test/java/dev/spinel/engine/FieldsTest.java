package dev.spinel.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FieldsTest {
  private final Fields fields = new Fields();

  private String text() {
    StringBuilder text = new StringBuilder();
    fields.writeTo(text);
    return text.toString().replace("\r\n", " ").strip();
  }

  @Test
  void aLayoutKeepsTheOrderAndSpeaksForWhatNobodyTells() {
    fields.lay("first:0\nsecond:none\nthird:\n");
    fields.field("third", "x:y");
    fields.field("first", 1);
    assertThat(text()).isEqualTo("first:1 second:none third:x:y");
  }

  @Test
  void whatNoLayoutKnowsComesBehindAndTheLastWordCounts() {
    fields.field("own", 1);
    fields.lay("first:0\n");
    fields.field("late", 2);
    fields.field("own", 3);
    assertThat(text()).isEqualTo("own:3 first:0 late:2");
    assertThat(fields.number("own")).isEqualTo(3);
    assertThat(fields.number("never told")).isZero();
  }

  @Test
  void numbersAreRoundedToTwoDecimals() {
    assertThat(Fields.decimal(0)).isEqualTo("0.00");
    assertThat(Fields.decimal(1.006)).isEqualTo("1.01");
    assertThat(Fields.decimal(-12.344)).isEqualTo("-12.34");
  }

  @Test
  void bytesAreToldTwice() {
    fields.bytes("used", 1536 << 10);
    assertThat(text()).isEqualTo("used:1572864 used_human:1.50M");
    assertThat(Fields.human(1023)).isEqualTo("1023B");
    assertThat(Fields.human(1024)).isEqualTo("1.00K");
    assertThat(Fields.human(5L << 50)).isEqualTo("5.00P");
  }
}
