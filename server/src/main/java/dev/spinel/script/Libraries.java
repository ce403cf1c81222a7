package dev.spinel.script;

import dev.spinel.engine.CommandError;
import dev.spinel.engine.LibraryStore;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The libraries of functions that a server has. They are data: they are saved, replicated, copied.
///
/// Changed in stopped worlds, each time as a whole, and with a new era, so a call never begins with
/// a function and runs another one. Read by any thread.
final class Libraries implements LibraryStore {
  /// What there is at one moment.
  private record Shelf(Map<String, Library> libraries, Map<String, LibraryFunction> functions) {
    static final Shelf EMPTY = new Shelf(Map.of(), Map.of());

    Shelf copy() {
      return new Shelf(new LinkedHashMap<>(libraries), new LinkedHashMap<>(functions));
    }

    void take(Library library) {
      for (LibraryFunction function : library.functions()) {
        functions.remove(key(function.name));
      }
      libraries.remove(library.name);
    }

    /// Errors: one of the functions is there already.
    void put(Library library) {
      for (LibraryFunction function : library.functions()) {
        if (functions.putIfAbsent(key(function.name), function) != null) {
          throw new CommandError("ERR Function " + function.name + " already exists");
        }
      }
      libraries.put(library.name, library);
    }
  }

  /// What becomes of the libraries that are there, when others come.
  enum Policy {
    FLUSH,
    APPEND,
    REPLACE
  }

  private final Scripts scripts;
  private volatile Shelf shelf = Shelf.EMPTY;

  Libraries(Scripts scripts) {
    this.scripts = scripts;
  }

  /// Names of functions are alike in any case.
  private static String key(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  Collection<Library> all() {
    return shelf.libraries.values();
  }

  int functions() {
    return shelf.functions.size();
  }

  @Nullable LibraryFunction function(String name) {
    return shelf.functions.get(key(name));
  }

  @Override
  public List<byte[]> codes() {
    return all().stream().map(library -> library.code).toList();
  }

  // ── changes: stopped world, or before the first session ──

  /// Errors: the Java heap has no room for them; what a file or a primary says is taken all the
  /// same.
  private void become(Shelf now, boolean isTrusted) {
    Shelf before = shelf;
    long bytes = heapBytes(now) - heapBytes(before);
    if (isTrusted) {
      scripts.engine().heap.add(bytes);
    } else if (bytes > 0 && !scripts.engine().heap.hold(bytes)) {
      end(now, before);
      throw new CommandError("OOM the server's Java heap has no room for more libraries");
    } else if (bytes < 0) {
      scripts.engine().heap.release(-bytes);
    }
    shelf = now;
    end(before, now);
    scripts.engine().newEra();
  }

  /// Ends those libraries that only the first shelf has.
  @SuppressWarnings("ReferenceEquality") // one of the same name may have come instead
  private static void end(Shelf of, Shelf not) {
    for (Library library : of.libraries.values()) {
      if (not.libraries.get(library.name) != library) {
        library.end();
      }
    }
  }

  private static long heapBytes(Shelf of) {
    return of.libraries.values().stream().mapToLong(Library::heapBytes).sum();
  }

  /// Loads one. Returns its name. Errors: it can't be loaded, or is there already.
  ///
  /// @param isTrusted a file or a primary says so: it may take as long as it likes
  String load(byte[] code, boolean replacing, boolean isTrusted) {
    Library.Header header = Library.Header.of(code);
    Shelf now = shelf.copy();
    Library before = now.libraries.get(header.name());
    if (before != null && !replacing) {
      throw new CommandError("ERR Library '" + header.name() + "' already exists");
    }
    if (before != null) {
      now.take(before);
    }
    Library made =
        Library.load(scripts, header, code, isTrusted ? 0 : Library.LOAD_MILLIS, isTrusted);
    try {
      now.put(made);
    } catch (CommandError e) {
      made.end();
      throw e;
    }
    become(now, isTrusted);
    return header.name();
  }

  /// Loads several, all or none. Errors: one can't be loaded, or is there already.
  void restore(List<byte[]> codes, Policy policy) {
    Incoming all = new Incoming(false);
    try {
      codes.forEach(all::add);
      if (policy == Policy.FLUSH) {
        become(all.together, false);
      } else {
        all.join(policy == Policy.REPLACE);
      }
    } catch (CommandError e) {
      all.abandon();
      throw e;
    }
  }

  @Override
  public Incoming incoming() {
    return new Incoming(true);
  }

  /// Libraries that are being loaded.
  final class Incoming implements LibraryStore.Incoming {
    private final Shelf together = Shelf.EMPTY.copy();
    private final boolean isTrusted; // a file or a primary says so

    Incoming(boolean isTrusted) {
      this.isTrusted = isTrusted;
    }

    @Override
    public void add(byte[] code) {
      Library.Header header = Library.Header.of(code);
      if (together.libraries.containsKey(header.name())) {
        throw new CommandError("ERR Library '" + header.name() + "' already exists");
      }
      Library made = Library.load(scripts, header, code, 0, isTrusted);
      try {
        together.put(made);
      } catch (CommandError e) {
        made.end();
        throw e;
      }
    }

    @Override
    public void abandon() {
      together.libraries.values().forEach(Library::end);
    }

    @Override
    public void join(boolean replacing) {
      if (together.libraries.isEmpty()) {
        return;
      }
      Shelf now = shelf.copy();
      for (Library library : together.libraries.values()) {
        Library before = now.libraries.get(library.name);
        if (before != null && !replacing) {
          throw new CommandError("ERR Library " + library.name + " already exists");
        }
        if (before != null) {
          now.take(before);
        }
      }
      together.libraries.values().forEach(now::put);
      become(now, isTrusted);
    }
  }

  /// Errors: there is no such library.
  void delete(String name) {
    Shelf now = shelf.copy();
    Library gone = now.libraries.get(name);
    if (gone == null) {
      throw new CommandError("ERR Library not found");
    }
    now.take(gone);
    become(now, false);
  }

  @Override
  public void flush() {
    become(Shelf.EMPTY, false);
  }
}
