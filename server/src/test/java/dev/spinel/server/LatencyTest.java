package dev.spinel.server;

import static dev.spinel.server.Fixture.say;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LatencyTest {
  @Test
  void callsThatWereNotTimedCountAsThoseThatWere() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "CONFIG", "RESETSTAT");
      for (int i = 0; i < 40; i++) {
        say(session, "GET", "k");
      }
      String histogram = say(session, "LATENCY", "HISTOGRAM", "get", "nothing");
      assertThat(histogram).startsWith("*2 $3 get *4 $5 calls :40 $14 histogram_usec *");
      assertThat(histogram).endsWith(" :40");
      assertThat(say(session, "INFO", "latencystats"))
          .containsPattern("latency_percentiles_usec_get:p50=\\d+\\.\\d{3},p99=.*,p99.9=");
      assertThat(say(session, "INFO", "commandstats")).contains("cmdstat_get:calls=40,usec=");
    }
  }

  @Test
  void nothingIsKeptWhereNothingIsTracked() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      say(session, "CONFIG", "SET", "latency-tracking", "no");
      say(session, "CONFIG", "RESETSTAT");
      say(session, "GET", "k");
      assertThat(say(session, "LATENCY", "HISTOGRAM")).isEqualTo("*0");
      assertThat(say(session, "INFO", "latencystats")).doesNotContain("usec");
    }
  }

  @Test
  void eventsAreTheLongestOfTheirSecond() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      var monitor = fixture.server.engine.latency();
      monitor.took("command", 900_000_000);
      assertThat(say(session, "LATENCY", "LATEST")).isEqualTo("*0");
      assertThat(say(session, "LATENCY", "DOCTOR")).contains("latency-monitor-threshold");
      say(session, "CONFIG", "SET", "latency-monitor-threshold", "100");
      monitor.took("command", 99_000_000);
      assertThat(say(session, "LATENCY", "DOCTOR")).contains("Nothing has taken too long");
      monitor.took("command", 200_000_000);
      monitor.took("command", 150_000_000);
      assertThat(say(session, "LATENCY", "HISTORY", "command")).matches("\\*1 \\*2 :\\d+ :200");
      assertThat(say(session, "LATENCY", "LATEST"))
          .matches("\\*1 \\*4 \\$7 command :\\d+ :200 :200");
      assertThat(say(session, "LATENCY", "GRAPH", "command"))
          .contains("command - high 200 ms, low 200 ms (all time high 200 ms)");
      assertThat(say(session, "LATENCY", "GRAPH", "Command"))
          .isEqualTo("-ERR No samples available for event 'Command'");
      assertThat(say(session, "LATENCY", "DOCTOR")).contains("- command: in 1 different seconds");
      assertThat(say(session, "LATENCY", "RESET", "nothing", "COMMAND")).isEqualTo(":1");
      assertThat(say(session, "LATENCY", "HISTORY", "command")).isEqualTo("*0");
    }
  }

  @Test
  void noModuleCanBeLoaded() {
    try (Fixture fixture = new Fixture()) {
      LocalSession session = fixture.session();
      assertThat(say(session, "MODULE", "LIST")).isEqualTo("*0");
      assertThat(say(session, "MODULE", "LOAD", "/x.so"))
          .startsWith("-ERR MODULE command not allowed.");
    }
  }
}
