package dev.spinel.tutorials;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a program said, on both its outputs, and how it ended.
record Said(int status, String text) {
  private static final int POLL_MILLIS = 50;
  private static final int PATIENCE = 3; // how much longer it may take on a machine that is busy
  private static final Pattern QUESTION = Pattern.compile("(\\? |#[0-9]+: |accept\\): )\\z");

  /// Runs it to its end.
  static Said of(Path folder, String input, String... command) throws Exception {
    Process process = builder(folder, command).start();
    try (var to = process.getOutputStream()) {
      to.write(input.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      // it ended without reading all
    }
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Said(process.waitFor(), text.replace("\r", ""));
  }

  /// Runs it to its end, and gives an answer whenever it asks. A line at a time, as a terminal
  /// does: `redis-cli` takes what is there for the answer, up to so many bytes.
  static Said answered(Path folder, List<String> answers, String... command) throws Exception {
    Process process = builder(folder, command).start();
    InputStream from = process.getInputStream();
    ByteArrayOutputStream heard = new ByteArrayOutputStream();
    Iterator<String> answer = answers.iterator();
    try (var to = process.getOutputStream()) {
      for (int c = from.read(); c >= 0; c = from.read()) {
        heard.write(c);
        boolean mayAsk = c == ' ' && from.available() == 0 && answer.hasNext();
        if (mayAsk && QUESTION.matcher(heard.toString(StandardCharsets.UTF_8)).find()) {
          to.write((answer.next() + "\n").getBytes(StandardCharsets.UTF_8));
          to.flush();
        }
      }
    }
    String text = heard.toString(StandardCharsets.UTF_8);
    return new Said(process.waitFor(), text.replace("\r", ""));
  }

  private static ProcessBuilder builder(Path folder, String... command) {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    if (folder != null) builder.directory(folder.toFile());
    builder.environment().remove("REDISCLI_AUTH");
    builder.environment().put("TERM", "dumb"); // no colours
    return builder;
  }

  /// Just this, but for the ends of lines.
  Said is(String wanted) {
    assertThat(text.strip()).isEqualTo(wanted);
    return this;
  }

  /// It has lines that match, in this order; a line is matched where the pattern begins with `^`
  /// from its beginning, and to its end with `$`.
  Said shows(String... patterns) {
    String rest = text;
    for (String pattern : patterns) {
      Matcher matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(rest);
      assertThat(matcher.find()).as(() -> "in order: " + pattern + "\n" + text).isTrue();
      rest = rest.substring(matcher.end());
    }
    return this;
  }

  /// It has lines that match, in any order.
  Said has(String... patterns) {
    for (String pattern : patterns) shows(pattern);
    return this;
  }

  Said lacks(String... patterns) {
    for (String pattern : patterns) {
      assertThat(Pattern.compile(pattern, Pattern.MULTILINE).matcher(text).find())
          .as(() -> "no " + pattern + "\n" + text)
          .isFalse();
    }
    return this;
  }

  boolean matches(String pattern) {
    return Pattern.compile(pattern, Pattern.MULTILINE).matcher(text).find();
  }

  /// How often it matches.
  long count(String pattern) {
    return Pattern.compile(pattern, Pattern.MULTILINE).matcher(text).results().count();
  }

  /// What the group of the pattern is.
  String part(String pattern) {
    Matcher matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(text);
    assertThat(matcher.find()).as(() -> pattern + "\n" + text).isTrue();
    return matcher.group(1);
  }

  /// Repeats it until it shows all of that.
  ///
  /// @param seconds how long it may take on a quiet machine
  static Said soon(int seconds, Callable<Said> again, String... patterns) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos((long) PATIENCE * seconds);
    Said said = again.call();
    while (!List.of(patterns).stream().allMatch(said::matches)) {
      if (System.nanoTime() - end > 0) return said.has(patterns);
      Thread.sleep(POLL_MILLIS);
      said = again.call();
    }
    return said;
  }
}
