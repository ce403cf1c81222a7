package dev.spinel.wire.tls;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/// One side of TLS connections: what it shows of itself, whom it believes, which protocols and
/// ciphers it speaks. Immutable; any thread.
public final class Tls {
  /// Whether a server asks its clients for certificates.
  public enum ClientCertificates {
    NONE,
    OPTIONAL,
    REQUIRED
  }

  private static final char[] NO_PASSWORD = {};
  private static final byte[] NO_BYTES = {};

  /// Makes contexts that know nothing of each other's sessions.
  private interface Source {
    SSLContext make() throws GeneralSecurityException;
  }

  private final SSLContext context;
  private final SSLParameters parameters;

  /// Null: sessions may be resumed. If they mustn't, each connection has a context of its own, as
  /// that can't be told to one.
  private final @Nullable Source contexts;

  private Tls(SSLContext context, SSLParameters parameters, @Nullable Source contexts) {
    this.context = context;
    this.parameters = parameters;
    this.contexts = contexts;
  }

  /// An engine for one connection that a client has opened.
  public SSLEngine accepting() {
    SSLEngine engine = contextOfOne().createSSLEngine();
    engine.setSSLParameters(parameters);
    engine.setUseClientMode(false);
    return engine;
  }

  private SSLContext contextOfOne() {
    try {
      return contexts == null ? context : contexts.make();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a context like the one before can't be made", e);
    }
  }

  /// An engine for one connection to a server. The host is only the key under which a session is
  /// kept for later connections: who believes a server's authority believes it whatever its name
  /// is, as in Redis.
  public SSLEngine dialling(String host, int port) {
    SSLEngine engine = context.createSSLEngine(host, port);
    engine.setSSLParameters(parameters);
    engine.setUseClientMode(true);
    return engine;
  }

  public SSLContext context() {
    return context;
  }

  /// A copy.
  public SSLParameters parameters() {
    SSLParameters copy = context.getDefaultSSLParameters();
    copy.setProtocols(parameters.getProtocols());
    copy.setCipherSuites(parameters.getCipherSuites());
    return copy;
  }

  /// Collects what a side is made of. Each step that reads a file throws an [IOException] that
  /// names it and says what is wrong with it.
  public static final class Builder {
    private KeyManager @Nullable [] keys;
    private final List<X509Certificate> authorities = new ArrayList<>();
    private boolean trustsAll;
    private String protocols = "";
    private String ciphers = "";
    private String suites = "";
    private ClientCertificates clients = ClientCertificates.NONE;
    private boolean prefersOwnCiphers;
    private boolean resumes = true;
    private int sessions;
    private int sessionSeconds;

    /// The certificate that it shows, with those of the authorities between, and its key.
    public Builder identity(Path certificate, Path key, String password) throws IOException {
      List<X509Certificate> chain;
      try {
        chain = Pem.certificates(certificate);
      } catch (IOException e) {
        throw new IOException("Failed to load certificate: " + certificate + ": " + reason(e), e);
      }
      try {
        PrivateKey opened = Pem.privateKey(key, password);
        if (!belong(chain.getFirst(), opened)) {
          throw new IOException("it isn't the key of " + certificate);
        }
        KeyStore store = emptyStore();
        store.setKeyEntry("key", opened, NO_PASSWORD, chain.toArray(X509Certificate[]::new));
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, NO_PASSWORD);
        keys = factory.getKeyManagers();
      } catch (IOException | GeneralSecurityException e) {
        throw new IOException("Failed to load private key: " + key + ": " + reason(e), e);
      }
      return this;
    }

