package dev.spinel.config;

/// What Spinel does about a directive.
public enum Status {
  /// It has its effect.
  IN_FORCE("in force"),
  /// Parsed, kept, answered and rewritten; the feature that it steers comes later.
  ACCEPTED("accepted"),
  /// Parsed, kept, answered and rewritten, and without an effect for good: it steers something that
  /// a JVM, or our design, doesn't have.
  MEANINGLESS("no effect");

  /// The word in COMPATIBILITY.md.
  public final String word;

  Status(String word) {
    this.word = word;
  }
}
