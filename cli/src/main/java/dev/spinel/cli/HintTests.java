package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// `--test_hint_file`: lines of an input and the hint that it should get, as Redis's suite has
/// them.
final class HintTests {
  private HintTests() {}

  static int run(Screen screen, Options options, Help help) {
    List<String> lines;
    String file = String.valueOf(options.hintFile);
    try {
      lines = Files.readAllLines(Path.of(Program.name(file)), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      screen.errLine("Can't open file '" + file + "': " + Program.reason(e));
      return 255;
    }
    int passed = 0;
    int failed = 0;
    for (String line : lines) {
      if (line.startsWith("#")) continue;
      List<String> words = Quoting.split(line);
      if (words == null || words.isEmpty()) continue;
      if (words.size() == 1) {
        screen.errLine("Missing expected hint for input '" + words.get(0) + "'");
        return 255;
      }
      String input = words.get(0);
      String expected = words.get(1);
      String hint = Hint.forLine(input, help.docs());
      if (options.verbose) {
        screen.outLine(
            "Input: '" + input + "', Expected: '" + expected + "', Hint: '" + hint + "'");
      }
      if (hint != null && hint.stripTrailing().equals(expected)) {
        passed++;
      } else {
        failed++;
        screen.errLine(
            "Test case '" + input + "' FAILED: expected '" + expected + "', got '" + hint + "'");
      }
    }
    screen.outLine(
        (failed == 0 ? "SUCCESS" : "FAILURE")
            + ": "
            + passed
            + "/"
            + (passed + failed)
            + " passed");
    return failed;
  }
}
