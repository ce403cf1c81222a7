package dev.spinel.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// A password that a person types: it isn't shown.
final class Secret {
  private Secret() {}

  /// Null if the input ends before.
  static @Nullable String ask(Screen screen, String prompt) throws IOException {
    if (screen.inputIsTerminal && System.console() != null) {
      char[] typed = System.console().readPassword("%s", prompt);
      if (typed == null) return null;
      byte[] bytes = new String(typed).getBytes(StandardCharsets.UTF_8);
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
    return screen.readLine();
  }
}
