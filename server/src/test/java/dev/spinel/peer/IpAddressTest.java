package dev.spinel.peer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpAddressTest {
  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 127.0.0.1",
    "::1, ::1",
    "0:0:0:0:0:0:0:1, ::1",
    "FE80:0::0001, fe80::1",
    "2001:db8:0:1:0:0:0:1, 2001:db8:0:1::1",
    "1:2:3:4:5:6:7:8, 1:2:3:4:5:6:7:8",
    "1:0:3:4:5:6:7:8, 1:0:3:4:5:6:7:8",
    "::ffff:10.0.0.1, ::ffff:10.0.0.1",
    "::10.0.0.1, ::10.0.0.1",
    "1::, 1::",
    "::, ::"
  })
  void eachAddressHasOneForm(String text, String normal) {
    assertThat(IpAddress.normal(text)).isEqualTo(normal);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1..2.3",
        ":1",
        "1:2:3",
        "1:2:3:4:5:6:7:8:9",
        "::1::",
        "12345::",
        "::g",
        "1:2:3:4:5:6:7::8",
        "::1.2.3",
        ""
      })
  void anythingElseIsNone(String text) {
    assertThat(IpAddress.normal(text)).isNull();
  }

  @Test
  void loopbackIsKnown() {
    assertThat(IpAddress.isLoopback("127.0.0.1")).isTrue();
    assertThat(IpAddress.isLoopback("::1")).isTrue();
    assertThat(IpAddress.isLoopback("10.0.0.1")).isFalse();
  }
}
