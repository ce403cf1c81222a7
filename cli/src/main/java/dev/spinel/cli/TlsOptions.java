package dev.spinel.cli;

import dev.spinel.wire.Client;
import dev.spinel.wire.tls.Tls;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// TLS as the command line asks for it, and connections with it or without.
final class TlsOptions {
  boolean on;
  @Nullable String serverName;
  @Nullable String authorities;
  @Nullable String authorityFolder;
  boolean trustsAll;
  @Nullable String certificate;
  @Nullable String key;
  String ciphers = "";
  String suites = "";

  private @Nullable Tls made;

  /// Connects as long as the system tries.
  Client connect(String host, int port) throws IOException {
    return connect(host, port, 0);
  }

  /// The same within `millis`, if they aren't 0; with TLS as long as the system tries.
  Client connect(String host, int port, int millis) throws IOException {
    if (!on) return Client.connect(host, port, millis);
    Tls tls = made;
    if (tls == null) {
      tls = make();
      made = tls;
    }
    return Client.connect(host, port, tls, serverName);
  }

  private Tls make() throws IOException {
    Tls.Builder builder = new Tls.Builder();
    if ((certificate == null) != (key == null)) {
      throw new IOException("--cert and --key belong together");
    }
    if (certificate != null && key != null) {
      builder.identity(Path.of(certificate), Path.of(key), "");
    }
    if (authorities != null) builder.authorities(Path.of(authorities));
    if (authorityFolder != null) builder.authoritiesIn(Path.of(authorityFolder));
    if (trustsAll) builder.trustingAll();
    return builder.ciphers(ciphers, suites).build();
  }
}
