/// `redis-benchmark`, `spinel benchmark`: loads any server that speaks RESP, and says how it did.
///
/// [dev.spinel.cli.benchmark.Benchmark] reads the command line and runs one test after the other; a
/// [dev.spinel.cli.benchmark.Load] is one test: some threads with some connections each
/// ([dev.spinel.cli.benchmark.LoadClient]), whose latencies go to a
/// [dev.spinel.cli.benchmark.LatencyHistogram].
@NullMarked
package dev.spinel.cli.benchmark;

import org.jspecify.annotations.NullMarked;
