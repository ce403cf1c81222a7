package dev.spinel.cli;

/// The text of `--help`.
final class Usage {
  private Usage() {}

  static String text() {
    return Version.line()
        + """


        Usage: redis-cli [OPTIONS] [cmd [arg [arg ...]]]

        Where to:
          -h <hostname>      The server's name or address (127.0.0.1).
          -p <port>          Its port (6379).
          -s <socket>        Its Unix domain socket, instead of both.
          -u <uri>           All in one: redis://user:password@host:port/db,
                             rediss:// with TLS.
          -a <password>      The password; REDISCLI_AUTH in the environment is
                             safer, and -a goes before it.
          --pass <password>  The same as -a.
          --user <username>  Logs in as this user; needs a password.
          --askpass          Asks for the password, without showing it. Goes
                             before -a and REDISCLI_AUTH.
          --no-auth-warning  No warning about a password on the command line.
          -n <db>            The database.
          -2, -3             Speaks RESP2, RESP3.
          -c                 Follows the redirects of a cluster (MOVED, ASK).

        %tls
        What to send:
          -r <repeat>        Sends the command so often; negative: for ever.
          -i <interval>      Seconds between repetitions, also fractions. In
                             --scan and --stat between rounds; in --bigkeys,
                             --memkeys and --hotkeys after each 100 rounds.
          -x                 Standard input is the last argument.
          -X <tag>           Standard input is the argument that reads <tag>.
          --quoted-input     Arguments may be quoted: '"a\\x00b"'.
          --eval <file>      Runs the script in the file; a comma separates its
                             KEYS from its ARGV.
          -e                 An error ends with status 1 and goes to stderr.

        How replies look:
          --raw, --no-raw    As they are (the default in a pipe); for people.
          --csv, --json      CSV; JSON (in RESP3, unless -2 is given).
          --quoted-json      JSON whose strings are quoted, and so ASCII.
          -d <delimiter>     Between the elements of a raw reply (\\n).
          -D <delimiter>     Behind a raw reply (\\n).
          --show-pushes <yn> Whether RESP3's pushes are shown (on a terminal: y).

        Instead of a command:
          --stat             Keys, memory, clients, requests: a line each second.
          --latency          How long PING takes; in a pipe, over one second.
          --latency-history  The same, begun anew each 15 seconds (-i).
          --latency-dist     The same as a spectrum of colours (-i; --mono).
          --intrinsic-latency <sec>  How long this machine lets nobody run.
          --lru-test <keys>  Plays a cache that a few of its keys serve mostly.
          --scan             All keys, by SCAN.
          --bigkeys          The keys with most elements.
          --memkeys          The keys that take most memory.
          --memkeys-samples <n>  The same; so many elements of each are weighed.
          --hotkeys          The keys used most (an LFU policy must be set).
          --pattern <pat>    Only keys that match, for these four.
          --quoted-pattern <pat>  The same, quoted.
          --count <count>    SCAN's COUNT for them (10).
          --pipe             Sends standard input, which is RESP, and counts errors.
          --pipe-timeout <n> Gives up after so long without a reply (%d; 0: never).
          --rdb <filename>   Fetches a dump of the server; "-" is standard output.
          --functions-rdb <filename>  The same, of the functions alone.
          --replica          Shows what a replica is sent.
          --cluster <command> [args...] [opts...]
                             Manages a cluster; `--cluster help` lists how.

          --verbose          Says more.
          --help, --version  This text; the version.

        Without a command it reads commands, at a prompt if there is a terminal;
        `help` tells more there.

          redis-cli set counter 10
          redis-cli -r 5 -i 1 incr counter
          redis-cli -x set motd < /etc/motd
          redis-cli --scan --pattern 'user:*' --count 1000
          redis-cli --eval script.lua key1 key2 , arg1

        """
            .replace("%tls\n", TlsOptions.USAGE)
            .replace("%d", Integer.toString(Options.PIPE_TIMEOUT_SECONDS));
  }
}
