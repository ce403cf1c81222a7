package dev.spinel.cli;

import dev.spinel.cli.cluster.Estimate;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What `spinel cluster` says: lines for people, or for scripts (`--json`) one JSON object a line,
/// the last of which says whether all was done. Complaints go to standard error in either case.
final class Notices {
  private final Screen screen;
  private final boolean json;
  private final StringBuilder begun = new StringBuilder(); // a line of text that has no end yet
  private @Nullable String complaint;
  private boolean answered;

  Notices(Screen screen, boolean json) {
    this.screen = screen;
    this.json = json;
  }

  boolean isJson() {
    return json;
  }

  /// A line.
  void say(String text) {
    screen.out(json ? object("said", text) : text + "\n");
    screen.flush();
  }

  /// Some text, in which lines end.
  void text(String text) {
    begun.append(text);
    for (int end = begun.indexOf("\n"); end >= 0; end = begun.indexOf("\n")) {
      String line = begun.substring(0, end);
      begun.delete(0, end + 1);
      if (!line.isBlank()) say(line);
    }
  }

  /// Says what went wrong.
  void complain(String text) {
    complaint = text;
    screen.errLine(text);
  }

  /// How far it is. A person sees one line change.
  ///
  /// @param rate slots per second
  void progress(int done, int all, double rate) {
    double left = (all - done) / rate;
    if (json) {
      screen.out(
          String.format(
              Locale.ROOT,
              "{\"moved\":%d,\"of\":%d,\"slots_per_second\":%.1f,\"seconds_left\":%.0f}%n",
              done,
              all,
              rate,
              left));
    } else {
      String line =
          String.format(
              Locale.ROOT,
              "%d of %d slots (%d %%), %.0f a second%s",
              done,
              all,
              100L * done / all,
              rate,
              done == all ? "" : ", " + Estimate.text(left) + " left");
      screen.out(screen.isForPeople() ? "\r" + line + "\033[K" : line + "\n");
    }
    screen.flush();
  }

  /// Something that is known, as one object of JSON, which isn't the last.
  void fact(String object) {
    screen.out(object + "\n");
    screen.flush();
  }

  /// A whole answer in JSON.
  void answer(String object) {
    answered = true;
    screen.out(object + "\n");
  }

  /// The last line, unless the whole answer was an object of its own.
  void end(String command, boolean done) {
    if (!json || answered) return;
    String error = done || complaint == null ? "" : ",\"error\":" + quoted(complaint);
    answer("{\"command\":" + quoted(command) + ",\"done\":" + done + error + "}");
  }

  private static String object(String name, String text) {
    return "{" + quoted(name) + ":" + quoted(text.strip()) + "}\n";
  }

  static String quoted(String text) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') b.append('\\').append(c);
      else if (c < ' ') b.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      else b.append(c);
    }
    return b.append('"').toString();
  }
}
