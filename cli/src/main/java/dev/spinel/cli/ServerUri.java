package dev.spinel.cli;

import org.jspecify.annotations.Nullable;

/// `redis://user:password@host:port/database`, all of it optional behind the scheme, which is
/// `rediss` for TLS. What isn't given is null; `error` says why a text is none.
public record ServerUri(
    @Nullable String error,
    @Nullable String user,
    @Nullable String password,
    @Nullable String host,
    @Nullable Integer port,
    @Nullable Integer database,
    boolean encrypted) {

  private static ServerUri broken(String why) {
    return new ServerUri(why, null, null, null, null, null, false);
  }

  public static ServerUri of(String uri) {
    boolean encrypted = uri.regionMatches(true, 0, "rediss://", 0, 9);
    String scheme = encrypted ? "rediss://" : "redis://";
    if (!uri.regionMatches(true, 0, scheme, 0, scheme.length())) {
      return broken("Invalid URI scheme");
    }
    String rest = uri.substring(scheme.length());
    String user = null;
    String password = null;
    int at = rest.indexOf('@');
    if (at >= 0) {
      int colon = rest.indexOf(':');
      try {
        if (colon >= 0 && colon < at) user = decode(rest.substring(0, colon));
        password = decode(rest.substring(user == null ? 0 : colon + 1, at));
      } catch (IllegalArgumentException e) {
        return broken(String.valueOf(e.getMessage()));
      }
      rest = rest.substring(at + 1);
    }
    int slash = rest.indexOf('/');
    String address = slash < 0 ? rest : rest.substring(0, slash);
    String path = slash < 0 ? "" : rest.substring(slash + 1);
    String host = null;
    Integer port = null;
    if (address.startsWith("[")) {
      int close = address.indexOf(']');
      host = close < 0 ? address.substring(1) : address.substring(1, close);
      if (close >= 0 && address.startsWith(":", close + 1)) {
        port = Figures.atoi(address.substring(close + 2));
      }
    } else if (!address.isEmpty()) {
      int colon = address.indexOf(':');
      host = colon < 0 ? address : address.substring(0, colon);
      if (colon >= 0) port = Figures.atoi(address.substring(colon + 1));
    }
    return new ServerUri(
        null, user, password, host, port, path.isEmpty() ? null : Figures.atoi(path), encrypted);
  }

  /// Without its %XX.
  private static String decode(String text) {
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '%') {
        b.append(c);
        continue;
      }
      if (i + 1 == text.length()) throw new IllegalArgumentException("Incomplete URI encoding");
      int high = Character.digit(text.charAt(i + 1), 16);
      int low = i + 2 < text.length() ? Character.digit(text.charAt(i + 2), 16) : -1;
      if (high < 0 || low < 0) {
        throw new IllegalArgumentException("Illegal character in URI encoding");
      }
      b.append((char) (high << 4 | low));
      i += 2;
    }
    return b.toString();
  }
}
