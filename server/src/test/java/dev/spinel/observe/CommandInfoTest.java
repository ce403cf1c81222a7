package dev.spinel.observe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.spinel.Spinel;
import dev.spinel.config.Config;
import dev.spinel.engine.Clock;
import dev.spinel.engine.Json;
import dev.spinel.engine.Later;
import dev.spinel.server.LocalSession;
import dev.spinel.server.Log;
import dev.spinel.server.Server;
import dev.spinel.wire.Client;
import dev.spinel.wire.RespValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// COMMAND over the wire: what clients read off it is what they would read off a real 7.2.6.
class CommandInfoTest {
  private static Spinel spinel;
  private Client client;

  @BeforeAll
  static void start() {
    spinel = Spinel.start();
  }

  @AfterAll
  static void stop() {
    spinel.close();
  }

  @BeforeEach
  void connect() throws IOException {
    client = Client.connect("127.0.0.1", spinel.port());
  }

  @AfterEach
  void disconnect() {
    client.close();
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Object json) {
    return (Map<String, Object>) json;
  }

  private static Map<String, Object> redis(String version) throws IOException {
    String resource = "/redis-" + version + "-commands.json";
    try (InputStream in = CommandInfoTest.class.getResourceAsStream(resource)) {
      return map(Json.parse(new String(in.readAllBytes(), StandardCharsets.UTF_8)));
    }
  }

  @Test
  void infoAndDocsTogetherSayWhatRedisSays() throws IOException {
    Map<String, Object> redis = redis("7.2");
    Map<String, Object> later = redis("8.0");
    List<RespValue> infos = client.command("COMMAND").elements();
    Map<String, RespValue> docs = pairs(client.command("COMMAND", "DOCS"));
    assertThat(docs).hasSize(infos.size());
    assertThat(client.command("COMMAND", "COUNT").integer()).isEqualTo(infos.size());
    assertThat(infos).hasSizeGreaterThan(100);
    for (RespValue info : infos) {
      String name = info.elements().get(0).text();
      RespValue of = docs.get(name);
      Map<String, Object> facts = facts(info, of);
      if (Later.isLater((String) facts.get("since"))) {
        assertThat(facts).as(name).isEqualTo(later.getOrDefault(name, facts));
        continue;
      }
      Map<String, Object> expected = map(redis.get(name));
      Map<String, Object> subcommands = map(expected.remove("subcommands"));
      assertThat(Later.without(facts)).as(name).isEqualTo(expected);
      List<RespValue> subInfos = info.elements().get(9).elements();
      if (subInfos.isEmpty()) {
        assertThat(pairs(of)).doesNotContainKey("subcommands");
        continue;
      }
      Map<String, RespValue> subDocs = pairs(pairs(of).get("subcommands"));
      assertThat(subDocs).hasSize(subInfos.size());
      for (RespValue sub : subInfos) {
        String subName = sub.elements().get(0).text();
        Map<String, Object> subFacts = facts(sub, subDocs.get(subName));
        if (subcommands.get(subName) == null && Later.isLater((String) subFacts.get("since"))) {
          continue;
        }
        assertThat(Later.without(subFacts)).as(subName).isEqualTo(subcommands.get(subName));
      }
    }
  }

  @Test
  void infoAndDocsOfNamedCommandsAreThoseOfAll() throws IOException {
    assertThat(
            client.command("COMMAND", "INFO", "get", "nothing", "CLIENT|LIST", "get|x").elements())
        .satisfiesExactly(
            get -> assertThat(get.elements().get(0).text()).isEqualTo("get"),
            nothing -> assertThat(nothing.isNil()).isTrue(),
            list -> assertThat(list.elements().get(0).text()).isEqualTo("client|list"),
            x -> assertThat(x.isNil()).isTrue());
    assertThat(pairs(client.command("COMMAND", "DOCS", "get", "nothing", "client|LIST")))
        .containsOnlyKeys("get", "client|list");
    assertThat(client.command("COMMAND", "INFO")).isEqualTo(client.command("COMMAND"));
  }

  @Test
  void docsCarryWordsAndNotes() throws IOException {
    Map<String, RespValue> set = pairs(pairs(client.command("COMMAND", "DOCS", "SET")).get("set"));
    assertThat(set.get("summary").text()).isEqualTo("Writes a string, whatever was there before.");
    assertThat(set.get("complexity").text()).isEqualTo("O(1)");
    assertThat(set.get("history").elements().get(1).elements().get(1).text()).isEqualTo("KEEPTTL");
    RespValue info = client.command("COMMAND", "INFO", "SET").elements().get(0);
    Map<String, RespValue> spec = pairs(info.elements().get(8).elements().get(0));
    assertThat(spec.get("notes").text()).contains("`GET`");
  }

