package dev.spinel.wire.tls;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/// Reads PEM files (RFC 7468, and the older form that OpenSSL writes for encrypted keys):
/// certificates, and private keys as PKCS#8, PKCS#1 (RSA) or SEC1 (EC), encrypted or not. Other
/// blocks and text between blocks are passed over.
///
/// Errors are an [IOException] that says what is wrong with the file, without its name.
public final class Pem {
  private static final String BEGIN = "-----BEGIN ";
  private static final String END = "-----END ";
  private static final String DASHES = "-----";

  private static final List<String> KEY_ALGORITHMS =
      List.of("RSA", "EC", "EdDSA", "RSASSA-PSS", "DSA");

  private static final byte[] RSA_ALGORITHM =
      HexFormat.of().parseHex("300d06092a864886f70d0101010500"); // rsaEncryption, NULL
  private static final byte[] EC_PUBLIC_KEY = HexFormat.of().parseHex("06072a8648ce3d0201");

  private static final int INTEGER = 0x02;
  private static final int OCTETS = 0x04;
  private static final int SEQUENCE = 0x30;
  private static final int PARAMETERS = 0xa0; // [0] of a SEC1 key

  private Pem() {}

  /// One block: what it says it is, the lines before its content, and that.
  private record Block(String label, Map<String, String> headers, byte[] content) {}

  /// All certificates of a file, in its order; at least one.
  public static List<X509Certificate> certificates(Path file) throws IOException {
    List<X509Certificate> found = new ArrayList<>();
    for (Block block : blocks(file)) {
      if (block.label.equals("CERTIFICATE")
          || block.label.equals("X509 CERTIFICATE")
          || block.label.equals("TRUSTED CERTIFICATE")) {
        found.add(certificate(block.content));
      }
    }
    if (found.isEmpty()) throw new IOException("no certificate in it");
    return found;
  }

