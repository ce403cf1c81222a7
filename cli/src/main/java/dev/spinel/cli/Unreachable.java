package dev.spinel.cli;

import java.net.UnknownHostException;

/// Why a server can't be reached.
public final class Unreachable {
  private Unreachable() {}

  /// In the system's words.
  public static String reason(Exception e) {
    String message = String.valueOf(e.getMessage());
    if (e instanceof UnknownHostException) {
      int colon = message.lastIndexOf(": ");
      return colon < 0 ? "Name or service not known" : message.substring(colon + 2);
    }
    int more = message.endsWith(")") ? message.indexOf(" (") : -1;
    return more < 0 ? message : message.substring(0, more);
  }
}
