package dev.spinel.engine;

import dev.spinel.wire.Args;
import dev.spinel.wire.Slice;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// All commands of a server, as its families declared them. Immutable once built; one per server.
public final class CommandTable implements Iterable<Command> {
  private final List<Command> declared;
  private final List<Command> commands;
  private final Names names;
  private final int size;

  private CommandTable(List<Command> declared, List<Command> commands, Names names, int size) {
    this.declared = List.copyOf(declared);
    this.commands = List.copyOf(commands);
    this.names = names;
    this.size = size;
  }

  /// The command that a call names, its subcommand if it is a container and a second word is there;
  /// null if there is no such command or subcommand: [#unknown] says what to answer. No allocation.
  public @Nullable Command lookup(Args args) {
    return lookup(args, 0);
  }

  /// As above, for a call that begins at argument `from`.
  public @Nullable Command lookup(Args args, int from) {
    Command command = names.find(args.at(from));
    if (command == null || command.names == null || args.count() == from + 1) return command;
    return command.names.find(args.at(from + 1));
  }

  /// The command of one word, without looking for a subcommand.
  public @Nullable Command command(Slice name) {
    return names.find(name);
  }

  /// By full name in any case: `get`, `CLIENT|list`; null if there is none.
  public @Nullable Command byName(String name) {
    return byName(new Slice(name.getBytes(StandardCharsets.ISO_8859_1)));
  }

  /// By full name: `get`, `client|list`.
  public @Nullable Command byName(Slice name) {
    byte[] array = name.array;
    if (array == null) return null;
    for (int i = 0; i < name.length; i++) {
      if (array[name.offset + i] == '|') {
        Command container = names.find(new Slice(array, name.offset, i));
        if (container == null) return null;
        return container.subcommand(new Slice(array, name.offset + i + 1, name.length - i - 1));
      }
    }
    return names.find(name);
  }

  /// The command (no subcommand) that a family declared under this name, in lower case, whatever it
  /// is called now, if it can be called at all.
  public Command declared(String name) {
    for (Command command : declared) {
      if (command.name.equals(name)) {
        return command;
      }
    }
    throw new IllegalStateException("no family declares " + name);
  }

  /// The commands (no subcommands) that families declared, also those that can't be called any
  /// more, in order of declaration.
  public List<Command> declared() {
    return declared;
  }

  /// What to answer to a call that [#lookup] doesn't know: the words are cut at 128 bytes each, all
  /// of them together at about 128, and line ends become blanks, as nothing that a client sends may
  /// break its error line.
  public CommandError unknown(Args args) {
    Command container = names.find(args.at(0));
    if (container != null && container.names != null && args.count() > 1)
      return new CommandError(
          "ERR unknown subcommand '"
              + cut(args.at(1), 128)
              + "'. Try "
              + args.at(0).text().toUpperCase(Locale.ROOT)
              + " HELP.");
    StringBuilder beginning = new StringBuilder();
    for (int i = 1; i < args.count() && beginning.length() < 128; i++) {
      String word = cut(args.at(i), 128 - beginning.length());
      beginning.append('\'').append(word).append("' ");
    }
    return new CommandError(
        "ERR unknown command '"
            + cut(args.at(0), 128)
            + "', with args beginning with: "
            + beginning);
  }

  private static String cut(Slice word, int most) {
    String text = word.text();
    int end = Math.min(text.length(), most);
    int zero = text.indexOf(0);
    if (zero >= 0 && zero < end) end = zero;
    return text.substring(0, end).replace('\r', ' ').replace('\n', ' ');
  }

  /// How many commands there are, subcommands not counted: what `COMMAND COUNT` says.
  public int count() {
    return commands.size();
  }

  /// How many rows there are, subcommands and renamed ones too: one more than the highest
  /// [Command#index].
  public int size() {
    return size;
  }

  /// The commands in order of declaration; each knows its subcommands.
  @Override
  public Iterator<Command> iterator() {
    return commands.iterator();
  }

  /// Collects the rows of all families.
  public static final class Builder {
    private final List<Command> commands = new ArrayList<>(300);
    private final List<Command> all = new ArrayList<>(500);
    private final Map<Command, String> renamed = new IdentityHashMap<>(0);

    /// Whose rows are being declared.
    private @Nullable Family family;

    /// The container declared last.
    private @Nullable Command container;

    public Builder add(Family family) {
      this.family = family;
      container = null;
      family.declare(this);
      return this;
    }

    /// A row: [Synopsis] says how the three texts are written. `row` is what the family's `run`
    /// gets.
    public void command(int row, String synopsis, String facts, String words) {
      command(row, synopsis, facts, words, null);
    }

    /// A row whose keys aren't where the synopsis says, or are used in several ways.
    public void command(
        int row, String synopsis, String facts, String words, Command.@Nullable KeyFinder finder) {
      declare(family, row, synopsis, facts, words, finder);
    }

    /// A row that only holds those that follow, its subcommands: `CLIENT|LIST` after `CLIENT`.
    public void container(String name, String facts, String words) {
      declare(null, -1, name, facts, words, null);
    }

    private void declare(
        @Nullable Family runner,
        int row,
        String synopsis,
        String facts,
        String words,
        Command.@Nullable KeyFinder finder) {
      int blank = synopsis.indexOf(' ');
      String name = (blank < 0 ? synopsis : synopsis.substring(0, blank)).toLowerCase(Locale.ROOT);
      Command parent = null;
      int bar = name.indexOf('|');
      if (bar >= 0) {
        parent = container;
        if (parent == null || !name.startsWith(parent.name) || parent.name.length() != bar)
          throw new IllegalArgumentException(name + " is not declared behind its container");
      }
      Command command =
          new Command(name, all.size(), parent, runner, row, synopsis, facts, words, finder);
      all.add(command);
      if (parent == null) {
        commands.add(command);
        container = command;
      }
    }

    /// Whether some command answers to this name (in lower case) as things stand.
    public boolean knows(String name) {
      return current(name) != null;
    }

    private @Nullable Command current(String name) {
      for (Command c : commands) {
        if (renamed.getOrDefault(c, c.name).equals(name)) {
          return c;
        }
      }
      return null;
    }

    /// `rename-command`: the command that answers to `from` answers to `to` only, or to nothing if
    /// that is empty. Its name in replies stays.
    public void rename(String from, String to) {
      Command command = current(from);
      if (command == null) {
        throw new IllegalArgumentException("no command " + from);
      }
      renamed.put(command, to);
    }

    public CommandTable build() {
      Names names = new Names(commands.size());
      List<Command> known = new ArrayList<>(commands.size());
      for (Command c : commands) {
        String name = renamed.getOrDefault(c, c.name);
        if (name.isEmpty()) continue;
        if (!names.put(name, c)) throw new IllegalArgumentException("declared twice: " + name);
        known.add(c);
        List<Command> subcommands = c.subcommands();
        if (subcommands.isEmpty()) continue;
        Names of = new Names(subcommands.size());
        for (Command s : subcommands)
          if (!of.put(s.name.substring(c.name.length() + 1), s))
            throw new IllegalArgumentException("declared twice: " + s.name);
        c.names = of;
      }
      return new CommandTable(commands, known, names, all.size());
    }
  }
}
