package dev.spinel.cluster;

import dev.spinel.engine.Command;
import dev.spinel.engine.CommandTable;
import dev.spinel.wire.Args;
import dev.spinel.wire.KeySlot;
import dev.spinel.wire.Slice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Of a stream of effects, lets those through that concern some slots of database 0.
///
/// What comes is what the journal writes: arrays of bulk strings, in pieces that end anywhere. A
/// command is kept until its first key is known; what follows passes as it comes, or doesn't. A
/// transaction is one at the other end if any of it passes.
///
/// Belongs to one thread.
final class TailFilter {
  /// Where it goes.
  interface Out {
    void write(byte[] bytes, int from, int length) throws IOException;
  }

  private static final byte[] MULTI = "*1\r\n$5\r\nMULTI\r\n".getBytes(StandardCharsets.ISO_8859_1);
  private static final byte[] EXEC = "*1\r\n$4\r\nEXEC\r\n".getBytes(StandardCharsets.ISO_8859_1);
  private static final int NAME_MOST = 64;

  private enum Fate {
    UNKNOWN,
    PASSES,
    DROPPED
  }

  private final CommandTable table;
  private final SlotSet slots;
  private final Out out;

  private int database;
  private boolean inTransaction; // it has been opened here
  private boolean multiIsOwed; // it hasn't been opened at the other end

  // The command at hand.
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream(); // until its fate is known
  private Fate fate = Fate.UNKNOWN;
  private int words = -1; // -1: its first line comes
  private int word; // the number of the one that comes
  private long left = -1; // of that one, its end of line included; -1: its length comes
  private final StringBuilder line = new StringBuilder();
  private final ByteArrayOutputStream text = new ByteArrayOutputStream(); // of a word that matters
  private String name = "";
  private int key; // the number of the word that decides; 0: the name does
  private @Nullable Command container; // whose subcommand is looked for

  TailFilter(CommandTable table, SlotSet slots, Out out) {
    this.table = table;
    this.slots = slots;
    this.out = out;
  }

  /// Errors: something has happened to the slots that can't be passed on, in words.
  void feed(byte[] bytes, int from, int to) throws IOException {
    int at = from;
    int mark = from; // what follows hasn't been kept or written
    while (at < to) {
      if (left < 0) {
        char c = (char) bytes[at++];
        line.append(c);
        if (c == '\n') {
          if (words < 0) {
            words = (int) number('*');
            word = 0;
            name = "";
            key = 0;
          } else {
            left = number('$') + 2;
            text.reset();
          }
        }
        continue;
      }
      int n = (int) Math.min(left, to - at);
      if (matters()) {
        text.write(bytes, at, (int) Math.max(0, Math.min(n, left - 2)));
      }
      at += n;
      left -= n;
      if (left == 0) {
        left = -1;
        if (matters()) {
          decide();
        }
        if (++word == words) {
          pass(bytes, mark, at);
          mark = at;
          end();
        }
      }
    }
    pass(bytes, mark, to);
  }

  /// Whether a stream that ends here ends between two commands, outside of a transaction.
  boolean isBetweenCommands() {
    return words < 0 && !inTransaction;
  }

  private long number(char mark) throws IOException {
    String digits = line.substring(1, Math.max(1, line.length() - 2));
    char first = line.charAt(0);
    line.setLength(0);
    long number = MoveText.number(digits);
    if (first != mark || number < 0) {
      throw new IOException("an effect that is no command");
    }
    return number;
  }

  private boolean matters() {
    return fate == Fate.UNKNOWN && (word == 0 || word == key);
  }

  private void decide() throws IOException {
    if (word == 0) {
      if (text.size() > NAME_MOST) {
        throw new IOException("an effect without a name");
      }
      name = text.toString(StandardCharsets.ISO_8859_1).toUpperCase(Locale.ROOT);
      switch (name) {
        case "SELECT" -> key = 1;
        case "MULTI", "EXEC" -> fate = Fate.DROPPED;
        case "FLUSHALL", "FLUSHDB", "SWAPDB" -> throw new IOException(name + " was called");
        default -> {
          Command command = table.lookup(Args.of(text.toByteArray()));
          if (command != null && !command.subcommands().isEmpty()) {
            container = command; // XGROUP CREATE key, say
            key = 1;
          } else {
            keyOf(command);
          }
        }
      }
      return;
    }
    byte[] value = text.toByteArray();
    Command whole = container;
    if (whole != null) {
      container = null;
      keyOf(whole.subcommand(new Slice(value)));
      return;
    }
    if (name.equals("SELECT")) {
      database = (int) MoveText.number(new String(value, StandardCharsets.ISO_8859_1));
      fate = Fate.DROPPED;
    } else if (database == 0 && slots.contains(KeySlot.of(new Slice(value)))) {
      fate = Fate.PASSES;
    } else {
      fate = Fate.DROPPED;
    }
  }

  private void keyOf(@Nullable Command command) {
    key = command == null ? 0 : command.firstKey();
    if (key == 0) {
      fate = Fate.DROPPED; // FUNCTION LOAD, say: it concerns no key
    }
  }

  private void pass(byte[] bytes, int from, int to) throws IOException {
    switch (fate) {
      case UNKNOWN -> kept.write(bytes, from, to - from);
      case DROPPED -> kept.reset();
      case PASSES -> {
        if (multiIsOwed) {
          multiIsOwed = false;
          out.write(MULTI, 0, MULTI.length);
        }
        if (kept.size() > 0) {
          byte[] before = kept.toByteArray();
          kept.reset();
          out.write(before, 0, before.length);
        }
        out.write(bytes, from, to - from);
      }
    }
  }

  private void end() throws IOException {
    if (name.equals("MULTI")) {
      inTransaction = true;
      multiIsOwed = true;
    } else if (name.equals("EXEC")) {
      if (inTransaction && !multiIsOwed) {
        out.write(EXEC, 0, EXEC.length);
      }
      inTransaction = false;
      multiIsOwed = false;
    }
    kept.reset();
    fate = Fate.UNKNOWN;
    container = null;
    words = -1;
  }
}
