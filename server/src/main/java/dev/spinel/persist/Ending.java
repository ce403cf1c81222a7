package dev.spinel.persist;

/// How a server is to end: the words of SHUTDOWN, and of `shutdown-on-sigterm`.
///
/// @param save whether data is saved though there are no save points
/// @param noSave whether it isn't though there are
/// @param force whether the server ends even if its data can't be saved
public record Ending(boolean save, boolean noSave, boolean force) {
  /// As there are save points, or not.
  public static final Ending DEFAULT = new Ending(false, false, false);

  /// By the words of a setting: `default`, or some of `save`, `nosave`, `now` and `force`.
  public static Ending of(String words) {
    boolean save = false;
    boolean noSave = false;
    boolean force = false;
    for (String word : words.split(" ")) {
      switch (word) {
        case "save" -> save = true;
        case "nosave" -> noSave = true;
        case "force" -> force = true;
        default -> {} // nobody needs to be waited for
      }
    }
    return new Ending(save && !noSave, noSave, force);
  }

  Ending withoutSaving() {
    return new Ending(false, true, force);
  }
}
