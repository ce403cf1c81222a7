package dev.spinel.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.wire.Client;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Messages to many who speak themselves: each hears each once, all in one order, and one's own
/// message comes right behind the reply to PUBLISH.
class MessagesTest {
  private static final int SPEAKERS = 60; // more than a loop's outputs hold memory for at a time
  private static final int MESSAGES = 10;

  @Test
  void allHearAllMessagesOnceAndInOneOrder() throws Exception {
    for (String loops : List.of("1", "3")) {
      Config config = Config.of("port", "0", "event-loops", loops);
      try (Server server =
          new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM)) {
        server.startAtAnyPort();
        List<Client> speakers = new ArrayList<>();
        try {
          for (int i = 0; i < SPEAKERS; i++) {
            Client speaker = Client.connect("127.0.0.1", server.port()).timeoutMillis(30_000);
            speaker.command("HELLO", "3");
            speaker.send("SUBSCRIBE", "talk");
            speaker.flush();
            assertThat(text(speaker)).startsWith(">3\r\n$9\r\nsubscribe\r\n");
            speakers.add(speaker);
          }
          for (int i = 0; i < SPEAKERS; i++) {
            ByteArrayOutputStream speech = new ByteArrayOutputStream();
            for (int j = 0; j < MESSAGES; j++) {
              speech.writeBytes(LocalSession.request("PUBLISH", "talk", i + "." + j));
            }
            speech.writeBytes(LocalSession.request("ECHO", "end"));
            speakers.get(i).sendRaw(speech.toByteArray());
            speakers.get(i).flush();
          }
          List<String> all = null;
          for (int i = 0; i < SPEAKERS; i++) {
            List<String> heard = hear(speakers.get(i), i);
            assertThat(heard).hasSize(SPEAKERS * MESSAGES).doesNotHaveDuplicates();
            if (all == null) {
              all = heard;
            }
            assertThat(heard).isEqualTo(all);
          }
          speakers.getFirst().send("UNSUBSCRIBE", "talk");
          speakers.getFirst().flush();
          assertThat(text(speakers.getFirst())).startsWith(">3\r\n$11\r\nunsubscribe\r\n");
          speakers.getLast().sendRaw(LocalSession.request("PUBLISH", "talk", "left"));
          speakers.getLast().flush();
          assertThat(text(speakers.getLast())).isEqualTo(":" + (SPEAKERS - 1) + "\r\n");
          assertThat(text(speakers.getLast())).endsWith("left\r\n");
          assertThat(speakers.getFirst().command("ECHO", "nothing else").text())
              .isEqualTo("nothing else");
        } finally {
          for (Client speaker : speakers) {
            speaker.close();
          }
        }
      }
    }
  }

  /// The messages that speaker `i` hears, in order.
  private static List<String> hear(Client speaker, int i) throws Exception {
    List<String> heard = new ArrayList<>();
    int spoken = 0;
    boolean ended = false;
    while (heard.size() < SPEAKERS * MESSAGES || !ended) {
      String text = text(speaker);
      if (text.startsWith(">")) {
        heard.add(text.substring(text.lastIndexOf('\n', text.length() - 2) + 1).strip());
      } else if (text.startsWith(":")) {
        assertThat(text).isEqualTo(":" + SPEAKERS + "\r\n");
        String own = i + "." + spoken++;
        List<String> between = new ArrayList<>(); // of others, sent before one's own
        do {
          String next = text(speaker);
          assertThat(next).as("between a reply and its message").startsWith(">");
          between.add(next.substring(next.lastIndexOf('\n', next.length() - 2) + 1).strip());
        } while (!between.getLast().equals(own));
        heard.addAll(between);
      } else {
        assertThat(text).isEqualTo("$3\r\nend\r\n");
        ended = true;
      }
    }
    assertThat(spoken).isEqualTo(MESSAGES);
    return heard;
  }

  private static String text(Client client) throws Exception {
    return new String(client.raw(), StandardCharsets.ISO_8859_1);
  }
}
