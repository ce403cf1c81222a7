package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The command line of redis-cli: options, then a command with its arguments. Filled by [#parse],
/// then only read.
///
/// An option that needs a value counts as unknown where it is the last word, as in Redis; an
/// unknown one ends the program.
final class Options {
  /// What the program does instead of sending a command.
  enum Mode {
    COMMAND,
    LATENCY,
    LATENCY_DIST,
    REPLICA,
    RDB,
    FUNCTIONS_RDB,
    PIPE,
    BIG_KEYS,
    MEM_KEYS,
    HOT_KEYS,
    STAT,
    SCAN,
    LRU_TEST,
    INTRINSIC_LATENCY
  }

  static final int PIPE_TIMEOUT_SECONDS = 30;
  static final int USUAL_PORT = 6379;

  String host = "127.0.0.1";
  int port = USUAL_PORT;
  @Nullable String socket;
  @Nullable String user;
  @Nullable String password;
  boolean askPassword;
  boolean noAuthWarning;
  int database;
  boolean resp2;
  Resp3 resp3 = Resp3.NO;
  boolean followRedirects;

  /// Whether HELLO 3 is sent: never, where the server knows it (`--json`), or by all means (`-3`).
  enum Resp3 {
    NO,
    IF_POSSIBLE,
    YES
  }

  long repeat = 1;
  long intervalMicros;
  boolean lastArgumentFromInput;
  @Nullable String tagOfInput;
  boolean quotedInput;
  boolean failOnError;
  Form form = Form.STANDARD;
  String elementDelimiter = "\n";
  String replyDelimiter = "\n";
  boolean showPushes;
  boolean verbose;

  private final java.util.EnumSet<Mode> modes = java.util.EnumSet.noneOf(Mode.class);
  boolean latencyHistory;
  boolean mono;
  long lruTestKeys;
  @Nullable String pattern;
  int count = 10;
  int intrinsicSeconds;
  String rdbFile = "";
  int pipeTimeoutSeconds = PIPE_TIMEOUT_SECONDS;
  int memorySamples;
  @Nullable String evalFile;

  /// Run after each command of the cluster manager's: a test may end the program there, by what it
  /// throws.
  Runnable afterCommand = () -> {};

  boolean debugger;
  boolean debuggerInSync;
  @Nullable String hintFor;
  @Nullable String hintFile;
  final TlsOptions tls = new TlsOptions();
  final ClusterOptions cluster = new ClusterOptions();
  List<String> command = List.of();

  private final Screen screen;
  private final List<String> words;
  private int at;

  private Options(Screen screen, List<String> words) {
    this.screen = screen;
    this.words = words;
    form = screen.isForPeople() ? Form.STANDARD : Form.RAW;
    showPushes = screen.isForPeople();
  }

  static Options parse(Screen screen, List<String> words) throws IOException {
    Options o = new Options(screen, words);
    o.parse();
    o.checkTogether();
    o.readEnvironment();
    return o;
  }

  Form.Delimiters delimiters() {
    return new Form.Delimiters(elementDelimiter, replyDelimiter);
  }

  /// The mode; of several, the one that Redis looks at first.
  Mode mode() {
    return modes.isEmpty() ? Mode.COMMAND : modes.iterator().next();
  }

  private void parse() throws IOException {
    for (; at < words.size(); at++) {
      String word = words.get(at);
      boolean last = at == words.size() - 1;
      if (last ? flag(word) : flag(word) || withValue(word)) continue;
      if (cluster.command != null && !word.startsWith("-")) {
        takeClusterArguments();
        continue;
      }
      if (word.startsWith("-")) {
        screen.errLine("Unrecognized option or bad number of args for: '" + word + "'");
        throw new Exit(1);
      }
      break;
    }
    command = List.copyOf(words.subList(at, words.size()));
  }

  /// An option without a value.
  private boolean flag(String word) {
    switch (word) {
      case "--help" -> help(0);
      case "-x" -> lastArgumentFromInput = true;
      case "--no-auth-warning" -> noAuthWarning = true;
      case "--askpass" -> askPassword = true;
      case "--raw" -> form = Form.RAW;
      case "--no-raw" -> form = Form.STANDARD;
      case "--quoted-input" -> quotedInput = true;
      case "--csv" -> form = Form.CSV;
      case "--json" -> json(Form.JSON);
      case "--quoted-json" -> json(Form.QUOTED_JSON);
      case "--latency" -> modes.add(Mode.LATENCY);
      case "--latency-dist" -> modes.add(Mode.LATENCY_DIST);
      case "--mono" -> mono = true;
      case "--latency-history" -> {
        modes.add(Mode.LATENCY);
        latencyHistory = true;
      }
      case "--slave", "--replica" -> modes.add(Mode.REPLICA);
      case "--stat" -> modes.add(Mode.STAT);
      case "--scan" -> modes.add(Mode.SCAN);
      case "--pipe" -> modes.add(Mode.PIPE);
      case "--bigkeys" -> modes.add(Mode.BIG_KEYS);
      case "--memkeys" -> {
        modes.add(Mode.MEM_KEYS);
        memorySamples = 0;
      }
      case "--hotkeys" -> modes.add(Mode.HOT_KEYS);
      case "--ldb" -> debugger(false);
      case "--ldb-sync-mode" -> debugger(true);
      case "-c" -> followRedirects = true;
      case "-e" -> failOnError = true;
      case "--verbose" -> verbose = true;
      case "-2" -> resp2 = true;
      case "-3" -> resp3 = Resp3.YES;
      case "-v", "--version" -> {
        screen.outLine(Version.line());
        throw new Exit(0);
      }
      default -> {
        return tls.take(word) || lastWordOnly(word) || clusterFlag(word);
      }
    }
    return true;
  }

  /// Options with a value, where they stand at the end without one.
  private boolean lastWordOnly(String word) {
    if (at < words.size() - 1) return false;
    switch (word) {
      case "-h" -> help(0);
      case "--cluster" -> help(1);
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean clusterFlag(String word) {
    switch (word) {
      case "--cluster-only-masters" -> cluster.onlyMasters = true;
      case "--cluster-only-replicas" -> cluster.onlyReplicas = true;
      case "--cluster-from-askpass" -> cluster.fromAskPass = true;
      case "--cluster-yes" -> cluster.yes = true;
      case "--cluster-simulate" -> cluster.simulate = true;
      case "--cluster-replace" -> {
        cluster.replace = true;
        cluster.keyByKey = true;
      }
      case "--cluster-copy" -> cluster.copy = true;
      case "--cluster-slave" -> cluster.slave = true;
      case "--cluster-use-empty-masters" -> cluster.useEmptyMasters = true;
      case "--cluster-search-multiple-owners" -> cluster.searchMultipleOwners = true;
      case "--cluster-fix-with-unreachable-masters" -> cluster.fixWithUnreachableMasters = true;
      default -> {
        return false;
      }
    }
    return true;
  }

  /// An option whose value is the next word.
  private boolean withValue(String word) throws IOException {
    switch (word) {
      case "-h" -> host = value();
      case "-X" -> tagOfInput = value();
      case "-p" -> port = port(Figures.atoi(value()));
      case "-s" -> socket = value();
      case "-r" -> repeat = Figures.strtoll(value());
      case "-i" -> intervalMicros = (long) (Figures.atof(value()) * 1000000);
      case "-n" -> database = Figures.atoi(value());
      case "-a", "--pass" -> password = value();
      case "--user" -> user = value();
      case "-u" -> takeUri(value());
      case "--lru-test" -> {
        modes.add(Mode.LRU_TEST);
        lruTestKeys = Figures.strtoll(value());
      }
      case "--pattern" -> pattern = value();
      case "--count" -> count = Figures.atoi(value());
      case "--quoted-pattern" -> {
        pattern = Quoting.unquote(value());
        if (pattern == null) fail("Invalid quoted string specified for --quoted-pattern.");
      }
      case "--intrinsic-latency" -> {
        modes.add(Mode.INTRINSIC_LATENCY);
        intrinsicSeconds = Figures.atoi(value());
      }
      case "--rdb" -> {
        modes.add(Mode.RDB);
        rdbFile = value();
      }
      case "--functions-rdb" -> {
        modes.add(Mode.FUNCTIONS_RDB);
        rdbFile = value();
      }
      case "--pipe-timeout" -> pipeTimeoutSeconds = Figures.atoi(value());
      case "--memkeys-samples" -> {
        modes.add(Mode.MEM_KEYS);
        memorySamples = Figures.atoi(value());
      }
      case "--eval" -> evalFile = value();
      case "-d" -> elementDelimiter = value();
      case "-D" -> replyDelimiter = value();
      case "--show-pushes" -> showPushes(value());
      case "--test_hint" -> hintFor = value();
      case "--test_hint_file" -> hintFile = value();
      case "--cluster" -> takeClusterCommand();
      default -> {
        if (!tls.take(word, words.get(at + 1))) return clusterValue(word);
        at++;
      }
    }
    return true;
  }

  private boolean clusterValue(String word) {
    switch (word) {
      case "--cluster-replicas" -> cluster.replicas = Figures.atoi(value());
      case "--cluster-master-id" -> cluster.masterId = value();
      case "--cluster-from" -> cluster.from = value();
      case "--cluster-to" -> cluster.to = value();
      case "--cluster-from-user" -> cluster.fromUser = value();
      case "--cluster-from-pass" -> cluster.fromPass = value();
      case "--cluster-weight" -> takeWeights();
      case "--cluster-slots" -> cluster.slots = Figures.atoi(value());
      case "--cluster-timeout" -> {
        cluster.timeoutMillis = Figures.atoi(value());
        cluster.keyByKey = true;
      }
      case "--cluster-pipeline" -> {
        cluster.pipeline = Figures.atoi(value());
        cluster.keyByKey = true;
      }
      case "--cluster-threshold" -> cluster.threshold = (float) Figures.atof(value());
      default -> {
        return false;
      }
    }
    return true;
  }

  private String value() {
    return words.get(++at);
  }

  private void fail(String message) {
    screen.errLine(message);
    throw new Exit(1);
  }

  private void help(int status) {
    String text = Usage.text();
    if (status == 0) screen.out(text);
    else screen.err(text);
    throw new Exit(status);
  }

  private int port(int port) {
    if (port < 0 || port > 65535) fail("Invalid server port.");
    return port;
  }

  private void json(Form form) {
    if (resp3 == Resp3.NO) resp3 = Resp3.IF_POSSIBLE;
    this.form = form;
  }

  private void debugger(boolean inSync) {
    debugger = true;
    if (inSync) debuggerInSync = true;
    form = Form.RAW;
  }

  private void showPushes(String value) {
    char first = value.isEmpty() ? 0 : value.charAt(0);
    if (first == 'n' || first == 'N') showPushes = false;
    else if (first == 'y' || first == 'Y') showPushes = true;
    else {
      screen.errLine("Unknown --show-pushes value '" + value + "' (valid: '[y]es', '[n]o')");
    }
  }

  private void takeUri(String text) {
    ServerUri uri = ServerUri.of(text);
    if (uri.error() != null) fail(uri.error());
    if (uri.encrypted()) tls.turnOn();
    if (uri.host() != null) host = uri.host();
    if (uri.port() != null) port = port(uri.port());
    if (uri.user() != null) user = uri.user();
    if (uri.password() != null) password = uri.password();
    if (uri.database() != null) database = uri.database();
  }

  // ── --cluster ──

  /// The subcommand and the words up to the next option.
  private void takeClusterCommand() throws IOException {
    if (cluster.command != null) help(1);
    cluster.command = value();
    int end = at;
    while (end < words.size() && !words.get(end).startsWith("-")) end++;
    if (end > at) end--;
    List<String> arguments = new ArrayList<>(words.subList(Math.min(at + 1, end + 1), end + 1));
    at = end;
    cluster.colours = screen.hasColours();
    if (lastArgumentFromInput) {
      arguments.add(screen.readAll());
    } else if (tagOfInput != null) {
      String input = screen.readAll();
      int tag = arguments.indexOf(tagOfInput);
      if (tag < 0) fail("Using -X option but stdin tag not match.");
      arguments.set(tag, input);
    }
    cluster.arguments = arguments;
  }

  /// Arguments of a subcommand that stand behind options.
  private void takeClusterArguments() {
    if (!cluster.arguments.isEmpty()) return;
    int end = at + 1;
    while (end < words.size() && !words.get(end).startsWith("-")) end++;
    cluster.arguments = new ArrayList<>(words.subList(at, end));
    if (end - at > 1) at = end - 1;
  }

  private void takeWeights() {
    if (!cluster.weights.isEmpty()) {
      fail(
          "WARNING: you cannot use --cluster-weight more than once.\n"
              + "You can set more weights by adding them as a space-separated list, ie:\n"
              + "--cluster-weight n1=w n2=w");
    }
    int end = at + 1;
    while (end < words.size() && words.get(end).contains("=") && !words.get(end).startsWith("--")) {
      end++;
    }
    cluster.weights = List.copyOf(words.subList(at + 1, end));
    at = end - 1;
  }

  // ── What goes together, and the environment ──

  private void checkTogether() {
    if (socket != null && followRedirects) fail("Options -c and -s are mutually exclusive.");
    if (resp2 && resp3 == Resp3.YES) fail("Options -2 and -3 are mutually exclusive.");
    if (debugger && evalFile == null) {
      fail(
          "Options --ldb and --ldb-sync-mode require --eval.\n"
              + "Try redis-cli --help for more information.");
    }
    if (!noAuthWarning && password != null) {
      screen.errLine(
          "Warning: Using a password with '-a' or '-u' option on the command line interface may not"
              + " be safe.");
    }
    if (modes.contains(Mode.RDB) && modes.contains(Mode.FUNCTIONS_RDB)) {
      fail("Option --functions-rdb and --rdb are mutually exclusive.");
    }
    if (lastArgumentFromInput && tagOfInput != null) {
      fail("Options -x and -X are mutually exclusive.");
    }
  }

  private void readEnvironment() {
    String auth = screen.environment("REDISCLI_AUTH");
    if (auth != null && password == null) password = auth;
    if ("1".equals(screen.environment("REDISCLI_CLUSTER_YES"))) cluster.yes = true;
  }
}
