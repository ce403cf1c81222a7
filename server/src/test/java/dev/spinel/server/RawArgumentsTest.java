package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.config.ConfigError;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/// Which bytes the arguments of `main` were.
class RawArgumentsTest {
  private static String[] match(String commandLine, String... arguments) {
    return RawArguments.match(arguments, commandLine.getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void bytesThatTheJvmCouldNotReadAreTheOnesOfTheCommandLine() {
    assertThat(match("java\0Main\0--requirepass\0\u00e9\u00ff\0", "--requirepass", "\ufffd\ufffd"))
        .containsExactly("--requirepass", "\u00e9\u00ff");
  }

  @Test
  void aReplacementCharacterThatWasGivenIsItself() {
    assertThat(match("java\0Main\0\u00ef\u00bf\u00bd\0", "\ufffd"))
        .containsExactly("\u00ef\u00bf\u00bd");
  }

  @Test
  void emptyArgumentsKeepTheirPlaces() {
    assertThat(
            match(
                "java\0Main\0--save\0\0--requirepass\0\u00ff\0",
                "--save",
                "",
                "--requirepass",
                "\ufffd"))
        .containsExactly("--save", "", "--requirepass", "\u00ff");
  }

  @Test
  void withoutACommandLineTextIsEncodedAndLostBytesAreAnError() {
    assertThat(match("", "\u00e9")).containsExactly("\u00c3\u00a9");
    assertThat(match("another\0", "--a", "\u00e9")).containsExactly("--a", "\u00c3\u00a9");
    assertThatThrownBy(() -> match("", "--requirepass", "\ufffd\ufffd"))
        .isInstanceOf(ConfigError.class)
        .hasMessageContaining("Put it into a configuration file.");
    assertThatThrownBy(() -> match("java\0Main\0other\0", "\ufffd"))
        .isInstanceOf(ConfigError.class);
  }
}
