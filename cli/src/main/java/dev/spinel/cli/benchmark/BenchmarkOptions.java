package dev.spinel.cli.benchmark;

import dev.spinel.cli.Exit;
import dev.spinel.cli.Figures;
import dev.spinel.cli.Screen;
import dev.spinel.cli.ServerUri;
import dev.spinel.cli.TlsOptions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The command line of redis-benchmark: options, then perhaps a command with its arguments.
final class BenchmarkOptions {
  private static final int THREADS_MAX = 500;
  private static final int BYTES_MAX = 1 << 30;

  String host = "127.0.0.1";
  int port = 6379;
  @Nullable String socket;
  @Nullable String user;
  @Nullable String password;
  int database;
  boolean resp3;
  int clients = 50;
  int requests = 100_000;
  int dataBytes = 3;
  int pipeline = 1;
  boolean keepAlive = true;
  int keepAliveShown = 1;
  boolean random;
  int keys;
  boolean quiet;
  boolean csv;
  boolean loop;
  boolean idle;
  boolean lastArgumentFromInput;
  boolean tracking;
  boolean cluster;
  int threads;
  int precision = 3;
  @Nullable Long seed;
  @Nullable Set<String> tests;
  List<String> command = List.of();
  final TlsOptions tls = new TlsOptions();

  private final Screen screen;
  private final List<String> words;
  private int at;

  private BenchmarkOptions(Screen screen, List<String> words) {
    this.screen = screen;
    this.words = words;
  }

  static BenchmarkOptions parse(Screen screen, List<String> words) {
    BenchmarkOptions o = new BenchmarkOptions(screen, words);
    while (o.at < words.size() && o.take(words.get(o.at))) o.at++;
    o.command = new ArrayList<>(words.subList(o.at, words.size()));
    return o;
  }

  /// Whether a test was asked for: none was named, or one of these.
  boolean wants(String... names) {
    Set<String> wanted = tests;
    if (wanted == null) return true;
    for (String name : names) if (wanted.contains(name)) return true;
    return false;
  }

  /// Returns false at the first word of a command.
  private boolean take(String word) {
    switch (word) {
      case "-c" -> clients = number();
      case "-n" -> requests = number();
      case "-k" -> {
        keepAliveShown = number();
        keepAlive = keepAliveShown != 0;
      }
      case "-h" -> host = value();
      case "-p" -> port = port(number());
      case "-s" -> socket = value();
      case "-x" -> lastArgumentFromInput = true;
      case "-a" -> password = value();
      case "--user" -> user = value();
      case "-u" -> takeUri(value());
      case "-3" -> resp3 = true;
      case "-d" -> dataBytes = Math.clamp(number(), 1, BYTES_MAX);
      case "-P" -> pipeline = Math.max(1, number());
      case "-r" -> takeKeys();
      case "-q" -> quiet = true;
      case "--csv" -> csv = true;
      case "-l" -> loop = true;
      case "-I" -> idle = true;
      case "-e" -> screen.errLine("WARNING: -e has no effect: any error ends the run.");
      case "--seed" -> seed = (long) number();
      case "-t" -> tests = new HashSet<>(List.of(value().toLowerCase(Locale.ROOT).split(",", -1)));
      case "--dbnum" -> database = number();
      case "--precision" -> {
        int digits = number();
        precision = digits < 0 ? 3 : Math.clamp(digits, 1, 4);
      }
      case "--threads" -> takeThreads();
      case "--cluster" -> cluster = true;
      case "--enable-tracking" -> tracking = true;
      case "-v", "--version" -> {
        screen.out("redis-benchmark 7.2.6\n");
        throw new Exit(0);
      }
      case "--help" -> {
        screen.out(BenchmarkUsage.text());
        throw new Exit(0);
      }
      default -> {
        if (tls.take(word)) return true;
        if (at + 1 < words.size() && tls.take(word, words.get(at + 1))) {
          at++;
          return true;
        }
        if (word.startsWith("-")) throw invalid(word);
        return false;
      }
    }
    return true;
  }

  private void takeKeys() {
    String text = value();
    if (text.startsWith("-") && !text.matches("-[0-9].*")) throw invalid(text);
    random = true;
    keys = Math.max(0, Figures.atoi(text));
  }

  private void takeThreads() {
    threads = Math.max(0, number());
    if (threads > THREADS_MAX) {
      screen.errLine("WARNING: Too many threads, limiting threads to " + THREADS_MAX + ".");
      threads = THREADS_MAX;
    }
  }

  private void takeUri(String text) {
    ServerUri uri = ServerUri.of(text);
    if (uri.encrypted()) tls.turnOn();
    String error = uri.error();
    if (error != null) {
      screen.errLine(error);
      throw new Exit(1);
    }
    if (uri.host() != null) host = uri.host();
    if (uri.port() != null) port = port(uri.port());
    if (uri.user() != null) user = uri.user();
    if (uri.password() != null) password = uri.password();
    if (uri.database() != null) database = uri.database();
  }

  private int port(int port) {
    if (port < 0 || port > 65535) {
      screen.errLine("Invalid server port.");
      throw new Exit(1);
    }
    return port;
  }

  private int number() {
    return Figures.atoi(value());
  }

  private String value() {
    if (at + 1 == words.size()) throw invalid(words.get(at));
    return words.get(++at);
  }

  private Exit invalid(String word) {
    screen.out("Invalid option \"" + word + "\" or option argument missing\n\n");
    screen.out(BenchmarkUsage.text());
    return new Exit(1);
  }
}
