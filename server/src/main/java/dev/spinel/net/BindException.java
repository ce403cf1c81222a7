package dev.spinel.net;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A listening socket couldn't be opened. The message is the line that Redis logs for it, without
/// its `Warning: `.
public final class BindException extends IOException {
  private static final long serialVersionUID = 1L;

  BindException(String message, @Nullable IOException cause) {
    super(message, cause);
  }
}
