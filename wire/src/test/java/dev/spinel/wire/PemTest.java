package dev.spinel.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.spinel.wire.tls.Pem;
import dev.spinel.wire.tls.Tls;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Keys and certificates in all forms that OpenSSL writes, and files that hold neither.
class PemTest {
  @TempDir Path folder;

  private static Path file(String name) {
    try {
      return Path.of(PemTest.class.getResource("/tls/rsa.crt").toURI()).resolveSibling(name);
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private Path written(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text, StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pkcs1",
        "pkcs1-aes256",
        "pkcs1-des3",
        "pkcs8-aes256",
        "pkcs8-aes128-sha1",
      })
  void oneKeyIsTheSameInAllForms(String form) throws IOException {
    assertThat(Pem.privateKey(file(form + ".pem"), "secret").getEncoded())
        .isEqualTo(Pem.privateKey(file("pkcs8.pem"), "").getEncoded());
  }

  @ParameterizedTest
  @CsvSource({"sec1.pem, EC", "ed25519.pem, EdDSA", "pkcs8.pem, RSA"})
  void keysAreOfTheirKind(String name, String algorithm) throws IOException {
    assertThat(Pem.privateKey(file(name), "").getAlgorithm()).isEqualTo(algorithm);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pkcs1-aes256", "pkcs1-des3", "pkcs8-aes256"})
  void anEncryptedKeyNeedsItsPassword(String form) {
    assertThatThrownBy(() -> Pem.privateKey(file(form + ".pem"), ""))
        .hasMessage("an encrypted key, and no password for it");
    assertThatThrownBy(() -> Pem.privateKey(file(form + ".pem"), "wrong"))
        .hasMessageStartingWith("an encrypted key that doesn't open: the password is wrong");
  }

  @Test
  void anEncryptionThatTheJdkDoesNotKnowIsToldAsSuch() {
    assertThatThrownBy(() -> Pem.privateKey(file("pkcs8-scrypt.pem"), "secret"))
        .isInstanceOf(IOException.class);
  }

  @Test
  void allCertificatesOfAFileAreReadInTheirOrder() throws IOException {
    String one = Files.readString(file("rsa.crt"));
    Path chain = written("chain.pem", "a text before\n" + one + "\n# between\n" + one);
    assertThat(Pem.certificates(chain)).hasSize(2);
    assertThat(Pem.certificates(chain).getFirst().getSubjectX500Principal().getName())
        .contains("CN=server");
  }

  @Test
  void filesWithoutWhatIsSoughtSaySo() throws IOException {
    assertThatThrownBy(() -> Pem.certificates(file("pkcs8.pem")))
        .hasMessage("no certificate in it");
    assertThatThrownBy(() -> Pem.privateKey(file("rsa.crt"), ""))
        .hasMessage("no private key in it");
    assertThatThrownBy(
            () -> Pem.privateKey(written("torn", "-----BEGIN PRIVATE KEY-----\nAAAA"), ""))
        .hasMessage("it ends within PRIVATE KEY");
    assertThatThrownBy(
            () ->
                Pem.privateKey(
                    written("odd", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"),
                    ""))
        .hasMessageStartingWith("PRIVATE KEY isn't base64");
  }

  @Test
  void whateverIsWrongWithAFileIsAnIoException() throws IOException {
    Random random = new Random(5);
    for (String name : new String[] {"sec1.pem", "pkcs1-aes256.pem", "pkcs8-aes256.pem"}) {
      byte[] good = Files.readAllBytes(file(name));
      for (int i = 0; i < 300; i++) {
        byte[] bad = Arrays.copyOf(good, good.length - random.nextInt(20));
        for (int k = random.nextInt(4); k >= 0; k--) {
          bad[random.nextInt(bad.length)] = (byte) (32 + random.nextInt(90));
        }
        Path file = folder.resolve("bad");
        Files.write(file, bad);
        try {
          Pem.privateKey(file, "secret");
        } catch (IOException e) {
          assertThat(e.getMessage()).isNotEmpty();
        }
      }
    }
  }

  @Test
  void aKeyThatIsNotTheCertificatesIsRefused() {
    assertThatThrownBy(() -> new Tls.Builder().identity(file("rsa.crt"), file("sec1.pem"), ""))
        .hasMessageStartingWith("Failed to load private key: ")
        .hasMessageEndingWith("it isn't the key of " + file("rsa.crt"));
    assertThatThrownBy(() -> new Tls.Builder().identity(file("none.crt"), file("sec1.pem"), ""))
        .hasMessageStartingWith("Failed to load certificate: ")
        .hasMessageEndingWith("No such file or directory");
  }

  @ParameterizedTest
  @CsvSource({
    "'', '', TLS_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256, TLS_AES_128_GCM_SHA256,"
        + " TLS_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:!CHACHA20, TLS_AES_128_GCM_SHA256,"
        + " TLS_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  })
  void ciphersHaveTheNamesOfOpenSsl(String ciphers, String suites, String expected)
      throws IOException {
    String[] chosen =
        new Tls.Builder().ciphers(ciphers, suites).build().parameters().getCipherSuites();
    if (ciphers.isEmpty()) assertThat(chosen).contains(expected).hasSizeGreaterThan(10);
    else assertThat(chosen).containsExactly(expected.split(" "));
  }

  @Test
  void namesThatAreNoneAreRefused() {
    assertThatThrownBy(() -> new Tls.Builder().ciphers("NO-SUCH", "").build())
        .hasMessage("Failed to configure ciphers: tls-ciphers NO-SUCH");
    assertThatThrownBy(() -> new Tls.Builder().protocols("TLSv1.2 SSLv9").build())
        .hasMessageStartingWith("Invalid tls-protocols specified: SSLv9");
  }
}
