package dev.spinel.config;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/// What the operating system said, in the words of C's `strerror`, which Redis shows.
public final class IoReason {
  private IoReason() {}

  public static String of(IOException failure) {
    if (failure instanceof NoSuchFileException) return "No such file or directory";
    if (failure instanceof AccessDeniedException) return "Permission denied";
    if (failure instanceof FileSystemException known && known.getReason() != null)
      return known.getReason();
    String text = String.valueOf(failure.getMessage());
    int open = text.lastIndexOf('(');
    if (failure instanceof FileNotFoundException && open >= 0 && text.endsWith(")"))
      return text.substring(open + 1, text.length() - 1); // behind the file's name
    return text;
  }
}
