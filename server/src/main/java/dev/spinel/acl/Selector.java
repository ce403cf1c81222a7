package dev.spinel.acl;

import dev.spinel.config.Octets;
import dev.spinel.engine.Command;
import dev.spinel.wire.Args;
import dev.spinel.wire.Glob;
import dev.spinel.wire.Slice;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A set of rules that hold together: a user has one of its own, and others in parentheses. A call
/// is allowed if one of them allows all of it. Immutable; made by [SelectorDraft].
final class Selector {
  /// Nothing need be looked up.
  final boolean allCommands, allKeys, allChannels;

  /// Whether the rules begin with all commands, future ones too, and take some away.
  final boolean startsWithAll;

  final List<KeyPattern> keys;
  final List<Slice> channels;

  /// The rules about commands, in the order that counts: `+get`, `-@admin`, `+config|get`.
  final List<String> rules;

  private final long[] commands; // a bit for each Command.index
  private final Map<Command, List<String>>
      firstArguments; // of commands that aren't allowed as such

  Selector(SelectorDraft draft) {
    allCommands = draft.allCommands;
    allKeys = draft.allKeys;
    allChannels = draft.allChannels;
    startsWithAll = draft.startsWithAll;
    keys = draft.keyPatterns();
    channels = List.copyOf(draft.channels);
    rules = List.copyOf(draft.rules);
    commands = draft.commands.toLongArray();
    firstArguments =
        draft.firstArguments.entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, each -> List.copyOf(each.getValue())));
  }

  private Selector(boolean allChannels) {
    this(new SelectorDraft(null, allChannels));
  }

  /// One that allows nothing but, perhaps, all channels.
  static Selector empty(boolean allChannels) {
    return new Selector(allChannels);
  }

  /// Copies what a draft begins with.
  void copyTo(SelectorDraft draft) {
    draft.allCommands = allCommands;
    draft.allKeys = allKeys;
    draft.allChannels = allChannels;
    draft.startsWithAll = startsWithAll;
    keys.forEach(each -> draft.keys.put(each.glob(), each.uses()));
    draft.channels.addAll(channels);
    draft.rules.addAll(rules);
    draft.commands.or(BitSet.valueOf(commands));
    firstArguments.forEach(
        (command, allowed) -> draft.firstArguments.put(command, new ArrayList<>(allowed)));
  }

  boolean isUnrestricted() {
    return allCommands && allKeys && allChannels;
  }

  // ── what is allowed ──

  /// Why the call isn't allowed, null if it is.
  ///
  /// @param from the argument at which the call begins
  @Nullable Denial check(Command command, Args args, int from, UsedKeys used) {
    if (!allCommands && !command.is(Command.NO_AUTH) && !allows(command, args, from)) {
      return new Denial(Denial.Kind.COMMAND, 0);
    }
    if (!allKeys && command.hasKeys()) {
      for (int i = 0; i < used.count(); i++) {
        int position = used.position(i);
        if (!allowsKey(args.at(from + position), KeyPattern.usesOf(used.flags(i)))) {
          return new Denial(Denial.Kind.KEY, position);
        }
      }
    }
    return allChannels || !command.is(Command.PUBSUB) ? null : checkChannels(command, args, from);
  }

  private boolean allows(Command command, Args args, int from) {
    int word = command.index >> 6;
    if (word < commands.length && (commands[word] >>> command.index & 1) != 0) {
      return true;
    }
    List<String> allowed = firstArguments.isEmpty() ? null : firstArguments.get(command);
    if (allowed == null || args.count() - from < 2) {
      return false;
    }
    String first = Octets.lower(args.at(from + 1).text());
    return allowed.contains(first);
  }

  private boolean allowsKey(Slice key, int uses) {
    for (KeyPattern pattern : keys) {
      if (pattern.allows(uses) && pattern.matches(key)) {
        return true;
      }
    }
    return false;
  }

  private @Nullable Denial checkChannels(Command command, Args args, int from) {
    int end = args.count() - from;
    boolean isPattern = false;
    switch (command.name) {
      case "subscribe", "ssubscribe" -> {}
      case "psubscribe" -> isPattern = true;
      case "publish", "spublish" -> end = Math.min(end, 2);
      default -> {
        return null;
      }
    }
    for (int i = 1; i < end; i++) {
      if (!allowsChannel(args.at(from + i), isPattern)) {
        return new Denial(Denial.Kind.CHANNEL, i);
      }
    }
    return null;
  }

  /// Whether a channel may be used, or (only as it stands in a rule) a pattern be subscribed to.
  boolean allowsChannel(Slice channel, boolean isPattern) {
    if (allChannels) {
      return true;
    }
    for (Slice allowed : channels) {
      if (isPattern ? allowed.equal(channel) : Glob.matches(allowed, channel)) {
        return true;
      }
    }
    return false;
  }

  /// Whether all these uses of every key there is are allowed.
  boolean allowsEveryKey(int uses) {
    if (allKeys) {
      return true;
    }
    for (KeyPattern pattern : keys) {
      if (pattern.allows(uses) && pattern.glob().is("*")) {
        return true;
      }
    }
    return false;
  }

  // ── as text ──

  /// The rules about commands: what ACL GETUSER shows.
  String describeCommands() {
    String start = startsWithAll ? "+@all" : "-@all";
    return rules.isEmpty() ? start : start + " " + String.join(" ", rules);
  }

  String describeKeys() {
    return describeKeys(KeyPattern::rule);
  }

  private String describeKeys(Function<KeyPattern, String> rule) {
    return allKeys ? "~*" : keys.stream().map(rule).collect(Collectors.joining(" "));
  }

  String describeChannels() {
    return allChannels
        ? "&*"
        : channels.stream().map(each -> "&" + each.text()).collect(Collectors.joining(" "));
  }

  /// All rules.
  ///
  /// @param rule how a pattern of keys is written
  String describe(Function<KeyPattern, String> rule) {
    StringBuilder text = new StringBuilder();
    String patterns = describeKeys(rule);
    text.append(patterns).append(allKeys || !keys.isEmpty() ? " " : "");
    text.append(allChannels ? "" : "resetchannels ");
    text.append(describeChannels()).append(allChannels || !channels.isEmpty() ? " " : "");
    return text.append(describeCommands()).toString();
  }

  /// About how much of the Java heap it takes.
  long heapBytes() {
    long bytes = 200 + 8L * commands.length;
    for (KeyPattern each : keys) {
      bytes += 100 + each.glob().length;
    }
    for (Slice each : channels) {
      bytes += 80 + each.length;
    }
    for (String each : rules) {
      bytes += 60 + each.length();
    }
    for (List<String> each : firstArguments.values()) {
      bytes += 100 + each.stream().mapToLong(word -> 60 + word.length()).sum();
    }
    return bytes;
  }
}
