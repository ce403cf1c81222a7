package dev.spinel.net;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A listening socket couldn't be opened. The message is the line that Redis logs for it, without
/// its `Warning: `.
public final class BindException extends IOException {
  private static final long serialVersionUID = 1L;

  private final boolean ofUnixSocket;

  BindException(String message, @Nullable IOException cause) {
    this(message, cause, false);
  }

  BindException(String message, @Nullable IOException cause, boolean ofUnixSocket) {
    super(message, cause);
    this.ofUnixSocket = ofUnixSocket;
  }

  /// Whether it is a Unix socket that couldn't be opened.
  public boolean isOfUnixSocket() {
    return ofUnixSocket;
  }
}
