package dev.spinel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import dev.spinel.wire.Quoting;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
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

  /// A terminal in front, whose lines come one after the other.
  private static String shown(String typed, boolean outputIsTerminal) {
    try (Spinel server = Spinel.start()) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      Screen screen =
          new Screen(
              new ByteArrayInputStream(typed.getBytes(StandardCharsets.ISO_8859_1)),
              out,
              out,
              Map.of("TERM", "dumb"),
              true,
              outputIsTerminal);
      assertThat(Main.run(screen, List.of("-p", "" + server.port()))).isZero();
      return out.toString(StandardCharsets.ISO_8859_1);
    }
  }

  @Test
  void aPersonIsToldThatCommentsAreSentButNotWhoeverReadsTheOutput() {
    String pasted = "get k # the key\nconfig get;\nsort l get #\n";
    assertThat(shown(pasted, true))
        .containsOnlyOnce("(hint) What stands behind a #")
        .containsOnlyOnce("(hint) A command has no ;");
    assertThat(shown(pasted, false)).contains("ERR ").doesNotContain("(hint)");
  }
}
