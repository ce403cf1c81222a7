package dev.spinel.engine;

/// A section of INFO, or a part of one, declared by the feature whose facts it shows.
///
/// ```java
/// final class Channels implements Section {
///   public String title() { return "Stats"; }
///   public void tell(Call call, Fields out) { out.field("pubsub_channels", listeners.size()); }
/// }
/// ```
///
/// The assembly lists all of them in the order in which INFO shows them. Those of one title are one
/// section: a feature that adds a few fields to another's section declares a part of the same
/// title.
///
/// **The layout.** Programs read INFO by names, people by its order, and a feature that isn't there
/// still has its fields, which say so. So a section to which many contribute has a layout: all of
/// its fields in order, each with the value that it has if no part gives one. A field that is in no
/// layout comes behind the others, in the order given; if several parts give a field, the last one
/// counts.
///
/// A section is made once per server, by the assembly, with whatever it needs in its constructor.
/// `tell` may be called from all threads at once.
public interface Section {
  /// The heading. In small letters it is the name that INFO is asked for.
  String title();

  /// Whether INFO shows it unasked; what isn't standard it shows if asked for it, or for all. The
  /// first part of a section decides.
  default boolean standard() {
    return true;
  }

  /// Whether INFO shows it only if it is asked for by its name.
  default boolean hidden() {
    return false;
  }

  /// Lines `name:value`.
  default String layout() {
    return "";
  }

  void tell(Call call, Fields out);

  /// CONFIG RESETSTAT: what it counts begins at 0 again. Stopped world.
  default void reset() {}
}
