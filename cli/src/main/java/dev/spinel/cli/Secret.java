package dev.spinel.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/// A password that a person types: it isn't shown.
final class Secret {
  private Secret() {}

  static String ask(Screen screen, String prompt) throws IOException {
    if (screen.inputIsTerminal && System.console() != null) {
      char[] typed = System.console().readPassword("%s", prompt);
      if (typed == null) throw new Exit(1);
      byte[] bytes = new String(typed).getBytes(StandardCharsets.UTF_8);
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
    String line = screen.readLine();
    return line == null ? "" : line;
  }
}
