package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LocalSessionTest {
  @Test
  void aTimeoutOfCenturiesIsNotOverAtOnce() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      for (String seconds : new String[] {"9300000000", "9000000000000000"}) {
        assertThat(say(session, "BLPOP", "list", seconds)).isEmpty();
        assertThat(session.session().isParked()).isTrue();
        fixture.clock.forward(1_000_000_000_000L); // 32 years
        assertThat(session.run()).isEmpty();
        say(fixture.session(), "RPUSH", "list", "a");
        assertThat(Fixture.text(session.run())).isEqualTo("*2 $4 list $1 a");
      }
    }
  }
}
