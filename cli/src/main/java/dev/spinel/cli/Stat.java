package dev.spinel.cli;

import dev.spinel.wire.RespValue;

/// `--stat`: a line each second with what INFO says of the server.
final class Stat extends Sampler {
  private static final int HEADER_EACH = 20;
  private static final int DATABASES = 20;

  Stat(Shell shell) {
    super(shell);
  }

  int run() {
    long pause = options.intervalMicros == 0 ? SECOND_MICROS : options.intervalMicros;
    long requests = 0;
    for (int lines = 0; ; lines++) {
      RespValue reply = askPersistently("INFO");
      if (reply instanceof RespValue.Error e) throw fail("ERROR: " + e.text());
      String info = Form.textOf(reply);
      if (lines % HEADER_EACH == 0) {
        screen.outLine(
            "------- data ------ --------------------- load -------------------- - child -\n"
                + "keys       mem      clients blocked requests            connections          ");
      }
      long now = Info.number(info, "total_commands_processed");
      screen.outLine(line(info, now, requests == 0 ? 0 : now - requests));
      requests = now;
      screen.flush();
      Shell.pause(pause);
    }
  }

  private static String line(String info, long requests, long more) {
    long keys = 0;
    for (int i = 0; i < DATABASES; i++) {
      long some = Info.number(info, "db" + i + ":keys");
      if (some != Long.MIN_VALUE) keys += some;
    }
    return Figures.left(Long.toString(keys), 11)
        + Figures.left(bytes(Info.number(info, "used_memory")), 8)
        + ' '
        + Figures.left(Long.toString(Info.number(info, "connected_clients")), 8)
        + Figures.left(Long.toString(Info.number(info, "blocked_clients")), 8)
        + Figures.left(requests + " (+" + more + ")", 19)
        + ' '
        + Figures.left(Long.toString(Info.number(info, "total_connections_received")), 12)
        + children(info);
  }

  private static String children(String info) {
    long save = Info.number(info, "bgsave_in_progress");
    long rewrite = Info.number(info, "aof_rewrite_in_progress");
    long loading = Info.number(info, "loading");
    return switch ((int) (save | rewrite << 1 | loading << 2)) {
      case 1 -> "SAVE";
      case 2 -> "AOF";
      case 3 -> "SAVE+AOF";
      case 4 -> "LOAD";
      default -> "";
    };
  }

  static String bytes(long n) {
    if (n < 0) return "-" + bytes(n == Long.MIN_VALUE ? Long.MAX_VALUE : -n);
    if (n < 1024) return n + "B";
    if (n < 1L << 20) return Figures.fixed((double) n / (1 << 10), 2) + "K";
    if (n < 1L << 30) return Figures.fixed((double) n / (1 << 20), 2) + "M";
    return Figures.fixed((double) n / (1 << 30), 2) + "G";
  }
}
