package dev.spinel.config;

/// What Spinel does about a directive.
public enum Status {
  /// It has its effect.
  IN_FORCE("in force"),
  /// Parsed, kept, answered and rewritten; the feature that it steers comes later.
  ACCEPTED("accepted"),
  /// Only its default is accepted until its feature is built. If other values were accepted in
  /// silence, a server would be open, or alone, where the operator believes that it isn't.
  REFUSED("refused"),
  /// Parsed, kept, answered and rewritten, and without an effect for good: it steers something that
  /// a JVM, or our design, doesn't have.
  MEANINGLESS("no effect");

  /// The word in COMPATIBILITY.md.
  public final String word;

  Status(String word) {
    this.word = word;
  }
}
