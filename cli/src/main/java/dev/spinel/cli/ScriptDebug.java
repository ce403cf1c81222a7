package dev.spinel.cli;

import dev.spinel.cli.Connection.Lost;
import dev.spinel.wire.RespValue;
import java.util.List;

/// The debugger of scripts, as a client sees it: what the server says comes as arrays of simple
/// strings, which are coloured by what they are about; the last one says that the session is over.
///
/// `redis-cli --ldb --eval FILE` begins a session, and so does EVAL at the prompt after SCRIPT
/// DEBUG. Belongs to the main thread.
final class ScriptDebug {
  private static final String END = "<endsession>";

  private final Shell shell;

  /// The next EVAL begins a session.
  private boolean isWanted;

  private boolean isOn;
  private boolean hasEnded; // and the script's own reply hasn't been read
  private boolean hasPrompt;

  ScriptDebug(Shell shell) {
    this.shell = shell;
  }

  /// Whether what is typed is for the debugger.
  boolean isOn() {
    return isOn;
  }

  /// Whether the prompt is the debugger's.
  boolean hasPrompt() {
    return hasPrompt;
  }

  /// Begins a session for the script of a file. What is sent next is its EVAL.
  void begin() {
    Screen screen = shell.screen;
    screen.out("Lua debugging session started, please use:\n");
    screen.out("quit    -- End the session.\n");
    screen.out("restart -- Restart the script in debug mode again.\n");
    screen.out("help    -- Show Lua script debugging commands.\n\n");
    turnOn();
    try {
      shell.connection.ask("SCRIPT", "DEBUG", shell.options.debuggerInSync ? "sync" : "yes");
    } catch (Lost e) {
      // EVAL will say so
    }
  }

  /// EVAL was sent. Whether a dialogue follows; if not, the script can't be run, and the server has
  /// said why.
  boolean hasBegun() {
    if (isOn) {
      hasPrompt = true;
      return true;
    }
    hasEnded = false;
    shell.screen.out("Eval debugging session can't start:\n");
    shell.readReply(false);
    return false;
  }

  private void turnOn() {
    isOn = true;
    shell.form = Form.RAW;
  }

  /// A command is about to be sent.
  void sends(List<String> words) {
    if (words.size() == 3
        && words.get(0).equalsIgnoreCase("script")
        && words.get(1).equalsIgnoreCase("debug")) {
      isWanted = words.get(2).equalsIgnoreCase("yes") || words.get(2).equalsIgnoreCase("sync");
    }
    if (isWanted && words.get(0).equalsIgnoreCase("eval")) {
      turnOn();
    }
  }

  /// A command was sent, and its reply shown: if the session is over, so is its end.
  void showEnd() {
    if (hasEnded) {
      hasEnded = false;
      shell.readReply(false);
      String undone = shell.options.debuggerInSync ? "" : " -- dataset changes rolled back";
      shell.screen.out("\n(Lua debugging session ended" + undone + ")\n\n");
      shell.connection.reconnect(true); // the server closes this one
    }
  }

  // ── what is shown ──

  String shown(RespValue reply, Form.Delimiters delimiters, boolean isVerbatim) {
    StringBuilder text = new StringBuilder();
    show(reply, delimiters, text);
    return isVerbatim ? text.toString() : text.append(delimiters.replies()).toString();
  }

  private void show(RespValue reply, Form.Delimiters delimiters, StringBuilder to) {
    switch (reply) {
      case RespValue.Array array -> {
        String between = "";
        for (RespValue element : array.elements()) {
          to.append(between);
          show(element, delimiters, to);
          between = delimiters.elements();
        }
      }
      case RespValue.Simple line when isOn -> {
        if (line.text().startsWith(END)) end();
        else to.append(coloured(line.text()));
      }
      default -> to.append(Form.raw(reply, delimiters.elements()));
    }
  }

  private void end() {
    isWanted = false;
    isOn = false;
    hasEnded = true;
    hasPrompt = false;
    shell.form = Form.STANDARD;
  }

  private String coloured(String line) {
    if (!shell.screen.hasColours()) return line;
    int colour = 37;
    boolean bold = false;
    if (line.contains("<debug>")) bold = true;
    if (line.contains("<redis>")) colour = 32;
    if (line.contains("<reply>")) colour = 36;
    if (line.contains("<error>")) colour = 31;
    if (line.contains("<hint>")) bold = true;
    if (line.contains("<value>") || line.contains("<retval>")) colour = 35;
    if (line.length() > 4 && Character.isDigit(line.charAt(3))) {
      if (line.charAt(1) == '>') colour = 33;
      else if (line.charAt(2) == '#') bold = true;
    }
    return "\033[" + (bold ? 1 : 0) + ";" + (bold ? 37 : colour) + ";49m" + line + "\033[0m";
  }
}
