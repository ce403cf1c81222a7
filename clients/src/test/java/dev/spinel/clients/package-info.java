/// The client libraries that people use, against a Spinel in this JVM: their quick starts, pooled,
/// pipelined, waiting, listening. Knows only the embedded API.
package dev.spinel.clients;
