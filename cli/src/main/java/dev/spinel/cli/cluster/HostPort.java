package dev.spinel.cli.cluster;

import org.jspecify.annotations.Nullable;

/// An address of a node: `host:port`, or `host:port@busPort` with whatever a newer server adds
/// behind that. The bus port is 0 if it isn't told.
public record HostPort(String host, int port, int busPort) {

  /// Null if there is no colon.
  public static @Nullable HostPort parse(String text) {
    int at = text.lastIndexOf('@');
    int busPort = at < 0 ? 0 : number(text.substring(at + 1));
    String address = at < 0 ? text : text.substring(0, at);
    int colon = address.lastIndexOf(':');
    if (colon < 0) return null;
    return new HostPort(address.substring(0, colon), number(address.substring(colon + 1)), busPort);
  }

  /// The digits at the start; 0 if there are none, or too many.
  private static int number(String text) {
    int end = 0;
    while (end < text.length() && end < 9 && Character.isDigit(text.charAt(end))) end++;
    return end == 0 ? 0 : Integer.parseInt(text.substring(0, end));
  }
}
