package dev.spinel.wire.tls;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Protocols and ciphers by the names that OpenSSL has for them, as `tls-protocols`, `tls-ciphers`
/// and `tls-ciphersuites` are written. Errors are an [IOException] that names the odd one.
final class Ciphers {
  private Ciphers() {}

  static String[] protocols(String names) throws IOException {
    if (names.isBlank()) return new String[] {"TLSv1.3", "TLSv1.2"};
    Set<String> protocols = new LinkedHashSet<>();
    for (String name : names.strip().split("\\s+", -1)) {
      protocols.add(
          switch (name.toLowerCase(Locale.ROOT)) {
            case "tlsv1" -> "TLSv1";
            case "tlsv1.1" -> "TLSv1.1";
            case "tlsv1.2" -> "TLSv1.2";
            case "tlsv1.3" -> "TLSv1.3";
            default ->
                throw new IOException(
                    "Invalid tls-protocols specified: " + name + " (TLSv1.2 and TLSv1.3 are)");
          });
    }
    return protocols.toArray(String[]::new);
  }

  /// What of `available` (the JDK's names) these lists leave, in the order of the lists. Elements
  /// are a cipher's name, `ALL`, `DEFAULT`, `HIGH`, an algorithm that the name holds (`AESGCM`,
  /// `ECDHE`, `CHACHA20` …), or any of them after `!` or `-`.
  static String[] suites(String[] available, String ciphers, String suites) throws IOException {
    List<String> older = new ArrayList<>();
    List<String> newer = new ArrayList<>();
    for (String name : available) (isOf13(name) ? newer : older).add(name);
    Set<String> chosen = new LinkedHashSet<>();
    chosen.addAll(suites.isBlank() ? newer : chosen(newer, suites, "tls-ciphersuites"));
    chosen.addAll(ciphers.isBlank() ? older : chosen(older, ciphers, "tls-ciphers"));
    return chosen.toArray(String[]::new);
  }

  private static boolean isOf13(String name) {
    return !name.contains("_WITH_") && !name.contains("SCSV");
  }

  private static Set<String> chosen(List<String> available, String list, String setting)
      throws IOException {
    Set<String> chosen = new LinkedHashSet<>();
    Set<String> banned = new LinkedHashSet<>();
    for (String element : list.strip().split("[:, ]+", -1)) {
      boolean without = element.startsWith("!") || element.startsWith("-");
      String wanted = element.replaceFirst("^[!+-]", "");
      if (wanted.startsWith("@")) continue; // an order
      for (String name : available) {
        if (!isMeant(name, wanted)) continue;
        if (without) {
          chosen.remove(name);
          if (element.startsWith("!")) banned.add(name);
        } else {
          chosen.add(name);
        }
      }
    }
    chosen.removeAll(banned);
    if (chosen.isEmpty())
      throw new IOException("Failed to configure ciphers: " + setting + " " + list);
    return chosen;
  }

  private static boolean isMeant(String name, String wanted) {
    String own = openSslName(name);
    if (name.equals(wanted) || own.equals(wanted)) return true;
    return switch (wanted) {
      case "ALL", "DEFAULT", "HIGH" -> true;
      case "AESGCM" -> own.contains("-GCM-") && own.contains("AES");
      case "AES" -> own.contains("AES");
      case "ECDHE", "EECDH", "kEECDH", "kECDHE" -> own.startsWith("ECDHE-");
      case "DHE", "EDH" -> own.startsWith("DHE-");
      case "aRSA", "ECDSA", "aECDSA" ->
          own.contains("-" + wanted.substring(wanted.startsWith("a") ? 1 : 0) + "-");
      default -> List.of(own.split("-", -1)).contains(wanted);
    };
  }

  /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256`.
  static String openSslName(String name) {
    if (isOf13(name)) return name;
    String own = name.substring(4).replace("_WITH_", "_").replace('_', '-');
    own = own.replace("AES-128", "AES128").replace("AES-256", "AES256");
    own = own.replace("-CBC-", "-").replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305");
    return own.startsWith("RSA-") ? own.substring(4) : own;
  }
}
