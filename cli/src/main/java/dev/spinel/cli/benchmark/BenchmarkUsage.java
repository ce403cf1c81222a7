package dev.spinel.cli.benchmark;

import dev.spinel.cli.TlsOptions;

/// What `redis-benchmark --help` prints.
final class BenchmarkUsage {
  private BenchmarkUsage() {}

  static String text() {
    return """
    Usage: redis-benchmark [OPTIONS] [COMMAND ARGS...]

    Where to:
      -h <hostname>      The server's name or address (127.0.0.1).
      -p <port>          Its port (6379).
      -s <socket>        Its Unix domain socket, instead of both.
      -u <uri>           All in one: redis://user:password@host:port/db,
                         rediss:// with TLS.
      -a <password>      The password.
      --user <username>  Logs in as this user; needs -a.
      --dbnum <db>       The database (0).
      -3                 Speaks RESP3.
      --cluster          All primaries of the cluster that the server is in.
                         Keys of a command must contain {tag}, which becomes
                         a tag of a slot of the node that is asked.

    %tls
    How much:
      -c <clients>       Connections at the same time (50).
      -n <requests>      Requests in all (100000).
      -P <requests>      So many at once on each connection (1).
      -d <bytes>         Of a value (3).
      -r <keys>          __rand_int__ in arguments, and in the keys of the
                         tests, is a number of 12 digits below this, another
                         one each time.
      -k <0|1>           0: a new connection for each request (1).
      --threads <n>      Threads of the load; by default one, and in
                         --cluster one for each primary.
      --enable-tracking  Each connection says CLIENT TRACKING on.
      --seed <n>         Begins the random numbers here.
      -l                 Again and again.
      -I                 Only opens the connections, and waits.

    What:
      -t <tests>         These of the tests, with commas between; not if there
                         is a command.
      -x                 Standard input is the last argument of the command.

    Output:
      -q                 A line for each test.
      --csv              The same with commas.
      --precision <n>    Significant digits of latencies, 1 to 4 (3).
      --help, --version

    Examples:
      redis-benchmark -t set,get -n 1000000 -r 100000000 -P 16
      redis-benchmark -r 10000 -n 10000 lpush mylist __rand_int__
    """
        .replace("%tls\n", TlsOptions.USAGE);
  }
}
