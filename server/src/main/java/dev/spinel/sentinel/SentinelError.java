package dev.spinel.sentinel;

/// A mistake of whoever gave a directive or a command, with Redis's text.
public final class SentinelError extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public SentinelError(String text) {
    super(text, null, false, false);
  }

  public String text() {
    return String.valueOf(getMessage());
  }
}
