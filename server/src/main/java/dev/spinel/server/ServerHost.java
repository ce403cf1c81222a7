package dev.spinel.server;

import dev.spinel.observe.Host;

/// What commands may do to the server around the engine.
final class ServerHost implements Host {
  private final Log log;
  private final Stop stop;

  ServerHost(Log log, Stop stop) {
    this.log = log;
    this.stop = stop;
  }

  @Override
  public void stop() {
    stop.request();
  }

  @Override
  public void sleep(long millis) {
    try {
      if (stop.await(millis)) {
        return; // the server stops
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void log(String line) {
    log.warning(line);
  }
}
