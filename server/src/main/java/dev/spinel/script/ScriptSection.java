package dev.spinel.script;

import dev.spinel.engine.Call;
import dev.spinel.engine.Fields;
import dev.spinel.engine.Section;

/// What INFO memory says of scripts and functions.
final class ScriptSection implements Section {
  private final Scripts scripts;

  ScriptSection(Scripts scripts) {
    this.scripts = scripts;
  }

  @Override
  public String title() {
    return "Memory";
  }

  @Override
  public void tell(Call call, Fields out) {
    Libraries libraries = scripts.libraries;
    long evalBytes = scripts.interpreterBytes();
    long functionBytes = 0;
    long libraryBytes = 0;
    for (Library library : libraries.all()) {
      functionBytes += library.valueBytes();
      libraryBytes += library.heapBytes();
    }
    out.bytes("used_memory_lua", evalBytes);
    out.field("used_memory_vm_eval", evalBytes);
    out.field("used_memory_scripts_eval", scripts.bytes());
    out.field("number_of_cached_scripts", scripts.count());
    out.field("number_of_functions", libraries.functions());
    out.field("number_of_libraries", libraries.all().size());
    out.field("used_memory_vm_functions", functionBytes);
    out.bytes("used_memory_vm_total", evalBytes + functionBytes);
    out.field("used_memory_functions", libraryBytes);
    out.bytes("used_memory_scripts", scripts.bytes() + libraryBytes);
  }
}
