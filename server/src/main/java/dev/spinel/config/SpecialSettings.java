package dev.spinel.config;

import dev.spinel.wire.Quoting;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The directives whose syntax is theirs alone.
final class SpecialSettings {
  private SpecialSettings() {}

  /// `dir`: an absolute path. Setting it resolves against the value so far, as changing the
  /// directory of a process does, and the directory must exist. The JVM can't change its directory,
  /// so every relative path is resolved by [Config#path] instead; many servers of one JVM each have
  /// their own.
  static final class Directory extends Setting<String> {
    Directory(Row row) {
      super(row, Octets.encode(Path.of("").toAbsolutePath().toString()));
    }

    @Override
    String parse(String[] arguments, SettingValues draft, ConfigLog log) {
      requireOne(arguments);
      if (!Octets.canBePath(Octets.untilZero(arguments[0]))) throw reject(NO_NAME);
      try {
        Path path =
            Path.of(Octets.decode(draft.get(this)))
                .resolve(Octets.decode(Octets.untilZero(arguments[0])));
        if (arguments[0].isEmpty() || !Files.exists(path))
          throw reject("No such file or directory");
        if (!Files.isDirectory(path)) throw reject("Not a directory");
        if (!Files.isExecutable(path)) throw reject("Permission denied");
        return Octets.encode(path.toRealPath().toString());
      } catch (InvalidPathException malformed) {
        throw reject("No such file or directory");
      } catch (IOException unreachable) {
        throw reject(IoReason.of(unreachable));
      }
    }

    @Override
    String format(String value) {
      return value;
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      to.line(name(), name() + " " + Quoting.quote(values.get(this)));
    }

    @Override
    String accepts() {
      return "an existing directory";
    }
  }

  /// `save`: pairs of seconds and changes. In a file each line adds to those before it, see
  /// [ConfigFile].
  static final class SavePoints extends Setting<List<SavePoint>> {
    SavePoints(Row row) {
      super(
          row, List.of(new SavePoint(3600, 1), new SavePoint(300, 100), new SavePoint(60, 10000)));
    }

    @Override
    List<SavePoint> parse(String[] arguments, SettingValues draft, ConfigLog log) {
      return parse(arguments, List.of());
    }

    /// The points so far and the new ones; a single empty argument starts from none.
    List<SavePoint> parse(String[] arguments, List<SavePoint> soFar) {
      if (arguments.length == 1 && arguments[0].isEmpty()) return List.of();
      if (arguments.length % 2 != 0) throw reject("Invalid save parameters");
      List<SavePoint> points = new ArrayList<>(soFar);
      for (int i = 0; i < arguments.length; i += 2) {
        Long seconds = NumberSyntax.lenient(arguments[i], 10);
        Long changes = NumberSyntax.lenient(arguments[i + 1], 10);
        if (seconds == null || changes == null || seconds < 1 || changes < 0)
          throw reject("Invalid save parameters");
        points.add(new SavePoint(seconds, (int) (long) changes));
      }
      return List.copyOf(points);
    }

    @Override
    String format(List<SavePoint> points) {
      StringBuilder text = new StringBuilder();
      for (SavePoint point : points) {
        text.append(text.isEmpty() ? "" : " ")
            .append(point.seconds())
            .append(' ')
            .append(point.changes());
      }
      return text.toString();
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      List<SavePoint> points = values.get(this);
      if (points.isEmpty()) to.line(name(), "save \"\"");
      for (SavePoint point : points)
        to.line(name(), "save " + point.seconds() + " " + point.changes());
    }

    @Override
    String accepts() {
      return "pairs of seconds and changes";
    }
  }

  /// `client-output-buffer-limit`: for one or more kinds of clients; the others keep theirs.
  static final class OutputLimit extends Setting<OutputLimits> {
    OutputLimit(Row row) {
      super(row, OutputLimits.DEFAULT);
    }

    @Override
    OutputLimits parse(String[] arguments, SettingValues draft, ConfigLog log) {
      if (arguments.length % 4 != 0)
        throw reject("Wrong number of arguments in buffer limit configuration.");
      OutputLimits limits = draft.get(this);
      for (int i = 0; i < arguments.length; i += 4) {
        String kind = Octets.lower(arguments[i]);
        switch (kind) {
          case "normal", "slave", "replica", "pubsub" -> {}
          default -> throw reject("Invalid client class specified in buffer limit configuration.");
        }
        OutputLimits.Limit limit = limit(arguments[i + 1], arguments[i + 2], arguments[i + 3]);
        limits =
            switch (kind) {
              case "normal" -> new OutputLimits(limit, limits.replica(), limits.pubsub());
              case "pubsub" -> new OutputLimits(limits.normal(), limits.replica(), limit);
              default -> new OutputLimits(limits.normal(), limit, limits.pubsub());
            };
      }
      return limits;
    }