  @Test
  void listFiltersByCategoryAndPattern() throws IOException {
    assertThat(names("COMMAND", "LIST"))
        .contains("get", "client", "client|list")
        .doesNotContain("zadd|x");
    assertThat(names("COMMAND", "LIST", "FILTERBY", "PATTERN", "CLIENT|k*"))
        .containsExactly("client|kill");
    assertThat(names("COMMAND", "LIST", "filterby", "aclcat", "Transaction"))
        .containsExactlyInAnyOrder("multi", "exec", "discard", "watch", "unwatch");
    assertThat(names("COMMAND", "LIST", "FILTERBY", "ACLCAT", "nothing")).isEmpty();
    assertThat(names("COMMAND", "LIST", "FILTERBY", "MODULE", "search")).isEmpty();
    for (String[] wrong :
        new String[][] {
          {"COMMAND", "LIST", "PATTERN"},
          {"COMMAND", "LIST", "FILTERBY"},
          {"COMMAND", "LIST", "FILTERBY", "PATTERN"},
          {"COMMAND", "LIST", "FILTERBY", "NAME", "x"},
          {"COMMAND", "LIST", "FILTERBY", "PATTERN", "x", "y"}
        }) assertThat(client.command(wrong).text()).isEqualTo("ERR syntax error");
  }

  @Test
  void getkeysTellsKeysAndHowTheyAreUsed() throws IOException {
    assertThat(names("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2")).containsExactly("a", "b");
    assertThat(names("COMMAND", "GETKEYS", "OBJECT", "ENCODING", "k")).containsExactly("k");
    assertThat(names("COMMAND", "GETKEYS", "BLMPOP", "0", "2", "a", "b", "LEFT"))
        .containsExactly("a", "b");
    assertThat(use("SET", "k", "v")).containsExactly("OW", "update");
    assertThat(use("SET", "k", "v", "EX", "1", "get")).containsExactly("RW", "access", "update");
    assertThat(use("DEL", "k")).containsExactly("RM", "delete");
  }

