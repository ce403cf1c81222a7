package dev.spinel.cli;

/// What the cluster manager says: with colours, where the terminal has them.
final class ClusterLog {
  final Screen screen;
  private final boolean coloured;

  ClusterLog(Screen screen, boolean coloured) {
    this.screen = screen;
    this.coloured = coloured;
  }

  private void say(String colour, String text) {
    screen.out(coloured ? "\033[" + colour + text + "\033[0m" : text);
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
    screen.out(text);
  }
}
