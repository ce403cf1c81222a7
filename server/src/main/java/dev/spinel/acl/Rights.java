package dev.spinel.acl;

import dev.spinel.engine.Command;
import dev.spinel.engine.Synopsis;
import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What a user may do, and how it logs in, at one moment. Immutable: a change makes new rights
/// ([RightsDraft]).
///
/// @param isOn whether one may log in as the user
/// @param needsNoPassword any password will do
/// @param skipsSanitizing RESTORE need not look closely at what the user sends. It is only shown:
///   here it always does.
/// @param passwords SHA-256 digests, any of which will do
/// @param selectors the user's own first
record Rights(
    boolean isOn,
    boolean needsNoPassword,
    boolean skipsSanitizing,
    List<Slice> passwords,
    List<Selector> selectors) {
  private static final HexFormat HEX = HexFormat.of();

  /// What a new user has: nothing but, perhaps, all channels.
  static Rights none(boolean allChannels) {
    return new Rights(false, false, false, List.of(), List.of(Selector.empty(allChannels)));
  }

  static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  /// Whether everything is allowed, so that no call need be looked at.
  boolean isUnrestricted() {
    for (Selector selector : selectors) {
      if (selector.isUnrestricted()) {
        return true;
      }
    }
    return false;
  }

  /// Whether one may log in with the password of this SHA-256 digest. Takes as long whatever the
  /// digest is.
  boolean accept(byte[] digest) {
    boolean isRight = needsNoPassword;
    for (Slice password : passwords) {
      isRight |= MessageDigest.isEqual(password.array, digest);
    }
    return isRight && isOn;
  }

  /// The same with no password but this one; null: none is needed.
  Rights withPassword(byte @Nullable [] password) {
    List<Slice> only = password == null ? List.of() : List.of(new Slice(sha256(password)));
    return new Rights(isOn, password == null, skipsSanitizing, only, selectors);
  }

  // ── what is allowed ──

  /// Why the call isn't allowed, null if it is. Where each selector has its reason, the one that
  /// weighs most counts.
  ///
  /// @param from the argument at which the call begins
  @Nullable Denial check(Command command, Args args, int from) {
    UsedKeys used = new UsedKeys(command, args, from);
    Denial worst = null;
    for (Selector selector : selectors) {
      Denial denial = selector.check(command, args, from, used);
      if (denial == null) {
        return null;
      }
      worst = worst == null || denial.outweighs(worst) ? denial : worst;
    }
    return worst;
  }

  /// Whether a selector allows the call and reading every key, too.
  boolean allowReadingAll(Command command, Args args) {
    UsedKeys used = new UsedKeys(command, args, 0);
    for (Selector selector : selectors) {
      if (selector.check(command, args, 0, used) == null
          && selector.allowsEveryKey(KeyPattern.usesOf(Synopsis.ACCESS))) {
        return true;
      }
    }
    return false;
  }

  boolean allowAllChannels() {
    return selectors.stream().anyMatch(selector -> selector.allChannels);
  }

  /// Whether some selector allows a channel, or a pattern as it stands.
  boolean allowChannel(Slice channel, boolean isPattern) {
    for (Selector selector : selectors) {
      if (selector.allowsChannel(channel, isPattern)) {
        return true;
      }
    }
    return false;
  }

  /// Whether what these rights say of channels includes, word for word, what others say.
  boolean includeChannelsOf(Rights others) {
    if (allowAllChannels()) {
      return true;
    }
    if (others.allowAllChannels()) {
      return false;
    }
    List<Slice> mine = channels();
    return mine.containsAll(others.channels());
  }

  private List<Slice> channels() {
    return selectors.stream().flatMap(selector -> selector.channels.stream()).toList();
  }

  // ── as text ──

  List<String> flags() {
    List<String> words = new ArrayList<>(3);
    words.add(isOn ? "on" : "off");
    if (needsNoPassword) {
      words.add("nopass");
    }
    words.add(skipsSanitizing ? "skip-sanitize-payload" : "sanitize-payload");
    return words;
  }

  /// The digests of the passwords in hexadecimal digits.
  List<String> passwordHashes() {
    return passwords.stream().map(each -> HEX.formatHex(each.array)).toList();
  }

  /// All rules.
  ///
  /// @param rule how a pattern of keys is written
  String describe(Function<KeyPattern, String> rule) {
    StringBuilder text = new StringBuilder();
    for (String flag : flags()) {
      text.append(flag).append(' ');
    }
    for (String hash : passwordHashes()) {
      text.append('#').append(hash).append(' ');
    }
    text.append(selectors.getFirst().describe(rule));
    for (Selector other : selectors.subList(1, selectors.size())) {
      text.append(" (").append(other.describe(rule)).append(')');
    }
    return text.toString();
  }

  /// About how much of the Java heap they take.
  long heapBytes() {
    long bytes = 200 + 120L * passwords.size();
    for (Selector selector : selectors) {
      bytes += selector.heapBytes();
    }
    return bytes;
  }
}
