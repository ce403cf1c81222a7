package dev.spinel.cli;

import java.util.function.Consumer;

/// What the cluster manager says: with colours, where the terminal has them.
final class ClusterLog {
  final Screen screen;
  private final boolean coloured;
  private final Consumer<String> to;
  private final Consumer<String> facts;

  ClusterLog(Screen screen, boolean coloured) {
    this(screen, coloured, screen::out, object -> {});
  }

  /// For programs: all that is said, without colours, goes to `to`, and facts, each an object of
  /// JSON, to `facts`.
  ClusterLog(Screen screen, Consumer<String> to, Consumer<String> facts) {
    this(screen, false, to, facts);
  }

  private ClusterLog(Screen screen, boolean coloured, Consumer<String> to, Consumer<String> facts) {
    this.screen = screen;
    this.coloured = coloured;
    this.to = to;
    this.facts = facts;
  }

  private void say(String colour, String text) {
    to.accept(coloured ? "\033[" + colour + text + "\033[0m" : text);
  }

  void info(String text) {
    say("29;1m", text);
  }

  void warning(String text) {
    say("33;1m", text);
  }

  void error(String text) {
    say("31;1m", text);
  }

  void success(String text) {
    say("32;1m", text);
  }

  void plain(String text) {
    to.accept(text);
  }

  /// What programs are told besides; people read it in what is said.
  void fact(String object) {
    facts.accept(object);
  }
}
