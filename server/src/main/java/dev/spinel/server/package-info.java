/// Assembly: the one package that knows all others. Builds a server from its configuration, ties
/// connections to sessions, orders the gates, and takes everything down again.
///
/// Called by the command line ([Main]) and by the embedded API ([dev.spinel.Spinel]).
@NullMarked
package dev.spinel.server;

import org.jspecify.annotations.NullMarked;
