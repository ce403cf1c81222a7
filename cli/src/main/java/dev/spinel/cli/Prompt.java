package dev.spinel.cli;

import dev.spinel.wire.Quoting;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jline.keymap.KeyMap;
import org.jline.nativ.JLineNativeLoader;
import org.jline.reader.Binding;
import org.jline.reader.Candidate;
import org.jline.reader.CompletingParsedLine;
import org.jline.reader.EndOfFileException;
import org.jline.reader.Highlighter;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.Reference;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Attributes;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedString;
import org.jline.utils.InfoCmp.Capability;
import org.jspecify.annotations.Nullable;

/// Lines from a person at a terminal: editing, history, completion, hints while typing. The one
/// class that knows JLine, so that nothing else pays for it.
///
/// Several lines that are pasted at once are one line to JLine, and handed out one after the other.
final class Prompt implements Repl.Lines {
  private static final int HISTORY_LINES = 1000;
  private static final char CTRL_C = 3;
  private static final int COLUMNS = 80;
  private static final int ROWS = 24;

  private final Terminal terminal;
  private final LineReader reader;
  private final Help help;
  private final BooleanSupplier hints;
  private final Runnable onInterrupt;
  private final ArrayDeque<String> pasted = new ArrayDeque<>();
  private final FileInputStream keyboard = new FileInputStream(FileDescriptor.in);
  private @Nullable Attributes cooked;

  /// `onInterrupt` is run at Ctrl-C while no line is being typed.
  Prompt(Help help, @Nullable Path history, BooleanSupplier hints, Runnable onInterrupt)
      throws IOException {
    this.help = help;
    this.hints = hints;
    this.onInterrupt = onInterrupt;
    terminal =
        TerminalBuilder.builder()
            .system(true)
            .provider("jni")
            .dumb(true)
            .graphemeCluster(false)
            .nativeSignals(true)
            .signalHandler(
                signal -> {
                  if (signal == Terminal.Signal.INT) onInterrupt.run();
                })
            .build();
    removeLibrary();
    if (terminal.getColumns() == 0) terminal.setSize(Size.of(COLUMNS, ROWS)); // nobody told it
    LineReaderBuilder builder =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .appName("redis-cli")
            .parser((line, cursor, context) -> new WholeLine(line, cursor))
            .completer((r, line, candidates) -> complete(line.word(), candidates))
            .highlighter(new Hinter())
            .variable(LineReader.DISABLE_HISTORY, true) // what is secret isn't kept: see keep
            .variable(LineReader.HISTORY_SIZE, HISTORY_LINES)
            .variable(LineReader.HISTORY_FILE_SIZE, HISTORY_LINES)
            .option(LineReader.Option.HISTORY_TIMESTAMPED, false)
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .option(LineReader.Option.CASE_INSENSITIVE, true);
    if (history != null) builder.variable(LineReader.HISTORY_FILE, history);
    reader = builder.build();
    reader.setAutosuggestion(LineReader.SuggestionType.TAIL_TIP);
    bindArrows();
    help.docs();
  }

  /// JLine writes its native library to a file to load it, and removes it at an orderly end; this
  /// program is halted, or killed. Where systems let go of a name in use, nobody needs it any more.
  private static void removeLibrary() {
    String library = JLineNativeLoader.getNativeLibraryPath();
    if (library == null) return;
    for (String each : List.of(library, library + ".lck")) {
      try {
        Files.deleteIfExists(Path.of(each));
      } catch (IOException e) {
        continue; // it stays, as JLine has it
      }
    }
  }