    private static OutputLimits.Limit limit(String hard, String soft, String seconds) {
      Long hardBytes = NumberSyntax.memory(hard);
      Long softBytes = NumberSyntax.memory(soft);
      Long softSeconds = NumberSyntax.lenient(seconds, 10);
      if (hardBytes == null
          || softBytes == null
          || softSeconds == null
          || (int) (long) softSeconds < 0) {
        throw reject("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
      }
      return new OutputLimits.Limit(hardBytes, softBytes, (int) (long) softSeconds);
    }

    @Override
    String format(OutputLimits limits) {
      return format("normal", limits.normal())
          + format(" slave", limits.replica())
          + format(" pubsub", limits.pubsub());
    }

    private static String format(String kind, OutputLimits.Limit limit) {
      return kind
          + " "
          + Long.toUnsignedString(limit.hardBytes())
          + " "
          + Long.toUnsignedString(limit.softBytes())
          + " "
          + limit.softSeconds();
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      OutputLimits limits = values.get(this);
      rewrite("normal", limits.normal(), defaultValue.normal(), to);
      rewrite("replica", limits.replica(), defaultValue.replica(), to);
      rewrite("pubsub", limits.pubsub(), defaultValue.pubsub(), to);
    }

    private void rewrite(
        String kind, OutputLimits.Limit limit, OutputLimits.Limit standard, ConfigRewrite to) {
      String hard = NumberSyntax.formatMemory(limit.hardBytes());
      String soft = NumberSyntax.formatMemory(limit.softBytes());
      String line = name() + " " + kind + " " + hard + " " + soft + " " + limit.softSeconds();
      to.line(name(), line, !format(kind, limit).equals(format(kind, standard)));
    }

    @Override
    String accepts() {
      return "class, hard and soft bytes, seconds; repeatedly";
    }
  }

  /// `oom-score-adj-values`: three numbers.
  static final class OomScores extends Setting<List<Long>> {
    OomScores(Row row) {
      super(row, List.of(0L, 200L, 800L));
    }

    @Override
    List<Long> parse(String[] arguments, SettingValues draft, ConfigLog log) {
      if (arguments.length != 3) throw reject("wrong number of arguments");
      List<Long> scores = List.of(score(arguments[0]), score(arguments[1]), score(arguments[2]));
      if (scores.get(1) < scores.get(0) || scores.get(2) < scores.get(1)) {
        log.log(
            '#',
            "The oom-score-adj-values configuration may not work for non-privileged processes! "
                + "Please consult the documentation.");
      }
      return scores;
    }

    private static Long score(String text) {
      Long score = NumberSyntax.lenient(text, 10);
      if (score == null || score < -2000 || score > 2000) {
        throw reject("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
      }
      return score;
    }

    @Override
    String format(List<Long> scores) {
      return scores.get(0) + " " + scores.get(1) + " " + scores.get(2);
    }

    @Override
    String accepts() {
      return "three numbers, -2000 to 2000";
    }
  }

  /// `notify-keyspace-events`: letters; the value is the bits of [KeyspaceEvents].
  static final class EventClasses extends Setting<Long> {
    EventClasses(Row row) {
      super(row, 0L);
    }

    @Override
    Long parse(String[] arguments, SettingValues draft, ConfigLog log) {
      requireOne(arguments);
      int bits = KeyspaceEvents.parse(Octets.untilZero(arguments[0]));
      if (bits < 0) throw reject("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
      return (long) bits;
    }

    @Override
    String format(Long bits) {
      return KeyspaceEvents.format(bits);
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      long bits = values.get(this);
      to.line(name(), name() + " " + Quoting.quote(format(bits)), bits != 0);
    }

    @Override
    String accepts() {
      return "letters of Ag$lshzxeKEtmdn";
    }
  }

  /// `bind`: addresses; one that begins with `-` may be missing on this machine.
  static final class BindAddresses extends Setting<List<String>> {
    BindAddresses(Row row) {
      super(row, List.of("*", "-::*"));
    }