  private static X509Certificate certificate(byte[] der) throws IOException {
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(der));
    } catch (CertificateException e) {
      throw new IOException("a certificate that can't be read: " + e.getMessage(), e);
    }
  }

  /// The first private key of a file.
  ///
  /// @param password for an encrypted one; empty if there is none
  public static PrivateKey privateKey(Path file, String password) throws IOException {
    for (Block block : blocks(file)) {
      if (block.label.endsWith("PRIVATE KEY")) return privateKey(block, password);
    }
    throw new IOException("no private key in it");
  }

  private static PrivateKey privateKey(Block block, String password) throws IOException {
    byte[] content = block.content;
    String encryption = block.headers.get("DEK-INFO");
    try {
      if (encryption != null) content = decrypted(content, encryption, password);
      return switch (block.label) {
        case "PRIVATE KEY" -> key(content);
        case "ENCRYPTED PRIVATE KEY" -> key(decrypted(content, password));
        case "RSA PRIVATE KEY" -> key(wrapped(RSA_ALGORITHM, content));
        case "EC PRIVATE KEY" -> key(wrapped(curveAlgorithm(content), content));
        default -> throw new IOException("a key of an unknown kind: " + block.label);
      };
    } catch (GeneralSecurityException e) {
      boolean encrypted = encryption != null || block.label.startsWith("ENCRYPTED");
      throw new IOException(
          encrypted
              ? "an encrypted key that doesn't open: the password is wrong, or its encryption isn't"
                  + " known ("
                  + e.getMessage()
                  + ")"
              : "a key that can't be read: " + e.getMessage(),
          e);
    }
  }

  private static PrivateKey key(byte[] pkcs8) throws GeneralSecurityException {
    InvalidKeySpecException refusal = null;
    for (String algorithm : KEY_ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (InvalidKeySpecException e) {
        if (refusal == null) refusal = e;
      }
    }
    throw new InvalidKeySpecException("of none of the kinds " + KEY_ALGORITHMS, refusal);
  }

  // ── encrypted keys ──

  /// PKCS#8: the encryption is described inside.
  private static byte[] decrypted(byte[] content, String password)
      throws IOException, GeneralSecurityException {
    needs(password);
    EncryptedPrivateKeyInfo info = new EncryptedPrivateKeyInfo(content);
    String algorithm = info.getAlgName();
    if (algorithm.equals("PBES2") || algorithm.equals("1.2.840.113549.1.5.13")) {
      algorithm = info.getAlgParameters().toString(); // the JDK's name for the pair that it holds
    }
    Key key =
        SecretKeyFactory.getInstance(algorithm)
            .generateSecret(new PBEKeySpec(password.toCharArray()));
    return info.getKeySpec(key).getEncoded();
  }

  /// OpenSSL's older form: `DEK-Info: cipher,iv`, the key made of the password by MD5.
  private static byte[] decrypted(byte[] content, String info, String password)
      throws IOException, GeneralSecurityException {
    needs(password);
    int comma = info.indexOf(',');
    String name = (comma < 0 ? info : info.substring(0, comma)).trim().toUpperCase(Locale.ROOT);
    byte[] iv;
    try {
      iv = HexFormat.of().parseHex(info.substring(comma + 1).trim());
    } catch (IllegalArgumentException e) {
      throw new IOException("an encrypted key with a DEK-Info that can't be read", e);
    }
    int bytes =
        switch (name) {
          case "AES-128-CBC" -> 16;
          case "AES-192-CBC", "DES-EDE3-CBC" -> 24;
          case "AES-256-CBC" -> 32;
          default -> throw new NoSuchAlgorithmException(name);
        };
    String cipherName = name.startsWith("AES") ? "AES" : "DESede";
    byte[] key = stretched(password.getBytes(StandardCharsets.UTF_8), Arrays.copyOf(iv, 8), bytes);
    Cipher cipher = Cipher.getInstance(cipherName + "/CBC/PKCS5Padding");
    cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(key, cipherName), new IvParameterSpec(iv));
    return cipher.doFinal(content);
  }

  private static byte[] stretched(byte[] password, byte[] salt, int bytes)
      throws NoSuchAlgorithmException {
    MessageDigest md5 = MessageDigest.getInstance("MD5");
    byte[] key = new byte[bytes];
    byte[] block = {};
    for (int at = 0; at < bytes; at += block.length) {
      md5.update(block);
      md5.update(password);
      block = md5.digest(salt);
      System.arraycopy(block, 0, key, at, Math.min(block.length, bytes - at));
    }
    return key;
  }

  private static void needs(String password) throws IOException {
    if (password.isEmpty()) throw new IOException("an encrypted key, and no password for it");
  }

  // ── the older forms in the newer ──

  /// PKCS#8 around a key of another form: version 0, what kind of key it is, the key.
  private static byte[] wrapped(byte[] algorithm, byte[] key) {
    return der(SEQUENCE, der(INTEGER, new byte[1]), algorithm, der(OCTETS, key));
  }

  /// What kind of key a SEC1 key is: one on the curve that it names.
  private static byte[] curveAlgorithm(byte[] sec1) throws IOException {
    try {
      int[] at = {0};
      enter(sec1, at, SEQUENCE);
      skip(sec1, at, INTEGER);
      skip(sec1, at, OCTETS);
      int length = enter(sec1, at, PARAMETERS);
      byte[] curve = Arrays.copyOfRange(sec1, at[0], at[0] + length);
      return der(SEQUENCE, EC_PUBLIC_KEY, curve);
    } catch (IndexOutOfBoundsException e) {
      throw new IOException("an EC key that doesn't name its curve", e);
    }
  }

  /// The content of the element at `at` follows; returns its length.
  private static int enter(byte[] der, int[] at, int tag) throws IOException {
    if ((der[at[0]++] & 0xff) != tag) throw new IOException("an EC key of an unknown form");
    int length = der[at[0]++] & 0xff;
    if (length < 0x80) return length;
    int bytes = length & 0x7f;
    length = 0;
    for (int i = 0; i < bytes; i++) length = length << 8 | der[at[0]++] & 0xff;
    if (length < 0 || length > der.length - at[0]) {
      throw new IndexOutOfBoundsException("an element of " + length + " bytes");
    }
    return length;
  }

  private static void skip(byte[] der, int[] at, int tag) throws IOException {
    int length = enter(der, at, tag);
    at[0] += length;
  }

  private static byte[] der(int tag, byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) length += part.length;
    int sizeBytes = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    byte[] element = new byte[2 + sizeBytes + length];
    int at = 0;
    element[at++] = (byte) tag;
    element[at++] = (byte) (sizeBytes == 0 ? length : 0x80 | sizeBytes);
    for (int i = sizeBytes - 1; i >= 0; i--) element[at++] = (byte) (length >> 8 * i);
    for (byte[] part : parts) {
      System.arraycopy(part, 0, element, at, part.length);
      at += part.length;
    }
    return element;
  }

  // ── blocks ──

  private static List<Block> blocks(Path file) throws IOException {
    List<Block> blocks = new ArrayList<>();
    String label = null;
    StringBuilder content = new StringBuilder();
    Map<String, String> headers = new HashMap<>();
    for (String line : Files.readString(file, StandardCharsets.ISO_8859_1).lines().toList()) {
      String text = line.strip();
      if (text.startsWith(BEGIN) && text.endsWith(DASHES)) {
        label = text.substring(BEGIN.length(), text.length() - DASHES.length());
        content.setLength(0);
        headers = new HashMap<>();
      } else if (label == null) {
        continue;
      } else if (text.startsWith(END)) {
        blocks.add(new Block(label, headers, decoded(label, content.toString())));
        label = null;
      } else if (text.indexOf(':') > 0) {
        int colon = text.indexOf(':');
        headers.put(
            text.substring(0, colon).toUpperCase(Locale.ROOT), text.substring(colon + 1).strip());
      } else {
        content.append(text);
      }
    }
    if (label != null) throw new IOException("it ends within " + label);
    return blocks;
  }

  private static byte[] decoded(String label, String content) throws IOException {
    try {
      return Base64.getDecoder().decode(content);
    } catch (IllegalArgumentException e) {
      throw new IOException(label + " isn't base64: " + e.getMessage(), e);
    }
  }
}
