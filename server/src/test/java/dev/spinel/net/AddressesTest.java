package dev.spinel.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AddressesTest {
  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 127.0.0.1:6379",
    "255.254.0.1, 255.254.0.1:6379",
    "::1, [::1]:6379",
    "::, [::]:6379",
    "2001:db8:0:0:1:0:0:1, [2001:db8::1:0:0:1]:6379",
    "2001:db8:0:1:1:1:1:1, [2001:db8:0:1:1:1:1:1]:6379",
    "fe80::1:2:3:4, [fe80::1:2:3:4]:6379",
    "1:0:0:2:0:0:0:3, [1:0:0:2::3]:6379",
    "1:2:3:4:5:6:0:0, [1:2:3:4:5:6::]:6379",
    "0:0:0:1:0:0:0:0, [0:0:0:1::]:6379",
    "1:2:3:4:5:6:7:8, [1:2:3:4:5:6:7:8]:6379",
    "::102:304, [::1.2.3.4]:6379",
  })
  void tcpAddressesLookAsInRedis(String ip, String expected) throws UnknownHostException {
    assertThat(Addresses.text(new InetSocketAddress(InetAddress.getByName(ip), 6379)))
        .isEqualTo(expected);
  }

  @Test
  void aUnixSocketIsItsPathWithPortZero() {
    assertThat(Addresses.text(UnixDomainSocketAddress.of("/tmp/x.sock")))
        .isEqualTo("/tmp/x.sock:0");
  }
}
