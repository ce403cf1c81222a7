package dev.spinel.persist;

/// How a server is to end: the words of SHUTDOWN, and of `shutdown-on-sigterm`.
///
/// @param save whether data is saved though there are no save points
/// @param noSave whether it isn't though there are
/// @param force whether the server ends even if its data can't be saved
/// @param now whether it doesn't wait for its replicas
public record Ending(boolean save, boolean noSave, boolean force, boolean now) {
  /// As there are save points, or not.
  public static final Ending DEFAULT = new Ending(false, false, false, false);

  /// By the words of a setting: `default`, or some of `save`, `nosave`, `now` and `force`.
  public static Ending of(String words) {
    boolean save = false;
    boolean noSave = false;
    boolean force = false;
    boolean now = false;
    for (String word : words.split(" ")) {
      switch (word) {
        case "save" -> save = true;
        case "nosave" -> noSave = true;
        case "force" -> force = true;
        case "now" -> now = true;
        default -> {}
      }
    }
    return new Ending(save && !noSave, noSave, force, now);
  }

  Ending withoutSaving() {
    return new Ending(false, true, force, now);
  }
}