    /// Whether what the key signs is what the certificate's key verifies.
    private static boolean belong(X509Certificate certificate, PrivateKey key)
        throws GeneralSecurityException {
      String algorithm =
          switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            case "DSA" -> "SHA256withDSA";
            default -> key.getAlgorithm(); // a kind of key with one kind of signature
          };
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(NO_BYTES);
      byte[] signed = signature.sign();
      try {
        signature.initVerify(certificate.getPublicKey());
        signature.update(NO_BYTES);
        return signature.verify(signed);
      } catch (InvalidKeyException | SignatureException e) {
        return false; // of another kind
      }
    }

    /// Authorities that it believes. Without any it believes those that the JDK believes.
    public Builder authorities(Path file) throws IOException {
      try {
        authorities.addAll(Pem.certificates(file));
      } catch (IOException e) {
        throw new IOException(
            "Failed to configure CA certificate(s) file: " + file + ": " + reason(e), e);
      }
      return this;
    }

    /// All authorities in the files of a directory; files that hold no certificate are passed over.
    public Builder authoritiesIn(Path directory) throws IOException {
      int before = authorities.size();
      try (DirectoryStream<Path> files =
          Files.newDirectoryStream(directory, Files::isRegularFile)) {
        for (Path file : files) addIfCertificate(file);
      } catch (IOException e) {
        throw new IOException(
            "Failed to configure CA certificate(s) directory: " + directory + ": " + reason(e), e);
      }
      if (authorities.size() == before) {
        throw new IOException(
            "Failed to configure CA certificate(s) directory: "
                + directory
                + ": no certificate in it");
      }
      return this;
    }

    private void addIfCertificate(Path file) {
      try {
        authorities.addAll(Pem.certificates(file));
      } catch (IOException e) {
        return; // a key, or a text beside them
      }
    }

    /// Whom it speaks to isn't checked at all.
    public Builder trustingAll() {
      trustsAll = true;
      return this;
    }

    /// Names as OpenSSL has them, with blanks between (`TLSv1.2 TLSv1.3`); empty: these two.
    public Builder protocols(String names) {
      protocols = names;
      return this;
    }

    /// Ciphers for TLS 1.2 and before, as OpenSSL names them, and suites for TLS 1.3; both with
    /// colons between, empty: what the JDK has.
    public Builder ciphers(String names, String suites) {
      this.ciphers = names;
      this.suites = suites;
      return this;
    }

    public Builder clients(ClientCertificates wanted) {
      clients = wanted;
      return this;
    }

    public Builder preferringOwnCiphers(boolean on) {
      prefersOwnCiphers = on;
      return this;
    }

    /// Sessions that may be resumed: whether at all, how many are remembered, for how long (0: for
    /// ever).
    public Builder sessions(boolean on, int most, int seconds) {
      resumes = on;
      sessions = most;
      sessionSeconds = seconds;
      return this;
    }

    public Tls build() throws IOException {
      try {
        TrustManager @Nullable [] trust = trust();
        Source contexts =
            () -> {
              SSLContext made = SSLContext.getInstance("TLS");
              made.init(keys, trust, null);
              return made;
            };
        SSLContext context = contexts.make();
        if (resumes) {
          context.getServerSessionContext().setSessionCacheSize(sessions);
          context.getServerSessionContext().setSessionTimeout(sessionSeconds);
        }
        SSLParameters parameters = context.getDefaultSSLParameters();
        parameters.setProtocols(Ciphers.protocols(protocols));
        parameters.setCipherSuites(Ciphers.suites(parameters.getCipherSuites(), ciphers, suites));
        parameters.setUseCipherSuitesOrder(prefersOwnCiphers);
        switch (clients) {
          case NONE -> {}
          case OPTIONAL -> parameters.setWantClientAuth(true);
          case REQUIRED -> parameters.setNeedClientAuth(true);
        }
        return new Tls(context, parameters, resumes ? null : contexts);
      } catch (GeneralSecurityException e) {
        throw new IOException("TLS can't be set up: " + reason(e), e);
      }
    }

    private TrustManager @Nullable [] trust() throws IOException, GeneralSecurityException {
      if (trustsAll) return new TrustManager[] {new TrustsAll()};
      if (authorities.isEmpty()) return null;
      KeyStore store = emptyStore();
      for (int i = 0; i < authorities.size(); i++) {
        store.setCertificateEntry("authority" + i, authorities.get(i));
      }
      TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
      factory.init(store);
      return factory.getTrustManagers();
    }

    private static KeyStore emptyStore() throws IOException, GeneralSecurityException {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      return store;
    }

    private static String reason(Exception e) {
      return e instanceof java.nio.file.NoSuchFileException
          ? "No such file or directory"
          : e instanceof java.nio.file.AccessDeniedException
              ? "Permission denied"
              : String.valueOf(e.getMessage());
    }
  }

  /// Believes everybody (`--insecure`).
  private static final class TrustsAll extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