    @Override
    List<String> parse(String[] arguments, SettingValues draft, ConfigLog log) {
      if (arguments.length > 16) throw reject("Too many bind addresses specified.");
      if (arguments.length == 1 && arguments[0].isEmpty()) return List.of();
      return List.of(arguments);
    }

    @Override
    String format(List<String> addresses) {
      return String.join(" ", addresses);
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      List<String> addresses = values.get(this);
      if (values.isDefault(this)) {
        to.processed(name());
        return;
      }
      StringBuilder line = new StringBuilder(name());
      if (addresses.isEmpty()) line.append(" \"\"");
      for (String address : addresses) line.append(' ').append(Quoting.quoteIfNeeded(address));
      to.line(name(), line.toString());
    }

    @Override
    String accepts() {
      return "up to 16 addresses";
    }
  }

  /// `replicaof`: host and port, or "no one".
  static final class Primary extends Setting<ReplicaOf> {
    Primary(Row row) {
      super(row, ReplicaOf.NONE);
    }

    @Override
    ReplicaOf parse(String[] arguments, SettingValues draft, ConfigLog log) {
      if (arguments.length != 2) throw reject("wrong number of arguments");
      if (Octets.same(arguments[0], "no") && Octets.same(arguments[1], "one"))
        return ReplicaOf.NONE;
      Long port = NumberSyntax.lenient(arguments[1], 10);
      if (port == null || (int) (long) port < 0 || (int) (long) port > 65535)
        throw reject("Invalid master port");
      return new ReplicaOf(arguments[0], (int) (long) port);
    }

    @Override
    String format(ReplicaOf primary) {
      return primary.isNone() ? "" : primary.host() + " " + primary.port();
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      ReplicaOf primary = values.get(this);
      // In a cluster the roles are in nodes.conf.
      if (values.get(Settings.CLUSTER_ENABLED) || primary.isNone()) to.processed(name());
      else
        to.line(
            name(),
            name() + " " + Quoting.quoteIfNeeded(primary.host()) + " " + primary.port(),
            true);
    }

    @Override
    String accepts() {
      return "host and port, or no one";
    }
  }

  /// `latency-tracking-info-percentiles`: numbers from 0 to 100.
  static final class Percentiles extends Setting<List<Double>> {
    Percentiles(Row row) {
      super(row, List.of(50.0, 99.0, 99.9));
    }

    @Override
    List<Double> parse(String[] arguments, SettingValues draft, ConfigLog log) {
      if (arguments.length == 1 && arguments[0].isEmpty()) return List.of();
      Double[] percentiles = new Double[arguments.length];
      for (int i = 0; i < percentiles.length; i++) {
        double percentile = read(arguments[i]);
        if (percentile > 100 || percentile < 0) {
          throw reject(
              "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
        }
        percentiles[i] = percentile;
      }
      return List.of(percentiles);
    }

    /// As C's `strtod` does, which also knows hexadecimal and infinity.
    private static double read(String text) {
      String word = Octets.lower(text);
      if (word.equals("inf") || word.equals("infinity") || word.equals("+inf"))
        return Double.POSITIVE_INFINITY;
      if (word.equals("-inf") || word.equals("-infinity")) return Double.NEGATIVE_INFINITY;
      boolean hexadecimal = word.indexOf('x') >= 0;
      boolean plain = !word.isEmpty();
      for (int i = 0; i < word.length(); i++) {
        plain &=
            (hexadecimal ? "0123456789abcdefxp+-." : "0123456789e+-.").indexOf(word.charAt(i)) >= 0;
      }
      try {
        if (plain)
          return Double.parseDouble(hexadecimal && word.indexOf('p') < 0 ? word + "p0" : word);
      } catch (NumberFormatException misread) {
        // refused below, like everything else that is no number
      }
      throw reject("Invalid latency-tracking-info-percentiles parameters");
    }

    @Override
    String format(List<Double> percentiles) {
      StringBuilder text = new StringBuilder();
      for (double percentile : percentiles) {
        BigDecimal digits =
            new BigDecimal(percentile).setScale(6, RoundingMode.HALF_EVEN).stripTrailingZeros();
        text.append(text.isEmpty() ? "" : " ").append(digits.toPlainString());
      }
      return text.toString();
    }

    @Override
    void rewrite(SettingValues values, ConfigRewrite to) {
      List<Double> percentiles = values.get(this);
      to.line(name(), name() + " " + (percentiles.isEmpty() ? "\"\"" : format(percentiles)));
    }

    @Override
    String accepts() {
      return "numbers, 0 to 100";
    }
  }

