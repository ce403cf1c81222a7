package dev.spinel.config;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/// What the operating system said, in the words of C's `strerror`, which Redis shows.
final class IoReason {
  private IoReason() {}

  static String of(IOException failure) {
    if (failure instanceof NoSuchFileException) return "No such file or directory";
    if (failure instanceof AccessDeniedException) return "Permission denied";
    if (failure instanceof FileSystemException known && known.getReason() != null)
      return known.getReason();
    return String.valueOf(failure.getMessage());
  }
}
