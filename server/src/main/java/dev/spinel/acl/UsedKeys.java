package dev.spinel.acl;

import dev.spinel.engine.Command;
import dev.spinel.engine.Synopsis;
import dev.spinel.wire.Args;

/// The keys of a call and what it does with each, found out once for all selectors that are asked.
final class UsedKeys {
  private final Command command;
  private final Args args;
  private final int from;
  private int count = -1;
  private int[] positions = {};
  private int[] flags = {};

  /// @param from the argument at which the call begins
  UsedKeys(Command command, Args args, int from) {
    this.command = command;
    this.args = args;
    this.from = from;
  }

  /// How many there are: none if they can't be told, as the command will say itself.
  int count() {
    if (count < 0) {
      find();
    }
    return count;
  }

  private void find() {
    Synopsis synopsis = command.synopsis();
    if (command.isPlain()) {
      positions = new int[] {synopsis.firstKey};
      flags = new int[] {synopsis.keySpecs.getFirst().flags()};
      count = synopsis.firstKey < args.count() - from ? 1 : 0;
      return;
    }
    int most = command.mostKeys(args.count() - from);
    positions = new int[most];
    flags = new int[most];
    count = Math.max(0, command.keysAndFlags(args, from, positions, flags));
  }

  /// Where a key is, counted from the beginning of the call.
  int position(int i) {
    return positions[i];
  }

  /// Flags of its key specification, see [Synopsis].
  int flags(int i) {
    return flags[i];
  }
}
