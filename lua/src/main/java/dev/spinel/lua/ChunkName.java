package dev.spinel.lua;

import java.util.Arrays;

/// How messages show the name of a chunk.
final class ChunkName {
  /// How many bytes a name takes in the messages of running scripts, C's final zero included.
  static final int RUNTIME = 60;

  private ChunkName() {}

  /// After `=` the name as it is, cut at its end; after `@` a file's name, cut at its beginning;
  /// otherwise the first line of the source: `[string "return 1"]`.
  static LuaString shown(LuaString name, int size) {
    byte[] bytes = name.bytes;
    int length = 0;
    while (length < bytes.length && bytes[length] != 0) length++;
    if (length > 0 && bytes[0] == '=') {
      return LuaString.of(bytes, 1, Math.min(length - 1, size - 1));
    }
    LuaBuffer text = new LuaBuffer(size * 2);
    if (length > 0 && bytes[0] == '@') {
      int most = size - " '...' ".length() - 1;
      int from = 1;
      if (length - 1 > most) {
        from = length - most;
        text.put("...");
      }
      return text.put(bytes, from, length - from).toLuaString();
    }
    int line = 0;
    while (line < length && bytes[line] != '\n' && bytes[line] != '\r') line++;
    int most = Math.min(line, size - " [string \"...\"] ".length() - 1);
    text.put("[string \"").put(Arrays.copyOf(bytes, most), 0, most);
    if (most < length) text.put("...");
    return text.put("\"]").toLuaString();
  }
}
