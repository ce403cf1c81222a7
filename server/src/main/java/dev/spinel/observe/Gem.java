package dev.spinel.observe;

/// The picture of LOLWUT: a spinel, which grows as an octahedron, seen from the side and cut flat
/// at its top.
final class Gem {
  private Gem() {}

  /// Appends it, so many lines high: a crown of about a third, the pavilion below it.
  static void draw(int height, StringBuilder out) {
    int crown = Math.max(1, height / 3);
    int pavilion = height - crown;
    int half = pavilion; // of the girdle, where it is widest
    int table = Math.max(1, half - crown);
    line(half - table, "_".repeat(2 * table), out);
    for (int i = 0; i < crown; i++) {
      int reach = table + i;
      line(half - reach - 1, facets('/', '\\', reach, table), out);
    }
    for (int i = 0; i < pavilion; i++) {
      int reach = half - i - 1;
      line(i, facets('\\', '/', reach, Math.max(0, reach - crown)), out);
    }
  }

  /// A line between two edges, with the edges of the inner facets where they are.
  private static String facets(char left, char right, int reach, int inner) {
    StringBuilder line = new StringBuilder();
    for (int at = -reach; at < reach; at++) {
      char c = at == -inner && inner > 0 ? left : at == inner - 1 && inner > 0 ? right : ' ';
      line.append(reach == inner ? ' ' : c);
    }
    return left + line.toString() + right;
  }

  private static void line(int indent, String text, StringBuilder out) {
    out.append(" ".repeat(Math.max(0, indent) + 1)).append(text.stripTrailing()).append('\n');
  }
}
