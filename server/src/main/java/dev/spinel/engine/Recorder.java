package dev.spinel.engine;

import dev.spinel.journal.Effects;
import dev.spinel.journal.Journal;
import dev.spinel.wire.LargeSink;
import java.util.ArrayList;
import java.util.function.LongConsumer;

/// What one thread does to the data, on its way into the journal, and what others are to be told of
/// it. Each dispatcher has one, and each of those who change data unasked: expiry, eviction.
///
/// Effects are gathered while a call runs, and appended as one record under the locks of all slots
/// that they touch.
public final class Recorder {
  private final Journal journal;
  final Effects effects;
  private final ArrayList<LongConsumer> pushes = new ArrayList<>(0);

  /// @param large where large arguments of effects are read from
  Recorder(Journal journal, LargeSink large) {
    this.journal = journal;
    this.effects = new Effects(large);
  }

  /// Sends others a message about what is being done: `message` is given the journal position that
  /// it is bound to, 0 if to none. At once, or, where replies are bound, when the record has its
  /// position.
  public void push(LongConsumer message) {
    if (journal.bound()) {
      pushes.add(message);
    } else {
      message.accept(0);
    }
  }

  /// Appends what was gathered, and sends its messages. Returns its position, 0 if there was
  /// nothing.
  long append() {
    long position = 0;
    if (!effects.isEmpty()) {
      position = journal.append(effects, Journal.ALL);
      effects.clear();
    }
    if (!pushes.isEmpty()) {
      long seen = journal.position(); // its own, or the last that can have been seen anywhere
      for (LongConsumer push : pushes) {
        push.accept(seen);
      }
      pushes.clear();
    }
    return position;
  }
}
