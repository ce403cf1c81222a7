package dev.spinel.bench;

import java.util.Arrays;

/// `spinel bench NAME [arguments]`: runs one of the benchmarks of this package, or JMH's own
/// command line for those that are written with JMH.
public final class Main {
  private static final String HELP =
      """
      spinel bench NAME [arguments]

        wire [part]                 requests read, replies written, slots, hashes, numbers
        allocator [part]            nodes handed out and taken back, residency, giving back
        dictionary [rows] [keys]    the dictionary alone
        sequence                    lists and long strings without a server
        sortedset [members…]        sorted sets without a server
        engine [snapshot|pause]     the server without sockets: commands; beside snapshots; pauses
        net PORT [LOOPS]            the loops with the smallest store, for redis-benchmark
        failover --program P …      how long nobody takes writes when a primary is lost (bench/failovers)
        load --port N [--ops …]     a load generator: requests/s and latencies of any server
        jmh [JMH's arguments]       what is written with JMH
      """;

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    String name = arguments.length == 0 ? "" : arguments[0];
    String[] rest =
        arguments.length == 0 ? arguments : Arrays.copyOfRange(arguments, 1, arguments.length);
    switch (name) {
      case "wire" -> WireBench.main(rest);
      case "allocator" -> AllocatorBench.main(rest);
      case "dictionary" -> DictionaryBench.main(rest);
      case "sequence" -> SequenceBench.main(rest);
      case "sortedset" -> SortedSetBench.main(rest);
      case "engine" -> EngineBench.main(rest);
      case "net" -> NetBench.main(rest);
      case "failover" -> FailoverBench.main(rest);
      case "load" -> LoadBench.main(rest);
      case "jmh" -> org.openjdk.jmh.Main.main(rest);
      case "--help", "-h" -> System.out.print(HELP);
      default -> {
        System.err.print(
            name.isEmpty() ? HELP : "spinel bench: no such benchmark: '" + name + "'\n" + HELP);
        System.exit(1);
      }
    }
  }
}
