package dev.spinel.sentinel;

import java.nio.file.Files;
import java.nio.file.Path;

/// What a Sentinel is set to as a whole. Empty texts and 0 mean: not set.
public final class SentinelSettings {
  String announceIp = "";
  int announcePort;
  String user = ""; // for other Sentinels
  String password = "";
  boolean deniesScriptChanges = true;
  boolean resolvesNames;
  boolean announcesNames;
  String logLevel = "notice";
  int port = 26379;
  String requirepass = "";

  private Path folder = Path.of("");

  /// Relative paths of scripts begin at this folder.
  public void folder(Path of) {
    folder = of;
  }

  boolean isExecutable(String script) {
    return Files.isExecutable(folder.resolve(script));
  }

  /// What the rest of the configuration says: the port that others are told, the own password
  /// (which others have, too, where `sentinel-pass` isn't set) and the log's level.
  public void process(int ownPort, String ownPassword, String level) {
    port = ownPort;
    requirepass = ownPassword;
    logLevel = level;
  }
}
