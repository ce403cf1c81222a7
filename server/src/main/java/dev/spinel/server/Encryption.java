package dev.spinel.server;

import dev.spinel.config.Config;
import dev.spinel.config.ConfigError;
import dev.spinel.config.Setting;
import dev.spinel.config.Settings;
import dev.spinel.net.Acceptor;
import dev.spinel.net.Connection;
import dev.spinel.net.Handler;
import dev.spinel.peer.Address;
import dev.spinel.wire.tls.Tls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/// TLS as the settings `tls-*` have it: one side for those who come, one for those whom this server
/// goes to. Connections keep the side that they began with; CONFIG SET replaces both, or neither.
///
/// Any thread.
final class Encryption {
  private static final List<Setting<?>> MADE_OF =
      List.of(
          Settings.TLS_REPLICATION,
          Settings.TLS_CLUSTER,
          Settings.TLS_CERT_FILE,
          Settings.TLS_KEY_FILE,
          Settings.TLS_KEY_FILE_PASS,
          Settings.TLS_CLIENT_CERT_FILE,
          Settings.TLS_CLIENT_KEY_FILE,
          Settings.TLS_CLIENT_KEY_FILE_PASS,
          Settings.TLS_DH_PARAMS_FILE,
          Settings.TLS_CA_CERT_FILE,
          Settings.TLS_CA_CERT_DIR,
          Settings.TLS_AUTH_CLIENTS,
          Settings.TLS_PROTOCOLS,
          Settings.TLS_CIPHERS,
          Settings.TLS_CIPHERSUITES,
          Settings.TLS_PREFER_SERVER_CIPHERS,
          Settings.TLS_SESSION_CACHING,
          Settings.TLS_SESSION_CACHE_SIZE,
          Settings.TLS_SESSION_CACHE_TIMEOUT);

  private record Sides(Tls accepting, Tls dialling) {}

  private final Config config;
  private final Log log;
  private volatile @Nullable Sides sides; // null until it is wanted

  Encryption(Config config, Log log) {
    this.config = config;
    this.log = log;
    for (Setting<?> setting : MADE_OF) config.onChange(setting, changed -> changed());
  }

  private void changed() {
    if (isWanted()) {
      configure();
    }
  }

  /// Whether the configuration needs it anywhere.
  boolean isWanted() {
    return config.get(Settings.TLS_PORT) != 0
        || config.get(Settings.TLS_REPLICATION)
        || config.get(Settings.TLS_CLUSTER);
  }

  /// Reads the files and makes both sides. Errors: a [ConfigError]; the log has its reason.
  void configure() {
    try {
      sides = made();
    } catch (IOException e) {
      log.warning(String.valueOf(e.getMessage()));
      throw new ConfigError("Unable to update TLS configuration. Check server logs.");
    }
  }

  /// As [#configure], if that hasn't been done.
  void configureOnce() {
    if (sides == null) {
      configure();
    }
  }

  private Sides made() throws IOException {
    if (config.text(Settings.TLS_CERT_FILE).isEmpty()) {
      throw new IOException("No tls-cert-file configured!");
    }
    if (config.text(Settings.TLS_KEY_FILE).isEmpty()) {
      throw new IOException("No tls-key-file configured!");
    }
    boolean asks = !config.get(Settings.TLS_AUTH_CLIENTS).equals("no");
    if ((asks || config.get(Settings.TLS_CLUSTER) || config.get(Settings.TLS_REPLICATION))
        && config.text(Settings.TLS_CA_CERT_FILE).isEmpty()
        && config.text(Settings.TLS_CA_CERT_DIR).isEmpty()) {
      throw new IOException(
          "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster,"
              + " tls-replication or tls-auth-clients are enabled!");
    }
    Path parameters = path(Settings.TLS_DH_PARAMS_FILE);
    if (parameters != null && !Files.isReadable(parameters)) {
      throw new IOException("Failed to load " + parameters + ": it can't be read");
    }
    boolean ownToDial =
        path(Settings.TLS_CLIENT_CERT_FILE) != null && path(Settings.TLS_CLIENT_KEY_FILE) != null;
    Tls.Builder accepting =
        common(Settings.TLS_CERT_FILE, Settings.TLS_KEY_FILE, Settings.TLS_KEY_FILE_PASS);
    accepting.clients(
        switch (config.get(Settings.TLS_AUTH_CLIENTS)) {
          case "no" -> Tls.ClientCertificates.NONE;
          case "optional" -> Tls.ClientCertificates.OPTIONAL;
          default -> Tls.ClientCertificates.REQUIRED;
        });
    Tls.Builder dialling =
        ownToDial
            ? common(
                Settings.TLS_CLIENT_CERT_FILE,
                Settings.TLS_CLIENT_KEY_FILE,
                Settings.TLS_CLIENT_KEY_FILE_PASS)
            : common(Settings.TLS_CERT_FILE, Settings.TLS_KEY_FILE, Settings.TLS_KEY_FILE_PASS);
    return new Sides(accepting.build(), dialling.build());
  }

  private Tls.Builder common(
      Setting<String> certificate, Setting<String> key, Setting<String> password)
      throws IOException {
    Tls.Builder builder = new Tls.Builder();
    builder.identity(config.path(certificate), config.path(key), config.text(password));
    Path authorities = path(Settings.TLS_CA_CERT_FILE);
    if (authorities != null) builder.authorities(authorities);
    Path directory = path(Settings.TLS_CA_CERT_DIR);
    if (directory != null) builder.authoritiesIn(directory);
    return builder
        .protocols(config.text(Settings.TLS_PROTOCOLS))
        .ciphers(config.text(Settings.TLS_CIPHERS), config.text(Settings.TLS_CIPHERSUITES))
        .preferringOwnCiphers(config.get(Settings.TLS_PREFER_SERVER_CIPHERS))
        .sessions(
            config.get(Settings.TLS_SESSION_CACHING),
            config.intOf(Settings.TLS_SESSION_CACHE_SIZE),
            config.intOf(Settings.TLS_SESSION_CACHE_TIMEOUT));
  }

  private @Nullable Path path(Setting<String> setting) {
    return config.text(setting).isEmpty() ? null : config.path(setting);
  }

  /// The same acceptor, behind TLS.
  Acceptor over(Acceptor plain) {
    return new Acceptor() {
      @Override
      public @Nullable Handler accept(Connection connection) {
        return plain.accept(connection);
      }

      @Override
      public SSLEngine engine() {
        return sides().accepting.accepting();
      }
    };
  }

  /// For one connection to another server.
  SSLEngine dialling(Address to) {
    return sides().dialling.dialling(to.host(), to.port());
  }

  private Sides sides() {
    Sides made = sides;
    if (made == null) {
      throw new IllegalStateException("TLS isn't set up");
    }
    return made;
  }
}