  /// Arrows as terminals send them that weren't, or don't let themselves be, put into the mode in
  /// which the library knows them.
  private void bindArrows() {
    KeyMap<Binding> keys =
        Objects.requireNonNull(reader.getKeyMaps().get(LineReader.MAIN)); // always there
    keys.bind(new Reference(LineReader.UP_LINE_OR_HISTORY), "\033[A");
    keys.bind(new Reference(LineReader.DOWN_LINE_OR_HISTORY), "\033[B");
    keys.bind(new Reference(LineReader.FORWARD_CHAR), "\033[C");
    keys.bind(new Reference(LineReader.BACKWARD_CHAR), "\033[D");
    keys.bind(new Reference(LineReader.BEGINNING_OF_LINE), "\033[H");
    keys.bind(new Reference(LineReader.END_OF_LINE), "\033[F");
  }

  @Override
  public @Nullable String next(String prompt) {
    if (pasted.isEmpty()) {
      String typed;
      try {
        typed = reader.readLine(prompt);
      } catch (UserInterruptException | EndOfFileException e) {
        return null;
      }
      reader.setTailTip("");
      pasted.addAll(List.of(typed.split("\r?\n|\r", -1)));
    }
    String line = pasted.removeFirst();
    return new String(line.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  private static String text(String bytes) {
    return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  @Override
  public void keep(String line) {
    reader.setVariable(LineReader.DISABLE_HISTORY, false);
    try {
      reader.getHistory().add(text(line));
      reader.getHistory().save();
    } catch (IOException e) {
      // the session goes on; later ones won't know this line
    } finally {
      reader.setVariable(LineReader.DISABLE_HISTORY, true);
    }
  }

  @Override
  public void clearScreen() {
    terminal.puts(Capability.clear_screen);
    terminal.flush();
  }

  @Override
  public void singleKeys(boolean on) {
    if (on) cooked = terminal.enterRawMode();
    else if (cooked != null) terminal.setAttributes(cooked);
  }

  /// Asks the system, not JLine: its reader would wait in a thread of its own, and take a Ctrl-C
  /// meanwhile for the end of the input. In raw mode that is a key as any other; what else was
  /// typed is the beginning of the next line.
  @Override
  public boolean isReadable() {
    try {
      byte[] typed = keyboard.readNBytes(keyboard.available());
      String text = new String(typed, StandardCharsets.UTF_8);
      if (text.indexOf(CTRL_C) >= 0) {
        onInterrupt.run();
        return false;
      }
      reader.runMacro(text);
      return !text.isEmpty();
    } catch (IOException e) {
      return true;
    }
  }

  private void complete(String line, List<Candidate> candidates) {
    int word = line.length();
    while (word > 0 && !Quoting.isSpace(line.charAt(word - 1))) word--;
    String before = line.substring(0, word);
    for (String completion : help.completions(line)) {
      String shown = completion.startsWith(before) ? completion.substring(word) : completion;
      candidates.add(new Candidate(completion, shown, null, null, null, null, true));
    }
  }

  /// Shows the rest of the synopsis behind what was typed.
  private final class Hinter implements Highlighter {
    @Override
    public AttributedString highlight(LineReader reader, String buffer) {
      String hint = hints.getAsBoolean() ? Hint.forLine(buffer, help.docs()) : null;
      boolean blank = !buffer.isEmpty() && Quoting.isSpace(buffer.charAt(buffer.length() - 1));
      reader.setTailTip(hint == null || hint.isEmpty() ? "" : blank ? hint : " " + hint);
      return new AttributedString(buffer);
    }
  }

  /// A line that isn't split: the server's commands are completed as a whole.
  private record WholeLine(String line, int cursor) implements CompletingParsedLine {
    @Override
    public CharSequence escape(CharSequence candidate, boolean complete) {
      return candidate;
    }

    @Override
    public int rawWordCursor() {
      return cursor;
    }

    @Override
    public int rawWordLength() {
      return cursor;
    }

    @Override
    public String word() {
      return line.substring(0, cursor);
    }

    @Override
    public int wordCursor() {
      return cursor;
    }

    @Override
    public int wordIndex() {
      return 0;
    }

    @Override
    public List<String> words() {
      return List.of(line);
    }
  }
}
