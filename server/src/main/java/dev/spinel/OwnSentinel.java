package dev.spinel;

import dev.spinel.config.CommandLine;
import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.server.Log;
import dev.spinel.server.SentinelServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;

/// A Sentinel of this JVM as a member of a topology.
final class OwnSentinel implements Member {
  private final int port;
  private final SentinelServer server;
  private final OutputStream log;

  private OwnSentinel(int port, SentinelServer server, OutputStream log) {
    this.port = port;
    this.server = server;
    this.log = log;
  }

  /// Starts the Sentinel of a file; its log goes into the file's folder.
  ///
  /// Errors: [IllegalArgumentException] for a wrong directive; [IOException] if the port can't be
  /// had.
  static OwnSentinel start(Path file, int port) throws IOException {
    OutputStream log = NodePlaces.log(file.resolveSibling(""));
    try {
      Config config =
          CommandLine.of(file.toString(), "--sentinel").load(InputStream.nullInputStream());
      Log lines = new Log(config, log);
      lines.become('X');
      Runnable[] crash = {() -> {}};
      SentinelServer server = SentinelServer.start(config, lines, () -> crash[0].run());
      crash[0] = server::shutdown; // SENTINEL SIMULATE-FAILURE: then whoever waits closes it
      return new OwnSentinel(port, server, log);
    } catch (ConfigError e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  @Override
  public int port() {
    return port;
  }

  @Override
  public View view() {
    return View.NONE;
  }

  @Override
  public List<Known> known() {
    return List.of();
  }

  @Override
  public boolean hasEnded() {
    return server.hasEnded();
  }

  @Override
  public void awaitEnd() throws InterruptedException {
    server.awaitStop();
  }

  @Override
  public void shutDown() {
    kill();
  }

  /// Its file is whole at any time, and it says good-bye to nobody.
  @Override
  public void kill() {
    server.close();
    try {
      log.close();
    } catch (IOException e) {
      // what was written is there
    }
  }

  @Override
  public void onChange(Runnable listener) {}
}
