package dev.spinel.engine;

import org.jspecify.annotations.Nullable;

/// A family of commands: one file that declares its rows and runs them.
///
/// ```java
/// public final class Strings implements Family {
///   private static final int GET = 0, SET = 1;
///
///   public void declare(CommandTable.Builder t) {
///     t.command(GET, "GET @key:RO+access", "string 1.0.0 readonly fast", "Returns a string.\nO(1)");
///     …
///   }
///
///   public void run(int row, Call call, Reply reply) {
///     switch (row) {
///       case GET -> get(call, reply);
///       …
///       default -> throw new AssertionError(row);
///     }
///   }
/// ```
///
/// Why a switch and not one method reference per row: 250 method references take 75 ms to link at
/// start (30 ms with a CDS archive), the switches 5 (1); and a call through hundreds of lambda
/// classes costs 17 ns where the switch costs 5, because the compiler can see through it (ADR 008).
///
/// A family is made once per server, by the assembly, with whatever it needs in its constructor.
/// `run` may be called from all threads at once.
public interface Family {
  /// Adds the family's rows, in the order in which `COMMAND` lists them. Runs once, at start:
  /// nothing but constants here.
  void declare(CommandTable.Builder table);

  /// Runs one call of the command that was declared as `row`.
  void run(int row, Call call, Reply reply);

  /// What a call of a command that is [Command#SCRIPTED] is going to run; null if that isn't known,
  /// as its arguments are wrong. Asked before its gates are, and again whenever it begins anew.
  default @Nullable Scripted scripted(int row, Call call) {
    return null;
  }
}
