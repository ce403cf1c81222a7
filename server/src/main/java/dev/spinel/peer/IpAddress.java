package dev.spinel.peer;

import org.jspecify.annotations.Nullable;

/// IP addresses as text, without asking anybody.
public final class IpAddress {
  private static final int GROUPS = 8;

  private IpAddress() {}

  /// The address in the one form that all nodes write, or null: it is none.
  public static @Nullable String normal(String text) {
    if (text.indexOf(':') < 0) {
      return v4(text) < 0 ? null : text;
    }
    int[] groups = v6(text);
    return groups == null ? null : text(groups);
  }

  public static boolean isLoopback(String ip) {
    return ip.startsWith("127.") || ip.equals("::1");
  }

  /// -1: it is none.
  private static long v4(String text) {
    String[] parts = text.split("\\.", -1);
    if (parts.length != 4) {
      return -1;
    }
    long address = 0;
    for (String part : parts) {
      int byteOf = number(part, 10, 3);
      if (byteOf < 0 || byteOf > 255 || part.length() > 1 && part.startsWith("0")) {
        return -1;
      }
      address = address << 8 | byteOf;
    }
    return address;
  }

  private static int number(String text, int radix, int digits) {
    if (text.isEmpty() || text.length() > digits) {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int digit = c < 128 ? Character.digit(c, radix) : -1;
      if (digit < 0) {
        return -1;
      }
      value = value * radix + digit;
    }
    return value;
  }

  private static int @Nullable [] v6(String text) {
    int gap = text.indexOf("::");
    if (gap < 0) {
      int[] all = groups(text);
      return all != null && all.length == GROUPS ? all : null;
    }
    int[] head = groups(text.substring(0, gap));
    int[] tail = groups(text.substring(gap + 2));
    if (head == null || tail == null || head.length + tail.length >= GROUPS) {
      return null;
    }
    int[] all = new int[GROUPS];
    System.arraycopy(head, 0, all, 0, head.length);
    System.arraycopy(tail, 0, all, GROUPS - tail.length, tail.length);
    return all;
  }

  private static int @Nullable [] groups(String text) {
    if (text.isEmpty()) {
      return new int[0];
    }
    String[] parts = text.split(":", -1);
    String last = parts[parts.length - 1];
    boolean endsInV4 = last.indexOf('.') >= 0;
    int[] groups = new int[parts.length + (endsInV4 ? 1 : 0)];
    for (int i = 0; i < parts.length - (endsInV4 ? 1 : 0); i++) {
      groups[i] = number(parts[i], 16, 4);
      if (groups[i] < 0) {
        return null;
      }
    }
    if (endsInV4) {
      long v4 = v4(last);
      if (v4 < 0) {
        return null;
      }
      groups[groups.length - 2] = (int) (v4 >>> 16);
      groups[groups.length - 1] = (int) (v4 & 0xffff);
    }
    return groups;
  }

  /// With the longest run of zeros left out.
  private static String text(int[] groups) {
    int from = -1;
    int length = 1;
    for (int i = 0; i < GROUPS; i++) {
      int n = 0;
      while (i + n < GROUPS && groups[i + n] == 0) {
        n++;
      }
      if (n > length) {
        from = i;
        length = n;
      }
    }
    var text = new StringBuilder();
    for (int i = 0; i < GROUPS; i++) {
      if (i == from) {
        text.append("::");
        i += length - 1;
        continue;
      }
      if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
        text.append(':');
      }
      boolean mapped = from == 0 && (length == 6 || length == 5 && groups[5] == 0xffff);
      if (mapped && i == 6) {
        return text.append(groups[6] >> 8)
            .append('.')
            .append(groups[6] & 0xff)
            .append('.')
            .append(groups[7] >> 8)
            .append('.')
            .append(groups[7] & 0xff)
            .toString();
      }
      text.append(Integer.toHexString(groups[i]));
    }
    return text.toString();
  }
}