  /// Why a name isn't taken that the JVM can't use.
  private static final String NO_NAME =
      "a file's name must be UTF-8, and the locale's encoding, too";

  /// A file's name, with or without folders before it.
  static final class PathName extends Setting.Text {
    PathName(Row row, Empty empty) {
      super(row, empty, "");
    }

    @Override
    void check(String text, SettingValues draft) {
      if (!Octets.canBePath(text)) throw reject(NO_NAME);
    }
  }

  /// A file name without a path.
  static final class FileName extends Setting.Text {
    private final String noun;
    private final boolean mayBeEmpty;

    FileName(Row row, String defaultValue, String noun, boolean mayBeEmpty) {
      super(row, Empty.IS_A_VALUE, defaultValue);
      this.noun = noun;
      this.mayBeEmpty = mayBeEmpty;
    }

    @Override
    void check(String text, SettingValues draft) {
      if (text.isEmpty() && !mayBeEmpty) throw reject(name() + " can't be empty");
      if (text.indexOf('/') >= 0 || text.indexOf('\\') >= 0)
        throw reject(name() + " can't be a path, just a " + noun);
    }

    @Override
    String accepts() {
      return noun;
    }
  }

  /// `cluster-announce-hostname`.
  static final class HostName extends Setting.Text {
    HostName(Row row) {
      super(row, Empty.IS_UNSET, "");
    }

    @Override
    void check(String text, SettingValues draft) {
      if (text.length() >= 256) throw reject("Hostnames must be less than 256 characters");
      for (int i = 0; i < text.length(); i++) {
        char c = text.charAt(i);
        boolean letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.') {
          throw reject("Hostnames may only contain alphanumeric characters, hyphens or dots");
        }
      }
    }
  }

  /// `cluster-seeds`: `host:bus port`, as many as there are.
  static final class Seeds extends Setting.Text {
    Seeds(Row row) {
      super(row, Empty.IS_UNSET, "");
    }

    @Override
    void check(String text, SettingValues draft) {
      for (String word : text.isBlank() ? new String[0] : text.trim().split("\\s+")) {
        int colon = word.lastIndexOf(':');
        if (colon <= 0 || !word.substring(colon + 1).matches("[0-9]{1,5}")) {
          throw reject("Seeds are host:port, the port of the cluster bus, separated by spaces");
        }
        int port = Integer.parseInt(word.substring(colon + 1));
        if (port == 0 || port > 65535) {
          throw reject("The port of a seed must be between 1 and 65535");
        }
      }
    }
  }

  /// `cluster-announce-human-nodename`.
  static final class NodeName extends Setting.Text {
    NodeName(Row row) {
      super(row, Empty.IS_UNSET, "");
    }

    @Override
    void check(String text, SettingValues draft) {
      for (int i = 0; i < text.length(); i++) {
        if ("!#$%&()*+:;<>?@[]^{|}~".indexOf(text.charAt(i)) >= 0) {
          throw reject("Announced human node name contained invalid character");
        }
      }
    }
  }

  /// `proc-title-template`: text with variables in braces, `{{` for a brace; it must come out as
  /// something.
  static final class TitleTemplate extends Setting.Text {
    TitleTemplate(Row row) {
      super(row, Empty.IS_A_VALUE, "{title} {listen-addr} {server-mode}");
    }

    @Override
    void check(String text, SettingValues draft) {
      if (!showsSomething(text, draft))
        throw reject("template format is invalid or contains unknown variables");
    }

    private static boolean showsSomething(String text, SettingValues draft) {
      boolean something = false;
      for (int at = 0; at < text.length(); at++) {
        char c = text.charAt(at);
        if (c != '{') {
          something |= c != ' ';
        } else if (text.startsWith("{{", at)) {
          something = true;
          at++;
        } else {
          int end = text.indexOf('}', at);
          if (end < 0) return false;
          switch (text.substring(at + 1, end)) {
            case "listen-addr", "config-file", "port", "tls-port" -> something = true;
            case "server-mode" -> something |= draft.get(Settings.CLUSTER_ENABLED);
            case "unixsocket" -> something |= !draft.get(Settings.UNIXSOCKET).isEmpty();
            case "title" -> {}
            default -> {
              return false;
            }
          }
          at = end;
        }
      }
      return something;
    }
  }
}