  private List<String> use(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of("COMMAND", "GETKEYSANDFLAGS"));
    all.addAll(List.of(words));
    RespValue one = client.command(all.toArray(new String[0])).elements().get(0);
    assertThat(one.elements().get(0).text()).isEqualTo("k");
    return texts(one.elements().get(1));
  }

  @Test
  void getkeysSaysWhyItCannotTell() throws IOException {
    assertThat(error("nothing", "a")).isEqualTo("ERR Invalid command specified");
    assertThat(error("CLIENT", "nothing")).isEqualTo("ERR Invalid command specified");
    assertThat(error("PING")).isEqualTo("ERR The command has no key arguments");
    assertThat(error("SPUBLISH", "c", "m")).isEqualTo("ERR The command has no key arguments");
    assertThat(error("OBJECT")).isEqualTo("ERR The command has no key arguments");
    assertThat(error("GET")).isEqualTo("ERR Invalid number of arguments specified for command");
    assertThat(error("LMPOP", "x", "k", "LEFT"))
        .isEqualTo("ERR Invalid arguments specified for command");
  }

  private String error(String... words) throws IOException {
    List<String> all = new ArrayList<>(List.of("COMMAND", "GETKEYS"));
    all.addAll(List.of(words));
    RespValue reply = client.command(all.toArray(new String[0]));
    assertThat(reply.isError()).isTrue();
    return reply.text();
  }

  @Test
  void helpListsEverySubcommandInItsFormAndItselfLast() throws IOException {
    List<String> lines = names("COMMAND", "HELP");
    assertThat(lines.get(0))
        .isEqualTo("COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    assertThat(lines.get(1)).isEqualTo("(no subcommand)");
    assertThat(lines).contains("GETKEYS command [arg [arg ...]]", "    Counts the commands.");
    assertThat(lines.get(lines.size() - 2)).isEqualTo("HELP");
  }

  /// In RESP3 flags and the like are sets, what has names are maps; nothing else differs.
  @Test
  void resp3SaysTheSameInSetsAndMaps() {
    Config config = Config.of("port", "0");
    try (Server server =
            new Server(config, new Log(config, OutputStream.nullOutputStream()), Clock.SYSTEM);
        LocalSession session = new LocalSession(server)) {
      for (String[] words :
          new String[][] {
            {"COMMAND"},
            {"COMMAND", "DOCS"},
            {"COMMAND", "DOCS", "get", "nothing"},
            {"COMMAND", "INFO", "get", "nothing"},
            {"COMMAND", "LIST"},
            {"COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v"},
            {"COMMAND", "HELP"}
          }) {
        session.session().protocol = 2;
        String two = new String(session.run(words), StandardCharsets.ISO_8859_1);
        session.session().protocol = 3;
        String three = new String(session.run(words), StandardCharsets.ISO_8859_1);
        assertThat(asResp2(three)).as(String.join(" ", words)).isEqualTo(two);
      }
      String get = new String(session.run("COMMAND", "INFO", "GET"), StandardCharsets.ISO_8859_1);
      assertThat(get)
          .startsWith(
              "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
                  + "~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n")
          .endsWith("$5\r\nlimit\r\n:0\r\n~0\r\n");
    }
  }

  private static String asResp2(String resp3) {
    StringBuilder out = new StringBuilder();
    for (int at = 0; at < resp3.length(); ) {
      int end = resp3.indexOf("\r\n", at) + 2;
      char type = resp3.charAt(at);
      if (type == '%') {
        int pairs = Integer.parseInt(resp3.substring(at + 1, end - 2));
        out.append('*').append(pairs * 2).append("\r\n");
      } else if (type == '~') {
        out.append('*').append(resp3, at + 1, end);
      } else if (type == '_') {
        out.append("$-1\r\n");
      } else {
        if (type == '$') end += Integer.parseInt(resp3.substring(at + 1, end - 2)) + 2;
        out.append(resp3, at, end);
      }
      at = end;
    }
    return out.toString();
  }

  private List<String> names(String... words) throws IOException {
    return texts(client.command(words));
  }

  private static List<String> texts(RespValue reply) {
    List<String> texts = new ArrayList<>();
    for (RespValue one : reply.elements()) texts.add(one.text());
    return texts;
  }

  /// A map of either protocol, by its keys' texts.
  private static Map<String, RespValue> pairs(RespValue map) {
    Map<String, RespValue> pairs = new LinkedHashMap<>();
    List<RespValue> elements = map.elements();
    for (int i = 0; i < elements.size(); i += 2)
      pairs.put(elements.get(i).text(), elements.get(i + 1));
    return pairs;
  }

  /// INFO and DOCS of one command in the shape of the recorded facts.
  private static Map<String, Object> facts(RespValue info, RespValue docs) {
    Map<String, Object> facts = new LinkedHashMap<>();
    List<RespValue> ten = info.elements();
    assertThat(ten).hasSize(10);
    facts.put("arity", ten.get(1).integer());
    put(facts, "flags", texts(ten.get(2)));
    facts.put("first", ten.get(3).integer());
    facts.put("last", ten.get(4).integer());
    facts.put("step", ten.get(5).integer());
    put(facts, "categories", texts(ten.get(6)));
    put(facts, "tips", texts(ten.get(7)));
    List<Object> specs = new ArrayList<>();
    for (RespValue spec : ten.get(8).elements()) {
      Map<String, RespValue> parts = pairs(spec);
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("flags", texts(parts.get("flags")));
      for (String rule : List.of("begin_search", "find_keys")) {
        Map<String, RespValue> rules = pairs(parts.get(rule));
        Map<String, Object> parameters = new LinkedHashMap<>();
        pairs(rules.get("spec"))
            .forEach(
                (k, v) -> parameters.put(k, v instanceof RespValue.Int i ? i.value() : v.text()));
        one.put(rule, Map.of("type", rules.get("type").text(), "spec", parameters));
      }
      specs.add(one);
    }
    put(facts, "key_specs", specs);
    pairs(docs)
        .forEach(
            (name, value) -> {
              switch (name) {
                case "summary", "complexity" -> assertThat(value.text()).isNotEmpty();
                case "doc_flags" -> put(facts, name, texts(value));
                case "history" -> {
                  List<Object> versions = new ArrayList<>();
                  for (RespValue change : value.elements())
                    versions.add(change.elements().get(0).text());
                  put(facts, "history_versions", versions);
                }
                case "arguments" -> put(facts, name, arguments(value));
                case "subcommands" -> {}
                default -> facts.put(name, value.text());
              }
            });
    return facts;
  }

  private static List<Object> arguments(RespValue reply) {
    List<Object> arguments = new ArrayList<>();
    for (RespValue one : reply.elements()) {
      Map<String, Object> argument = new LinkedHashMap<>();
      pairs(one)
          .forEach(
              (name, value) -> {
                switch (name) {
                  case "flags" -> put(argument, name, texts(value));
                  case "arguments" -> put(argument, name, arguments(value));
                  case "key_spec_index" -> argument.put(name, value.integer());
                  default -> argument.put(name, value.text());
                }
              });
      // Redis shows the name where there is nothing else to show; the recorded facts leave that out
      String type = (String) argument.get("type");
      if (!type.equals("oneof") && !type.equals("block"))
        assertThat(argument).containsKey("display_text");
      if (argument.get("name").equals(argument.get("display_text")))
        argument.remove("display_text");
      arguments.add(argument);
    }
    return arguments;
  }

  private static void put(Map<String, Object> facts, String name, List<?> list) {
    if (!list.isEmpty()) facts.put(name, list);
  }
}
