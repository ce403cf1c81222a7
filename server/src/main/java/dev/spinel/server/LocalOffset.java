package dev.spinel.server;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TimeZone;

/// How far this machine's local time is from UTC, for the log.
///
/// The JDK's own answer reads its whole database of time zones first, 7 to 30 ms, which is more
/// than the rest of the log's start. Unix keeps the one zone that counts in a small file (RFC
/// 9636): `/etc/localtime`, or the one that `TZ` names. This reads the offset that holds now and
/// until when it does. Where there is no such file, or it leaves the present to a rule, the JDK is
/// asked.
///
/// Not thread safe: the log's lock guards it.
final class LocalOffset {
  private static final long FOREVER = Long.MAX_VALUE;

  private final String zoneName;
  private final Path localFile;
  private final Path zoneFiles;

  /// In milliseconds, valid from `since` until before `until`.
  private long offset;

  private long since = FOREVER;
  private long until = FOREVER;

  /// The zone of this process.
  LocalOffset() {
    this(System.getenv("TZ"), Path.of("/etc/localtime"), Path.of("/usr/share/zoneinfo"));
  }

  LocalOffset(String zoneName, Path localFile, Path zoneFiles) {
    this.zoneName = zoneName;
    this.localFile = localFile;
    this.zoneFiles = zoneFiles;
  }

  /// Milliseconds to add to a time since 1970 in UTC, to have local time.
  long millisAt(long now) {
    if (now < since || now >= until) renew(now);
    return offset;
  }

  private void renew(long now) {
    try {
      if (isUtc()) hold(0, Long.MIN_VALUE, FOREVER);
      else if (!read(ByteBuffer.wrap(Files.readAllBytes(file())), Math.floorDiv(now, 1000L)))
        askJdk(now);
    } catch (IOException | RuntimeException unreadable) {
      // no such file on this system, or not in this format
      askJdk(now);
    }
  }

  private void askJdk(long now) {
    // A quarter of an hour is what all changes of offset are multiples of.
    long quarter = 900_000;
    long start = Math.floorDiv(now, quarter) * quarter;
    hold(TimeZone.getDefault().getOffset(now), start, start + quarter);
  }

  private void hold(long offset, long since, long until) {
    this.offset = offset;
    this.since = since;
    this.until = until;
  }

  private boolean isUtc() {
    if (zoneName == null)
      return zoneFiles.getFileSystem().supportedFileAttributeViews().contains("posix")
          && !Files.exists(localFile);
    return zoneName.isEmpty()
        || zoneName.equals("UTC")
        || zoneName.equals("UTC0")
        || zoneName.equals("GMT");
  }

  private Path file() {
    if (zoneName == null) return localFile;
    return zoneFiles.resolve(zoneName.startsWith(":") ? zoneName.substring(1) : zoneName);
  }

  /// Finds the moment in the file; false if the file doesn't reach it. A file has a header and a
  /// body with 32-bit times, then both again with 64-bit times, then a line with the rule for all
  /// later times.
  private boolean read(ByteBuffer file, long now) {
    Header old = Header.at(file, 0);
    if (old.version < '2') return false;
    Header header = Header.at(file, old.bodyAt + old.bodyBytes(4));
    int types = header.bodyAt + header.times * 9;
    if (header.times == 0) {
      if (hasRule(file, header.bodyAt + header.bodyBytes(8))) return false;
      hold(file.getInt(types) * 1000L, Long.MIN_VALUE, FOREVER);
      return true;
    }
    int after = 0; // transitions that have happened
    while (after < header.times && file.getLong(header.bodyAt + after * 8) <= now) after++;
    if (after == 0) return false;
    if (after == header.times && hasRule(file, header.bodyAt + header.bodyBytes(8))) return false;
    int type = file.get(header.bodyAt + header.times * 8 + after - 1) & 0xff;
    long from = file.getLong(header.bodyAt + (after - 1) * 8) * 1000;
    long to = after == header.times ? FOREVER : file.getLong(header.bodyAt + after * 8) * 1000;
    hold(file.getInt(types + type * 6) * 1000L, from, to);
    return true;
  }

  /// Whether the last line knows summer time ("CET-1CEST,M3.5.0,M10.5.0/3"); without a comma the
  /// offset stays for good.
  private static boolean hasRule(ByteBuffer file, int at) {
    for (int i = at; i < file.limit(); i++) {
      if (file.get(i) == ',') return true;
    }
    return false;
  }

  /// The counts in front of a body.
  private record Header(
      int version,
      int utcFlags,
      int standardFlags,
      int leaps,
      int times,
      int types,
      int letters,
      int bodyAt) {
    static Header at(ByteBuffer file, int at) {
      if (file.getInt(at) != 0x545a6966) throw new IllegalArgumentException("no time zone file");
      return new Header(
          file.get(at + 4),
          file.getInt(at + 20),
          file.getInt(at + 24),
          file.getInt(at + 28),
          file.getInt(at + 32),
          file.getInt(at + 36),
          file.getInt(at + 40),
          at + 44);
    }

    int bodyBytes(int timeBytes) {
      return times * (timeBytes + 1)
          + types * 6
          + letters
          + leaps * (timeBytes + 4)
          + standardFlags
          + utcFlags;
    }
  }
}
