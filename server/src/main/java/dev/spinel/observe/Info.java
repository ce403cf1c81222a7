package dev.spinel.observe;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/// INFO: the sections of all features ([Section]), in the order of the assembly. Immutable.
public final class Info {
  private final Map<String, List<Section>> sections = new LinkedHashMap<>(); // by name; its parts

  /// @param all in the order in which they are shown; parts of one section may stand anywhere
  public Info(Section... all) {
    for (Section each : all) {
      String name = each.title().toLowerCase(Locale.ROOT);
      sections.computeIfAbsent(name, absent -> new ArrayList<>()).add(each);
    }
  }

  /// The text that the words of `call` ask for.
  byte[] text(Call call) {
    Set<String> wanted = wanted(call);
    StringBuilder text = new StringBuilder(4096);
    for (Map.Entry<String, List<Section>> each : sections.entrySet()) {
      if (wanted.contains(each.getKey())) {
        append(text, each.getValue(), call);
      }
    }
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private Set<String> wanted(Call call) {
    Set<String> wanted = new HashSet<>();
    if (call.argc() == 1) {
      add(Section::standard, wanted);
    }
    for (int i = 1; i < call.argc(); i++) {
      String word = call.text(i).toLowerCase(Locale.ROOT);
      switch (word) {
        case "default" -> add(Section::standard, wanted);
        case "all", "everything" -> add(section -> !section.hidden(), wanted);
        case "module_list" -> wanted.add("modules");
        default -> wanted.add(word);
      }
    }
    return wanted;
  }

  private void add(Predicate<Section> which, Set<String> wanted) {
    for (Map.Entry<String, List<Section>> each : sections.entrySet()) {
      if (which.test(each.getValue().getFirst())) {
        wanted.add(each.getKey());
      }
    }
  }

  private static void append(StringBuilder text, List<Section> parts, Call call) {
    if (!text.isEmpty()) {
      text.append("\r\n");
    }
    text.append("# ").append(parts.getFirst().title()).append("\r\n");
    fields(parts, call).writeTo(text);
  }

  /// What a section tells. It exists.
  Fields fields(String name, Call call) {
    return fields(Objects.requireNonNull(sections.get(name)), call);
  }

  private static Fields fields(List<Section> parts, Call call) {
    Fields fields = new Fields();
    for (Section part : parts) {
      fields.lay(part.layout());
    }
    for (Section part : parts) {
      part.tell(call, fields);
    }
    return fields;
  }

  /// CONFIG RESETSTAT. Stopped world.
  void reset() {
    for (List<Section> parts : sections.values()) {
      for (Section part : parts) {
        part.reset();
      }
    }
  }
}
