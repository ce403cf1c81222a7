package dev.spinel.cli;

import java.util.function.Consumer;

/// What the cluster manager says: with colours, where the terminal has them.
final class ClusterLog {
  final Screen screen;
  private final boolean coloured;
  private final Consumer<String> to;

  ClusterLog(Screen screen, boolean coloured) {
    this(screen, coloured, screen::out);
  }

  /// All that is said, without colours, goes to `to`.
  ClusterLog(Screen screen, Consumer<String> to) {
    this(screen, false, to);
  }

  private ClusterLog(Screen screen, boolean coloured, Consumer<String> to) {
    this.screen = screen;
    this.coloured = coloured;
    this.to = to;
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
}
