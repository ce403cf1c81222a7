package dev.spinel.engine;

import dev.spinel.wire.Output;
import dev.spinel.wire.RespWriter;
import dev.spinel.wire.Slice;

/// The reply to the running call, written as it goes, in the session's protocol. One per
/// dispatcher.
public final class Reply {
  private final RespWriter writer;
  private Output output;
  private int errors; // error replies written, ever
  private int counted; // of those, whose codes were
  private String lastError = "";

  Reply(Output output) {
    this.writer = new RespWriter(output, 2);
    this.output = output;
  }

  /// A reply that no dispatcher has anything to do with.
  public Reply(Output output, int protocol) {
    this.writer = new RespWriter(output, protocol);
    this.output = output;
  }

  void to(Output output, int protocol) {
    this.output = output;
    writer.on(output, protocol);
  }

  Output output() {
    return output;
  }

  int errors() {
    return errors;
  }

  /// How many of them were counted before.
  int counted() {
    return counted;
  }

  /// The text of the error reply written last.
  String lastError() {
    return lastError;
  }

  /// How many bytes of this reply, and of those before it, have not left.
  public long pendingBytes() {
    return output.pendingBytes();
  }

  /// Whether a reply that becomes too long ends, with its connection, while it is made.
  public boolean isLimited() {
    return output.isLimited();
  }

  /// Whether nothing of the reply will be sent: more of it is in vain.
  public boolean isLost() {
    return output.isTorn();
  }

  /// The call that began to reply when so many bytes were pending has failed: what it has said is
  /// no reply, nor is anything behind it.
  void abandon(long pendingBytes) {
    writer.abandon();
    if (output.pendingBytes() != pendingBytes) {
      output.tear();
    }
  }

  /// Gives the reply up in the middle, and with it the connection.
  public void lose() {
    output.tear();
  }

  /// For values that write themselves.
  public RespWriter writer() {
    return writer;
  }

  public int protocol() {
    return writer.protocol();
  }

  public void ok() {
    writer.ok();
  }

  public void simple(String text) {
    writer.simple(text);
  }

  /// An error reply whose text begins with its code.
  public void error(String text) {
    errors++;
    lastError = text;
    writer.error(text);
  }

  /// An error reply that repeats one whose code has been counted already.
  public void countedError(String text) {
    errors++;
    counted++;
    writer.error(text);
  }

  public void integer(long value) {
    writer.integer(value);
  }

  /// 1 or 0.
  public void flag(boolean value) {
    writer.integer(value ? 1 : 0);
  }

  public void bulk(String text) {
    writer.bulk(text);
  }

  public void bulk(byte[] bytes) {
    writer.bulk(bytes);
  }

  public void bulk(Slice slice) {
    writer.bulk(slice);
  }

  /// A number as a bulk string.
  public void bulk(long number) {
    writer.bulk(number);
  }

  public void nil() {
    writer.nil();
  }

  public void nilArray() {
    writer.nilArray();
  }

  public void array(long elements) {
    writer.array(elements);
  }

  public void map(long pairs) {
    writer.map(pairs);
  }

  public void set(long elements) {
    writer.set(elements);
  }

  public void push(long elements) {
    writer.push(elements);
  }

  public void number(double value) {
    writer.doubleValue(value);
  }

  public void bool(boolean value) {
    writer.bool(value);
  }

  public void verbatim(String format, byte[] text) {
    writer.verbatim(format, text);
  }

  /// Begins an array whose length isn't known yet; [#close] ends the innermost.
  public void deferArray() {
    writer.deferArray();
  }

  public void deferSet() {
    writer.deferSet();
  }

  public void deferMap() {
    writer.deferMap();
  }

  /// Ends what was deferred last, with its number of elements (of pairs for a map).
  public void close(long elements) {
    writer.closeArray(elements);
  }
}
