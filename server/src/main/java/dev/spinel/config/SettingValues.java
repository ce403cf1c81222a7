package dev.spinel.config;

/// The values of all settings at one moment, by [Setting#index].
///
/// A draft while a file is read or a CONFIG SET is tried: only that thread sees it then. Once
/// published in [Config] it isn't written any more.
final class SettingValues {
  private final Object[] slots;

  /// What they were before any configuration was read. Never written into.
  private final Object[] defaults;

  private SettingValues(Object[] slots, Object[] defaults) {
    this.slots = slots;
    this.defaults = defaults;
  }

  static SettingValues defaults() {
    Object[] slots = new Object[Settings.count()];
    for (int i = 0; i < slots.length; i++) slots[i] = Settings.at(i).defaultValue;
    return new SettingValues(slots, slots.clone());
  }

  SettingValues draft() {
    return new SettingValues(slots.clone(), defaults);
  }

  /// A draft for which the values as they are now are the defaults.
  SettingValues asDefaults() {
    return new SettingValues(slots.clone(), slots.clone());
  }

  /// The value of a setting. The cast is right by construction: only [#put] and [#take] write, both
  /// with what the setting itself made.
  @SuppressWarnings("unchecked")
  <T> T get(Setting<T> setting) {
    return (T) slots[setting.index];
  }

  long[] numbers() {
    long[] numbers = new long[slots.length];
    for (int i = 0; i < slots.length; i++) {
      if (slots[i] instanceof Long number) numbers[i] = number;
      else if (slots[i] instanceof Boolean on) numbers[i] = on ? 1 : 0;
    }
    return numbers;
  }

  <T> void put(Setting<T> setting, T value) {
    slots[setting.index] = value;
  }

  /// Parses arguments and takes their value.
  <T> void take(Setting<T> setting, String[] arguments, ConfigLog log) {
    put(setting, setting.parse(arguments, this, log));
  }

  @SuppressWarnings("unchecked") // as in get
  <T> boolean isDefault(Setting<T> setting) {
    return setting.same(get(setting), (T) defaults[setting.index]);
  }

  /// Whether a setting has the same value in both.
  <T> boolean agree(Setting<T> setting, SettingValues other) {
    return setting.same(get(setting), other.get(setting));
  }
}
