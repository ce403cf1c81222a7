package dev.spinel.cli;

import java.util.List;
import java.util.Map;

/// The programs that manage clusters, each run of which may be killed behind any of its commands.
final class Mortal {
  /// The status of a run that was killed.
  static final int KILLED = -1;

  /// More commands than any run sends.
  static final int TO_ITS_END = Integer.MAX_VALUE;

  private Mortal() {}

  /// Nothing in the programs catches this.
  private static final class Killed extends Error {
    private static final long serialVersionUID = 1;

    Killed() {
      super("killed", null, false, false);
    }
  }

  /// Runs `redis-cli --cluster`, if the words say so, else `spinel cluster`.
  ///
  /// @param most it is killed behind so many commands
  static Ours run(int most, List<String> words) {
    boolean isManager = words.contains("--cluster");
    int[] sent = {0};
    return Ours.of(
        "",
        Map.of(),
        screen -> {
          Main.Work work =
              () -> {
                Options options = Options.parse(screen, words);
                options.afterCommand =
                    () -> {
                      if (++sent[0] >= most) throw new Killed();
                    };
                return isManager
                    ? new ClusterManager(screen, options).run()
                    : ClusterTool.run(screen, options);
              };
          try {
            return Main.status(screen, work);
          } catch (Killed end) {
            return KILLED;
          }
        });
  }
}
