package dev.spinel.cli;

import dev.spinel.wire.Client;
import dev.spinel.wire.tls.Tls;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import org.jspecify.annotations.Nullable;

/// TLS as the command line asks for it, and connections with it or without.
public final class TlsOptions {
  /// What `--help` says of them, also of other programs that take them; an empty line follows.
  public static final String USAGE =
      """
      With TLS:
        --tls              Speaks TLS.
        --cacert <file>    Believes the authorities in this PEM file; without
                           it and --cacertdir, those that Java believes.
        --cacertdir <dir>  Those in the files of a directory.
        --insecure         Believes everybody.
        --cert <file>      A certificate to show, with its --key.
        --key <file>       Its key.
        --sni <host>       The name to ask the server for.
        --tls-ciphers <list>
                           Ciphers up to TLS 1.2, as OpenSSL names them.
        --tls-ciphersuites <list>
                           Suites of TLS 1.3.

      """;

  private boolean on;
  private @Nullable String serverName;
  private @Nullable String authorities;
  private @Nullable String authorityFolder;
  private boolean trustsAll;
  private @Nullable String certificate;
  private @Nullable String key;
  private String ciphers = "";
  private String suites = "";

  private @Nullable Tls made;

  /// Takes an option that has no value. Returns false if it isn't one of TLS.
  public boolean take(String word) {
    switch (word) {
      case "--tls" -> on = true;
      case "--insecure" -> trustsAll = true;
      default -> {
        return false;
      }
    }
    return true;
  }

  /// Takes an option with its value. Returns false if it isn't one of TLS.
  public boolean take(String word, String value) {
    switch (word) {
      case "--sni" -> serverName = value;
      case "--cacert" -> authorities = value;
      case "--cacertdir" -> authorityFolder = value;
      case "--cert" -> certificate = value;
      case "--key" -> key = value;
      case "--tls-ciphers" -> ciphers = value;
      case "--tls-ciphersuites" -> suites = value;
      default -> {
        return false;
      }
    }
    return true;
  }

  /// A URI asks for TLS.
  public void turnOn() {
    on = true;
  }

  public boolean isOn() {
    return on;
  }

  /// Connects as long as the system tries.
  public Client connect(String host, int port) throws IOException {
    return connect(host, port, 0);
  }

  /// The same within `millis`, if they aren't 0; with TLS as long as the system tries.
  Client connect(String host, int port, int millis) throws IOException {
    if (!on) return Client.connect(host, port, millis);
    return Client.connect(host, port, tls(), serverName);
  }

  /// For a connection that somebody else makes. Any thread.
  public SSLEngine engine(String host, int port) throws IOException {
    SSLEngine engine = tls().dialling(host, port);
    String name = serverName;
    if (name != null) {
      SSLParameters parameters = engine.getSSLParameters();
      try {
        parameters.setServerNames(List.of(new SNIHostName(name)));
      } catch (IllegalArgumentException e) {
        throw new IOException("no name for SNI: " + name, e);
      }
      engine.setSSLParameters(parameters);
    }
    return engine;
  }

  private synchronized Tls tls() throws IOException {
    Tls tls = made;
    if (tls == null) {
      tls = make();
      made = tls;
    }
    return tls;
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
