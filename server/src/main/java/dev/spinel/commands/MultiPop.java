package dev.spinel.commands;

import dev.spinel.engine.Call;
import dev.spinel.engine.CommandError;
import dev.spinel.engine.Options;

/// What LMPOP, ZMPOP and their blocking forms are asked for: up to `count` elements from an end of
/// the first value that exists among the keys at the arguments `first` to `last`.
///
/// @param <E> the ends that a value of this type has
record MultiPop<E>(int first, int last, E end, long count) {
  private static final CommandError NO_COUNT =
      new CommandError("ERR count should be greater than 0");

  /// Reads the word that names an end. Errors: the argument is none.
  interface End<E> {
    E at(Call call, int argument);
  }

  /// Reads the arguments from `at` on, where the number of keys stands.
  static <E> MultiPop<E> at(Call call, int at, End<E> ends) {
    int last = at + Grammar.keys(call, at, 1, CommandError.SYNTAX);
    E end = ends.at(call, last + 1);
    long count = 0;
    Options o = call.options(last + 2);
    while (o.next()) {
      if (count != 0 || !o.is("COUNT", 1)) {
        throw CommandError.SYNTAX;
      }
      count = o.integer(1, Long.MAX_VALUE, NO_COUNT);
    }
    return new MultiPop<>(at + 1, last, end, Math.max(1, count));
  }
}
