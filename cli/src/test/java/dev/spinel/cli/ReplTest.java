package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.wire.Quoting;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReplTest {
  @Test
  void commandsWithPasswordsAreNotKept() {
    for (String line :
        List.of(
            "auth x",
            "ACL setuser u >p",
            "config set maxmemory 1 requirepass x",
            "hello 3 setname n auth u p",
            "migrate h 1 k 0 10 copy auth p",
            "migrate h 1 \"\" 0 10 auth2 u p keys a")) {
      assertThat(Repl.isSecret(Quoting.split(line))).as(line).isTrue();
    }
    for (String line :
        List.of(
            "get auth",
            "acl list",
            "config set maxmemory requirepass",
            "config get requirepass",
            "hello 3 setname auth u p",
            "migrate h 1 k 0 10 keys auth a")) {
      assertThat(Repl.isSecret(Quoting.split(line))).as(line).isFalse();
    }
  }
}
